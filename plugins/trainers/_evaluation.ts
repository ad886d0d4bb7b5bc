/**
 * How well a model predicts the trained tokens of sequences.
 *
 * @module
 */
import { floats, type Session } from "../onnx/session.ts";
import { type Batch, batchOf, planRun, type Sequence } from "./_data/mod.ts";
import { scoringFeeds } from "./_feeds.ts";

/** What an evaluation found. */
export interface Evaluation {
  /** Mean cross-entropy of the trained tokens, by their weights, in nats. */
  readonly loss: number;
  /** exp of the mean cross-entropy, every trained token counted alike. */
  readonly perplexity: number;
  /** Share of trained tokens that were the most probable ones. */
  readonly tokenAccuracy: number;
  /** Trained tokens. */
  readonly tokens: number;
}

/** What {@linkcode evaluateSequences} takes beside session and sequences. */
export interface EvaluationOptions {
  readonly batchSize: number;
  readonly maxLength: number;
  readonly padId: number;
  readonly signal?: AbortSignal | undefined;
}

/** Scores sequences in their order, without packing. Sums are in float64, so the size of a batch changes nothing. */
export async function evaluateSequences(
  session: Session,
  parameters: () => Readonly<Record<string, never>> | ReturnType<typeof scoringFeeds>,
  sequences: readonly Sequence[],
  { batchSize, maxLength, padId, signal }: EvaluationOptions,
): Promise<Evaluation> {
  const { steps } = planRun(sequences, { epochs: 1, batchSize, maxLength, shuffle: false, seed: 0 });
  const sum = { loss: 0, weight: 0, surprise: 0, right: 0, tokens: 0 };
  for (const { microBatches } of steps) {
    for (const micro of microBatches) {
      signal?.throwIfAborted();
      const batch = batchOf(sequences, micro, { padId });
      const outputs = await session.run({ ...parameters(), ...scoringFeeds(batch, false) });
      const best = (outputs["best"] as { data: BigInt64Array }).data; // sound: the graph's own output
      add(sum, batch, floats(outputs["log_probabilities"]), best);
    }
  }
  return {
    loss: sum.loss / sum.weight,
    perplexity: Math.exp(sum.surprise / sum.tokens),
    tokenAccuracy: sum.right / sum.tokens,
    tokens: sum.tokens,
  };
}

function add(
  sum: { loss: number; weight: number; surprise: number; right: number; tokens: number },
  { weights, targets }: Batch,
  logProbabilities: Float32Array,
  best: BigInt64Array,
): void {
  for (let n = 0; n < weights.length; n++) {
    sum.loss -= weights[n]! * logProbabilities[n]!;
    sum.weight += weights[n]!;
    sum.surprise -= logProbabilities[n]!;
    if (best[n] === targets[n]) sum.right++;
    sum.tokens++;
  }
}
