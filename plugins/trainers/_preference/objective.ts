/**
 * What is minimised: from the log-probabilities of a batch of answers to one scalar.
 *
 * @module
 */
import type { Shape } from "../../onnx/dimension.ts";
import { Graph, type Value } from "../../onnx/graph.ts";
import { KTO, ktoLoss } from "../_losses/kto.ts";
import {
  type LossOptions,
  PREFERENCE_LOSSES,
  type PreferenceLossName,
  type ScoreRule,
} from "../_losses/preference.ts";

/** A loss and its numbers. */
export interface Objective extends LossOptions {
  readonly loss: PreferenceLossName | "kto";
  /** α: what the mean cross-entropy of a token of the chosen answer adds; none for `kto`. */
  readonly rpoAlpha: number;
}

/** Names of all losses. */
export const LOSS_NAMES: readonly Objective["loss"][] = [
  ...Object.keys(PREFERENCE_LOSSES) as PreferenceLossName[], // sound: the table has these keys
  "kto",
];

/** Answers of one item: a chosen and a rejected one, or one that was judged by itself. */
export function sidesOf(loss: Objective["loss"]): 1 | 2 {
  return loss === "kto" ? 1 : 2;
}

/** How a loss scores answers. */
export function scoreRule(loss: Objective["loss"]): ScoreRule {
  return loss === "kto" ? KTO : PREFERENCE_LOSSES[loss];
}

/**
 * Σ over items of weight · (loss + α · cross-entropy of a token of the chosen answer). The last term: Pang et al. 2024,
 * Iterative Reasoning Preference Optimization (arXiv:2404.19733).
 *
 * Adds the inputs `reference` [sides, P]: log-probabilities under the reference, `lengths` [sides, P]: trained tokens,
 * `item_weights` [P], and for `kto` `signs` [P] and `shift` []. The first side is the chosen one.
 *
 * @param answers Makes the log-probability of each answer, [sides, P].
 */
export function objectiveLoss(g: Graph, objective: Objective, answers: (shape: Shape) => Value): Value {
  const { loss, beta, rpoAlpha } = objective;
  const shape = [sidesOf(loss), "P"];
  const sums = answers(shape);
  const input = (name: string, of: Shape) => g.input(name, sums.type, of);
  const [reference, lengths] = [input("reference", shape), input("lengths", shape)];
  const weights = input("item_weights", ["P"]);
  const { reference: relative, averaged } = scoreRule(loss);
  const gained = relative ? g.sub(sums, reference) : sums;
  const scores = averaged ? g.div(gained, lengths) : gained;
  const side = (of: Value, at: number) =>
    g.reshape(g.op("Slice", [of], { axis: 0, start: at, end: at + 1 }), ["P"]);
  const losses = loss === "kto"
    ? ktoLoss(g, { score: side(scores, 0), sign: input("signs", ["P"]), shift: input("shift", []) }, beta)
    : PREFERENCE_LOSSES[loss].build(g, { chosen: side(scores, 0), rejected: side(scores, 1) }, objective);
  const anchored = rpoAlpha === 0
    ? losses
    : g.sub(losses, g.mul(g.div(side(sums, 0), side(lengths, 0)), rpoAlpha));
  return g.reduceSum(g.mul(anchored, weights), [0]);
}

/** The loss alone: output `loss` from the input `answers` [sides, P] and those of {@linkcode objectiveLoss}. */
export function objectiveGraph(objective: Objective): Graph {
  const g = new Graph();
  g.output("loss", objectiveLoss(g, objective, (shape) => g.input("answers", "float32", shape)));
  return g;
}
