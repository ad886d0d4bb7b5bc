/**
 * Log-probabilities of answers under a model.
 *
 * @module
 */
import { type Feed, floats, type Session } from "../../onnx/session.ts";
import { batchOf, planRun, type Sequence } from "../_data/mod.ts";
import { scoringFeeds } from "../_feeds.ts";
import { ownersOf } from "./batch.ts";

/** What {@linkcode scoreAnswers} takes beside session and sequences. */
export interface ScoreOptions {
  /** What the session takes beside a batch. */
  readonly parameters: Readonly<Record<string, Feed>>;
  readonly batchSize: number;
  readonly maxLength: number;
  readonly padId: number;
  readonly signal?: AbortSignal | undefined;
}

/** Σ weight · log p over the trained tokens of each sequence, in float64. */
export async function scoreAnswers(
  session: Session,
  sequences: readonly Sequence[],
  { parameters, batchSize, maxLength, padId, signal }: ScoreOptions,
): Promise<Float64Array> {
  const { steps } = planRun(sequences, { epochs: 1, batchSize, maxLength, shuffle: false, seed: 0 });
  const sums = new Float64Array(sequences.length);
  for (const micro of steps.flatMap(({ microBatches }) => microBatches)) {
    signal?.throwIfAborted();
    const batch = batchOf(sequences, micro, { padId });
    const outputs = await session.run({ ...parameters, ...scoringFeeds(batch, false) });
    const found = floats(outputs["log_probabilities"]);
    for (const [n, owner] of ownersOf(sequences, micro).entries()) {
      sums[owner]! += batch.weights[n]! * found[n]!;
    }
  }
  return sums;
}
