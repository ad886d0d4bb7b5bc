/**
 * A batch as the inputs of the graphs.
 *
 * @module
 */
import type { Feed } from "../onnx/session.ts";
import type { Batch } from "./_data/mod.ts";

/** Inputs that the scoring graph takes. @param packed Whether the graph has the input `segments`. */
export function scoringFeeds(batch: Batch, packed: boolean): Record<string, Feed> {
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

/** Inputs that the training graph takes: weights are divided by those of the whole step. */
export function trainingFeeds(batch: Batch, packed: boolean, totalWeight: number): Record<string, Feed> {
  const weights = batch.weights.map((weight) => weight / totalWeight);
  return { ...scoringFeeds(batch, packed), weights: { data: weights, shape: [weights.length] } };
}
