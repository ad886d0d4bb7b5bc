/**
 * Sequences in micro-batches, as the graphs read them.
 *
 * @module
 */
import { type Batch, batchOf, type MicroBatch } from "../_data/mod.ts";
import { inChunks, scoringFeeds } from "../_feeds.ts";
import type { Feed } from "../../onnx/session.ts";
import type { PolicySequence } from "./prepare.ts";

/** Rows are padded to a multiple of this. */
const MULTIPLE = 8;

/** How much fits at once. */
export interface BatchLimits {
  /** Most tokens of a micro-batch, padding included; a longer sequence is a micro-batch of its own. */
  readonly batchTokens: number;
  /** Most tokens of a sequence. */
  readonly maxLength: number;
}

/** Divides sequences into micro-batches of like lengths. @param chosen Indices into the sequences. */
export function microBatchesOf(
  sequences: readonly Pick<PolicySequence, "ids">[],
  chosen: readonly number[],
  { batchTokens, maxLength }: BatchLimits,
): readonly MicroBatch[] {
  const padded = (index: number) =>
    Math.min(Math.ceil(sequences[index]!.ids.length / MULTIPLE) * MULTIPLE, maxLength);
  const byLength = chosen.toSorted((a, b) => padded(a) - padded(b) || a - b);
  const batches: { rows: number[][]; length: number }[] = [];
  for (const index of byLength) {
    const length = padded(index);
    const last = batches.at(-1);
    if (last !== undefined && (last.rows.length + 1) * length <= batchTokens) {
      last.rows.push([index]);
      last.length = length;
    } else batches.push({ rows: [[index]], length });
  }
  return batches;
}

/** A micro-batch with the inputs that all graphs of this trainer share. */
export interface PolicyBatch {
  readonly batch: Batch;
  /** Sequences in the order of their rows, which is that of their trained tokens. */
  readonly rows: readonly PolicySequence[];
  readonly feeds: Readonly<Record<"ids" | "positions" | "rows" | "targets" | "sharpness", Feed>>;
}

/** Lays a micro-batch out. */
export function policyBatch(
  sequences: readonly PolicySequence[],
  micro: MicroBatch,
  padId: number,
): PolicyBatch {
  const batch = batchOf(sequences, micro, { padId });
  const rows = micro.rows.map(([index]) => sequences[index!]!);
  const sharpness = new Float32Array(batch.batch * batch.length).fill(1);
  for (const [b, row] of rows.entries()) sharpness.set(row.sharpness, b * batch.length);
  const shape = [batch.batch, batch.length];
  return { batch, rows, feeds: { ...scoringFeeds(batch, false), sharpness: { data: sharpness, shape } } };
}

/** What the loss reads beside {@linkcode PolicyBatch.feeds}; arrays of tokens as they follow each other in the rows. */
export interface LossArrays {
  readonly old: readonly Float32Array[];
  readonly reference: readonly Float32Array[] | null;
  readonly advantages: readonly Float32Array[];
  /** w of the tokens of each row. */
  readonly weights: readonly number[];
  readonly level: "token" | "sequence";
  readonly headChunk?: number | undefined;
}

/** Inputs of the training graph. */
export function lossFeeds({ feeds, rows }: PolicyBatch, arrays: LossArrays): Readonly<Record<string, Feed>> {
  const { old, reference, advantages, weights, level, headChunk } = arrays;
  const lengths = advantages.map(({ length }) => length);
  const perToken = (values: readonly number[]) =>
    joinedArrays(lengths.map((n, b) => new Float32Array(n).fill(values[b]!)));
  const tokens: Record<string, Feed> = {
    rows: feeds.rows,
    targets: feeds.targets,
    old: vector(joinedArrays(old)),
    advantages: vector(joinedArrays(advantages)),
    weights: vector(perToken(weights)),
    ...(reference === null ? {} : { reference: vector(joinedArrays(reference)) }),
    ...(level === "token" ? {} : { sequences: int64(perToken(rows.map((_, b) => b))) }),
  };
  return {
    ...feeds,
    ...(headChunk === undefined ? tokens : inChunks(tokens, headChunk, Object.keys(tokens))),
    ...(level === "token" ? {} : { inverse_lengths: vector(Float32Array.from(lengths, (n) => 1 / n)) }),
  };
}

/** Arrays one after another. */
export function joinedArrays(arrays: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    whole.set(array, at);
    at += array.length;
  }
  return whole;
}

function vector(data: Float32Array): Feed {
  return { data, shape: [data.length] };
}

function int64(data: Float32Array): Feed {
  return { data: BigInt64Array.from(data, BigInt), shape: [data.length] };
}
