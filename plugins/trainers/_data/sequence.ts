/**
 * What training works on: tokens with a loss weight each. Everything before makes sequences, everything after
 * orders, packs and batches them.
 */
import { createHash } from "node:crypto";

/** Who a token belongs to; `template` is text that the chat template adds by itself. */
export const ROLES: readonly ["template", "system", "user", "assistant", "tool"] = [
  "template",
  "system",
  "user",
  "assistant",
  "tool",
];

/** A role of {@linkcode ROLES}. */
export type TokenRole = typeof ROLES[number];

/** What a curriculum orders by; the same for every chunk of a row. */
export interface RowFeatures {
  /** Steps of the whole row, at least 1. */
  readonly steps: number;
  /** Reward of the episode, or null when the row has none. */
  readonly reward: number | null;
  /** Tokens of the whole row, before it was cut. */
  readonly length: number;
}

/**
 * Tokens that are trained together, the first without context. All arrays have the same length.
 *
 * Tokens after the last trained one are not there: nothing that is trained can see them.
 */
export interface Sequence {
  /** Token ids. */
  readonly ids: Int32Array;
  /**
   * Loss weight of each token: `ids[t]` is predicted from `ids[<t]` and its cross-entropy counts this much. 0 is not
   * trained; never negative; index 0 is always 0.
   */
  readonly weights: Float32Array;
  /** Index into {@linkcode ROLES}. */
  readonly roles: Uint8Array;
  /** Step of the row that each token belongs to, replies of the environment included; -1 for the prompt. */
  readonly steps: Int32Array;
  /** Row of the data set, from 0. */
  readonly row: number;
  /** Which part of the row, from 0. */
  readonly chunk: number;
  /** Parts of the row. */
  readonly chunks: number;
  /** Where the row comes from: `file:line`. */
  readonly origin: string;
  /** What must stay on one side when data are split: the task id, or else the origin. */
  readonly group: string;
  /** What a curriculum orders by. */
  readonly features: RowFeatures;
}

/** Tokens with a weight above 0. */
export function trainedTokens({ weights }: Pick<Sequence, "weights">): number {
  let count = 0;
  for (const weight of weights) if (weight > 0) count++;
  return count;
}

/** Sum of the weights. */
export function weightOf({ weights }: Pick<Sequence, "weights">): number {
  let sum = 0;
  for (const weight of weights) sum += weight;
  return sum;
}

/** SHA-256 over ids and weights in order, in hex: a run that goes on checks that it has the same data. */
export function digestOf(sequences: readonly Pick<Sequence, "ids" | "weights">[]): string {
  const hash = createHash("sha256");
  for (const { ids, weights } of sequences) {
    hash.update(new Uint32Array([ids.length])); // so that a border cannot move
    hash.update(ids);
    hash.update(weights);
  }
  return hash.digest("hex");
}
