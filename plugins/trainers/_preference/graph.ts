/**
 * The graph that trains on preferences.
 *
 * @module
 */
import type { Graph } from "../../onnx/graph.ts";
import { product } from "../../onnx/dimension.ts";
import { lossGraph, type TrainedModel, type TrainingGraphOptions } from "../../models/training_graph.ts";
import { type Objective, objectiveLoss } from "./objective.ts";

/**
 * Loss and gradients of a batch of answers, laid out in rows in any way.
 *
 * Inputs beside those of `lossGraph`: for each token `owners` [N], its answer, a chosen one p or a rejected one P + p, and
 * `token_weights` [N]; and those of `objectiveLoss`. Outputs: `loss`, `answers` [sides, P]: Σ token weight · log p of
 * each answer, and the gradients.
 */
export function preferenceGraph(
  model: TrainedModel,
  objective: Objective,
  options: TrainingGraphOptions,
): Graph {
  return lossGraph(model, options, ({ graph: g, logProbabilities, input }) => {
    const weighted = g.mul(logProbabilities, input("token_weights", "float32"));
    const owners = input("owners", "int64");
    let answers = weighted;
    const loss = objectiveLoss(g, objective, (shape) => {
      const sums = g.op("ScatterRows", [owners, weighted], { size: product(shape) });
      return answers = g.reshape(sums, shape);
    });
    return { loss, outputs: { answers } };
  });
}
