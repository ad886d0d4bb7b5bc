/**
 * A batch as the inputs of the graphs.
 *
 * @module
 */
import type { Feed } from "../onnx/session.ts";
import type { Prng } from "../../core/prng.ts";
import type { Batch } from "./_data/mod.ts";

/** Inputs that the scoring graph takes. @param packed Whether the graph has the input `segments`. */
export function scoringFeeds(
  batch: Batch,
  packed: boolean,
): Record<"ids" | "positions" | "rows" | "targets", Feed> {
  const shape = [batch.batch, batch.length];
  return {
    ids: { data: batch.ids, shape },
    positions: { data: batch.positions, shape },
    rows: { data: batch.rows, shape: [batch.rows.length] },
    targets: { data: batch.targets, shape: [batch.targets.length] },
    // One sequence a row needs no segments, but a graph that packs asks for them: everything belongs together.
    ...(packed ? { segments: { data: batch.segments ?? new BigInt64Array(batch.ids.length), shape } } : {}),
  };
}

/** Keys of dropout, drawn anew for each batch from [64, 4096): large enough that their multiples look like chance. */
export function dropoutFeeds({ batch, length }: Batch, prng: Prng): Record<"dropout", Feed> {
  const data = Float32Array.from({ length: batch * length }, () => 64 + prng() * 4032);
  return { dropout: { data, shape: [batch, length] } };
}

/** What decides the inputs of a training graph. */
export interface TrainingFeedOptions {
  readonly packed: boolean;
  /** Weights are divided by those of the whole step. */
  readonly totalWeight: number;
  /** As the graph was built. */
  readonly headChunk?: number | undefined;
}

/** Inputs that the training graph takes. */
export function trainingFeeds(
  batch: Batch,
  { packed, totalWeight, headChunk }: TrainingFeedOptions,
): Record<string, Feed> {
  const weights = batch.weights.map((weight) => weight / totalWeight);
  const feeds = { ...scoringFeeds(batch, packed), weights: { data: weights, shape: [weights.length] } };
  return headChunk === undefined ? feeds : inChunks(feeds, headChunk);
}

/** What is [N] as [C, chunk], filled up with zeros: row 0, token 0, weight 0. @param names Inputs that are [N]. */
export function inChunks<F extends Readonly<Record<string, Feed>>>(
  feeds: F,
  chunk: number,
  names: readonly (keyof F & string)[] = ["rows", "targets", "weights"],
): F {
  return { ...feeds, ...Object.fromEntries(names.map((name) => [name, chunked(feeds[name]!, chunk)])) };
}

function chunked({ data }: Feed, chunk: number): Feed {
  const chunks = Math.ceil(data.length / chunk);
  const whole = new (data.constructor as Float32ArrayConstructor)(chunks * chunk);
  whole.set(data as Float32Array); // sound: both are of one type
  return { data: whole, shape: [chunks, chunk] };
}
