/**
 * A batch as the inputs of the graphs.
 *
 * @module
 */
import type { Feed } from "../onnx/session.ts";
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

/** `rows`, `targets` and `weights` [N] as [C, chunk], filled up with row 0, token 0 and weight 0. */
export function inChunks<F extends Record<"rows" | "targets" | "weights", Feed>>(feeds: F, chunk: number): F {
  const chunks = Math.ceil(feeds.weights.data.length / chunk);
  const shape = [chunks, chunk];
  const filled = <T extends BigInt64Array | Float32Array>(data: T, whole: T): Feed => {
    (whole as Float32Array).set(data as Float32Array); // sound: both are of one type
    return { data: whole, shape };
  };
  const whole = (data: Feed["data"]) => filled(data as BigInt64Array, new BigInt64Array(chunks * chunk));
  return {
    ...feeds,
    rows: whole(feeds.rows.data),
    targets: whole(feeds.targets.data),
    weights: filled(feeds.weights.data as Float32Array, new Float32Array(chunks * chunk)),
  };
}
