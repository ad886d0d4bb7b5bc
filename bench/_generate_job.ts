/**
 * What bench/generate.ts and its sides say to each other.
 *
 * @module
 */
import { seeded } from "../core/prng.ts";

/** What a side does: greedy text after each prompt, all prompts as one batch, whatever ends a text. */
export interface GenerateJob {
  /** Hugging Face folder; weights are computed with in float32 whatever the file holds. */
  readonly model: string;
  /** The same model as `model export` writes it. */
  readonly exported: string;
  readonly prompts: readonly (readonly number[])[];
  /** New tokens of each text. */
  readonly newTokens: number;
  readonly threads: number;
  /** The batch is computed again until this is over. */
  readonly seconds: number;
}

/** What a side did. */
export interface GenerateResult {
  readonly versions: Readonly<Record<string, string>>;
  /** New ids of each text. */
  readonly ids: readonly (readonly number[])[];
  readonly runs: readonly GenerateRun[];
  readonly peak_rss_bytes: number;
}

/** Times of one batch. */
export interface GenerateRun {
  /** Until each text has its first token. */
  readonly prompt_seconds: number;
  /** From there to the last token. */
  readonly decode_seconds: number;
  /** Tokens that were made in that time. */
  readonly decoded: number;
}

/** New tokens of the run that warms a process up. */
export const WARMUP_TOKENS = 8;

/** Does a batch until the time is over, at least once. */
export async function repeated(
  { seconds }: GenerateJob,
  run: () => Promise<GenerateRun>,
): Promise<readonly GenerateRun[]> {
  const runs: GenerateRun[] = [];
  const start = performance.now();
  do runs.push(await run()); while (performance.now() - start < 1000 * seconds);
  return runs;
}

/** Random prompts: all of one length, or from an eighth of it to all of it. */
export function promptsOf(batch: number, length: number, ragged: boolean, vocabulary: number): number[][] {
  const prng = seeded(4);
  return Array.from({ length: batch }, (_, b) => {
    const own = ragged ? Math.max(1, Math.round(length * (b % 8 + 1) / 8)) : length;
    return Array.from({ length: own }, () => Math.floor(prng() * vocabulary));
  });
}
