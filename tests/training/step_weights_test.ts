/**
 * Losses weighted by the rewards of steps, and their gradients, against an independent implementation
 * (tests/golden/README.md).
 */
import assert from "node:assert/strict";
import { floats, Session } from "../../plugins/onnx/session.ts";
import { trainingGraph } from "../../plugins/models/training_graph.ts";
import { Learner } from "../../plugins/trainers/_learner.ts";
import { close, feedsOf, golden, MODELS, type PaddedBatch } from "./_golden.ts";
import { byName, fullModel } from "./_models.ts";

interface WeightedBatch extends PaddedBatch {
  step_ids: number[][];
  token_weights_per_step: number[][];
  n_tokens: number;
  loss_f64: number;
  loss_f64_divided_by_weight_sum: number;
  grad_l2: Record<string, number>;
}

/** Weights of the trained tokens in the order of the feeds. */
function weightsOf({ labels, step_ids, token_weights_per_step }: WeightedBatch): number[] {
  return labels.flatMap((row, b) =>
    row.flatMap((label, t) =>
      t === 0 || label === -100 ? [] : [token_weights_per_step[b]![step_ids[b]![t]!]!]
    )
  );
}

for (const name of MODELS) {
  Deno.test(`losses of ${name} weighted by step rewards and their gradients equal recorded ones`, async () => {
    const { cases } = await golden<{ cases: WeightedBatch[] }>(`${name}-step-weighted`);
    const { model, values } = await fullModel(name);
    const longest = Math.max(...cases.map(({ input_ids }) => input_ids[0]!.length));
    await using session = await Session.create(trainingGraph(model, { maxPositions: longest }));
    const learner = new Learner(model.buckets, values);
    for (const batch of cases) {
      const weights = weightsOf(batch);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      if (total === 0) continue; // nothing to divide by: such data are refused before
      const feeds = feedsOf(batch);
      const { loss } = await learner.accumulate(session, {
        ...feeds,
        weights: { data: Float32Array.from(weights, (weight) => weight / total), shape: [weights.length] },
      });
      close(floats(loss)[0]!, batch.loss_f64_divided_by_weight_sum, 1e-5, 0, "loss");
      // The recorded gradients are those of the loss that is divided by the number of tokens.
      const scale = batch.n_tokens / total;
      close(batch.loss_f64 * scale, batch.loss_f64_divided_by_weight_sum, 1e-7, 0, "recorded losses");
      const gradients = byName(model.buckets, learner.gradients!);
      for (const [tensor, l2] of Object.entries(batch.grad_l2)) {
        close(Math.hypot(...gradients.get(tensor)!), Math.abs(scale) * l2, 1e-4, 1e-9, tensor);
      }
      learner.discard();
    }
    assert.ok(cases.length > 1);
  });
}
