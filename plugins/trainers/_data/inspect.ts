/** What is trained, for people to look at before anything is: shares by role, and single rows token by token. */
import type { Json } from "../../../core/schema.ts";
import { columnsText } from "../_columns.ts";
import { ROLES, type Sequence, type TokenRole, trainedTokens } from "./sequence.ts";

/** Tokens of one role. */
export interface RoleShare {
  /** Role, or `all`. */
  readonly role: TokenRole | "all";
  /** Tokens. */
  readonly tokens: number;
  /** Tokens with a weight. */
  readonly trained: number;
  /** `trained` over `tokens`. */
  readonly share: number;
  /** Mean weight of trained tokens; null without any. */
  readonly meanWeight: number | null;
}

/** Counts tokens by role; roles that do not occur are left out, `all` comes last. */
export function roleShares(sequences: readonly Sequence[]): readonly RoleShare[] {
  const tokens = new Float64Array(ROLES.length);
  const trained = new Float64Array(ROLES.length);
  const weight = new Float64Array(ROLES.length);
  for (const { roles, weights } of sequences) {
    for (const [t, role] of roles.entries()) {
      tokens[role]!++;
      trained[role]! += Number(weights[t]! > 0);
      weight[role]! += weights[t]!;
    }
  }
  const sum = (counts: Float64Array) => counts.reduce((total, count) => total + count, 0);
  const shares = ROLES.map((role, at) => shareOf(role, tokens[at]!, trained[at]!, weight[at]!));
  return [...shares, shareOf("all", sum(tokens), sum(trained), sum(weight))].filter((row) => row.tokens > 0);
}

function shareOf(role: RoleShare["role"], tokens: number, trained: number, weight: number): RoleShare {
  return {
    role,
    tokens,
    trained,
    share: trained / tokens,
    meanWeight: trained === 0 ? null : weight / trained,
  };
}

/** The shares as lines of columns, a head first. */
export function roleSharesText(shares: readonly RoleShare[]): string {
  return columnsText([
    ["role", "tokens", "trained", "share", "mean weight"],
    ...shares.map(({ role, tokens, trained, share, meanWeight }) => [
      role,
      `${tokens}`,
      `${trained}`,
      `${(100 * share).toFixed(1)} %`,
      meanWeight === null ? "-" : meanWeight.toFixed(3),
    ]),
  ]);
}

/** Ids to text. */
export interface TokenReader {
  /** Text of ids, special tokens included. */
  decode(ids: Int32Array): string;
}

/** Tokens in a row with the same role, step and weight. */
export interface TokenRun {
  /** First token. */
  readonly start: number;
  /** Token after the last. */
  readonly end: number;
  /** Who it belongs to. */
  readonly role: TokenRole;
  /** Step of the row, -1 for the prompt. */
  readonly step: number;
  /** Weight of each token; 0 is not trained. */
  readonly weight: number;
  /** Their text. A character whose bytes lie in two runs shows as a replacement character in both. */
  readonly text: string;
}

/** Cuts a sequence where role, step or weight changes. */
export function runsOf(
  { ids, roles, steps, weights }: Sequence,
  tokenizer: TokenReader,
): readonly TokenRun[] {
  const runs: TokenRun[] = [];
  for (let start = 0, end = 1; start < ids.length; start = end++) {
    while (
      end < ids.length && roles[end] === roles[start] && steps[end] === steps[start] &&
      weights[end] === weights[start]
    ) end++;
    runs.push({
      start,
      end,
      role: ROLES[roles[start]!]!,
      step: steps[start]!,
      weight: weights[start]!,
      text: tokenizer.decode(ids.subarray(start, end)),
    });
  }
  return runs;
}

/** What {@linkcode sequenceText} takes beside sequence and tokenizer. */
export interface SequenceTextOptions {
  /** Whether to colour; without, trained text stands between `⟦` and `⟧` with its weight unless that is 1. */
  readonly colour: boolean;
}

/** A sequence as a person reads it: trained text on a green ground, darker for less weight, the rest dim. */
export function sequenceText(
  sequence: Sequence,
  tokenizer: TokenReader,
  { colour }: SequenceTextOptions,
): string {
  const { origin, chunk, chunks, ids } = sequence;
  const part = chunks > 1 ? `, part ${chunk + 1} of ${chunks}` : "";
  const head = `${origin}${part}: ${ids.length} tokens, ${trainedTokens(sequence)} trained`;
  const top = sequence.weights.reduce((most, weight) => Math.max(most, weight), 0);
  const show = colour ? (run: TokenRun) => coloured(run, top) : bracketed;
  return `${head}\n${
    runsOf(sequence, tokenizer).map((run) => show({ ...run, text: visible(run.text) })).join("")
  }`;
}

// Steps of green in the 256-colour palette, dark to light, all readable under white text.
const GREENS = [22, 28, 34] as const;

function coloured({ text, weight }: TokenRun, top: number): string {
  if (weight === 0) return `\x1b[2m${text}\x1b[22m`;
  const green = GREENS[Math.min(GREENS.length - 1, Math.floor(GREENS.length * weight / top))]!;
  // Ends each line in the default colours: terminals paint a coloured line end to the right border.
  return text.split("\n").map((line) => line === "" ? "" : `\x1b[48;5;${green};97m${line}\x1b[0m`).join("\n");
}

function bracketed({ text, weight }: TokenRun): string {
  if (weight === 0) return text;
  return `⟦${weight === 1 ? "" : `${Number(weight.toFixed(3))}: `}${text}⟧`;
}

/** Data must not steer the terminal: control characters but tab and line end are shown as escapes. */
function visible(text: string): string {
  return text.replace(
    /[^\P{Cc}\t\n]/gu,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** A sequence as data: head and runs. */
export function sequenceJson(sequence: Sequence, tokenizer: TokenReader): Json {
  const { origin, row, chunk, chunks, ids, features: { steps, reward, length } } = sequence;
  return {
    origin,
    row,
    chunk,
    chunks,
    tokens: ids.length,
    trained_tokens: trainedTokens(sequence),
    row_steps: steps,
    row_reward: reward,
    row_tokens: length,
    runs: runsOf(sequence, tokenizer).map((run) => ({ ...run })),
  };
}
