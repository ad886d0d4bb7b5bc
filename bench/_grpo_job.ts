/**
 * What bench/grpo.ts and its sides say to each other.
 *
 * @module
 */
import { seeded } from "../core/prng.ts";

/** Steps of GRPO: tries at prompts, rewards, loss, update. */
export interface GrpoJob {
  /** Hugging Face folder; everything is float32 whatever the file holds. */
  readonly model: string;
  readonly method: "lora" | "full";
  /** PEFT folder to start from; null for `full`. */
  readonly adapter: string | null;
  readonly steps: number;
  /** Prompts of a step; step s takes those at s mod their number. */
  readonly prompts: readonly (readonly (readonly number[])[])[];
  readonly groupSize: number;
  /** Every completion has so many tokens: nothing ends one sooner. */
  readonly completionTokens: number;
  /** Rows that are trained on at once; all are sampled at once. */
  readonly rows: number;
  readonly lr: number;
  readonly threads: number;
}

/** What a side did. */
export interface GrpoResult {
  readonly versions: Readonly<Record<string, string>>;
  /** From the end of the step before. */
  readonly step_seconds: readonly number[];
  /** The part of it that went into sampling. */
  readonly sampling_seconds: readonly number[];
  readonly rewards: readonly number[];
  /** −log p of what was sampled, or its expectation, mean over tokens. */
  readonly surprise: readonly number[];
  readonly grad_norms: readonly number[];
  /** Sampled tokens of each step. */
  readonly sampled: readonly number[];
  /** Number of trained values. */
  readonly trained: number;
  readonly peak_rss_bytes: number;
}

/** Steps that go through other prompts before the first ones come again. */
const ROUND = 4;

/** Random prompts of one length. */
export function grpoPrompts(
  { prompts, promptTokens }: { readonly prompts: number; readonly promptTokens: number },
  vocabulary: number,
): number[][][] {
  const prng = seeded(6);
  const several = <T>(length: number, make: () => T) => Array.from({ length }, make);
  return several(
    ROUND,
    () => several(prompts, () => several(promptTokens, () => Math.floor(prng() * vocabulary))),
  );
}
