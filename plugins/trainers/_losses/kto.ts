/**
 * The loss of answers that were each judged good or bad by themselves.
 *
 * @module
 */
import type { Graph, Value } from "../../onnx/graph.ts";
import type { ScoreRule } from "./preference.ts";

/** `kto` compares sums with the reference. */
export const KTO: ScoreRule = { reference: true, averaged: false };

/** What {@linkcode ktoLoss} reads, of one floating-point type. */
export interface KtoScores {
  /** log π(y) − log ρ(y), [P]. */
  readonly score: Value;
  /** 1 for a good answer, −1 for a bad one, [P]. */
  readonly sign: Value;
  /** z₀ ≥ 0, a scalar: how far the policy is from the reference on answers to other prompts. No gradient flows into it. */
  readonly shift: Value;
}

/**
 * 1 − σ(β·sign·(s − z₀)) of each answer, [P]. Ethayarajh et al. 2024, KTO (arXiv:2402.01306); its weights λ of good
 * and bad answers are the weights of the answers.
 */
export function ktoLoss(g: Graph, { score, sign, shift }: KtoScores, beta: number): Value {
  return g.sub(1, g.op("Sigmoid", [g.mul(g.mul(sign, g.sub(score, shift)), beta)]));
}
