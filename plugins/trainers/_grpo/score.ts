/**
 * Log-probabilities of sampled tokens under the model as it is, or under the one that KL holds it to.
 *
 * @module
 */
import { scoringGraph } from "../../models/training_graph.ts";
import { type Feed, floats, type Session } from "../../onnx/session.ts";
import type { Trainee } from "../_trainee.ts";
import { type BatchLimits, microBatchesOf, policyBatch } from "./batches.ts";
import type { PolicySequence } from "./prepare.ts";

/** A model that scores. */
export interface Scorer {
  readonly session: () => Promise<Session>;
  readonly parameters: () => Readonly<Record<string, Feed>>;
}

/** The model as it is at each call. */
export function currentScorer(trainee: Trainee, maxPositions: number): Scorer {
  return {
    session: () =>
      trainee.session("policy scores", () => scoringGraph(trainee.model, { maxPositions, sharpened: true })),
    parameters: () => trainee.learner.feeds(),
  };
}

/**
 * The reference of KL: the model without what is trained, or as it is now when it goes on from an adapter.
 *
 * @param trainee Before its first update.
 * @param goesOn Whether training started from an adapter.
 */
export function referenceScorer(trainee: Trainee, maxPositions: number, goesOn: boolean): Scorer {
  if (goesOn) {
    const { parameters, session } = currentScorer(trainee, maxPositions);
    const held = Object.fromEntries(
      Object.entries(parameters()).map(([name, { data, shape }]) => [name, { data: data.slice(), shape }]),
    );
    return { session, parameters: () => held };
  }
  const base = { ...trainee.model, buckets: [], lora: null };
  return {
    session: () =>
      trainee.session("reference scores", () => scoringGraph(base, { maxPositions, sharpened: true })),
    parameters: () => ({}),
  };
}

/** log p of the trained tokens of each sequence, in their order. */
export async function scoresOf(
  { session, parameters }: Scorer,
  sequences: readonly PolicySequence[],
  { padId, signal, ...limits }: BatchLimits & {
    readonly padId: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<readonly Float32Array[]> {
  const scores: Float32Array[] = [];
  const running = await session();
  for (const micro of microBatchesOf(sequences, sequences.map((_, at) => at), limits)) {
    signal?.throwIfAborted();
    const { feeds } = policyBatch(sequences, micro, padId);
    const all = floats((await running.run({ ...parameters(), ...feeds }))["log_probabilities"]);
    let at = 0;
    for (const [index] of micro.rows) {
      scores[index!] = all.slice(at, at += sequences[index!]!.advantages.length);
    }
  }
  return scores;
}
