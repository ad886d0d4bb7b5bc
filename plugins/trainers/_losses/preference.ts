/**
 * Losses of preference pairs, as functions from the scores of both answers to the loss of each pair.
 *
 * With π the policy and ρ the reference, the score of an answer y is s = log π(y) − log ρ(y), log π(y) alone where a loss
 * has no reference, and divided by the number of its trained tokens |y| where it averages. β·s is its implicit reward.
 * In the formulas c is the score of the chosen answer, r that of the rejected one, and −log σ(x) is softplus(−x).
 *
 * What is left out: losses whose pairs depend on each other (AOT, BCO), so that a step may be cut in any micro-batches.
 *
 * @module
 */
import type { Graph, Value } from "../../onnx/graph.ts";

/** Numbers that losses take; each uses those it names. */
export interface LossOptions {
  /** β: how much a difference of scores counts, above 0. */
  readonly beta: number;
  /** ε: share of pairs that may be labelled the wrong way round, 0 ≤ ε < 0.5. */
  readonly labelSmoothing: number;
  /** γ: reward margin that `simpo` asks for. */
  readonly gamma: number;
}

/** Scores of the answers of P pairs, each [P], of one floating-point type. */
export interface PairScores {
  readonly chosen: Value;
  readonly rejected: Value;
}

/** How an answer is scored. */
export interface ScoreRule {
  /** Whether the reference's log-probability is taken off. */
  readonly reference: boolean;
  /** Whether the score is a mean over tokens instead of a sum. */
  readonly averaged: boolean;
}

/** A loss of pairs. */
export interface PreferenceLoss extends ScoreRule {
  /** Loss of each pair, [P]. */
  readonly build: (graph: Graph, scores: PairScores, options: LossOptions) => Value;
}

/** Names of the losses of pairs. */
export type PreferenceLossName =
  | "sigmoid"
  | "robust"
  | "ipo"
  | "hinge"
  | "sigmoid_norm"
  | "simpo"
  | "orpo"
  | "apo_zero"
  | "apo_down"
  | "sppo_hard";

const SUMS: ScoreRule = { reference: true, averaged: false };
const MEANS: ScoreRule = { reference: true, averaged: true };
const MEANS_ALONE: ScoreRule = { reference: false, averaged: true };

/** Every loss of pairs by name. */
export const PREFERENCE_LOSSES: Readonly<Record<PreferenceLossName, PreferenceLoss>> = {
  /**
   * −(1−ε)·log σ(β(c−r)) − ε·log σ(−β(c−r)). Rafailov et al. 2023, Direct Preference Optimization (arXiv:2305.18290),
   * eq. 7; ε > 0 is conservative DPO: Mitchell 2023, A note on DPO with noisy preferences.
   */
  sigmoid: { ...SUMS, build: smoothed },
  /**
   * (−(1−ε)·log σ(β(c−r)) + ε·log σ(−β(c−r))) / (1−2ε): unbiased when a share ε of the labels is flipped.
   * Chowdhury et al. 2024, Provably Robust DPO (arXiv:2403.00409).
   */
  robust: {
    ...SUMS,
    build: (g, scores, { beta, labelSmoothing: e }) => {
      const z = margin(g, scores, beta);
      return g.div(g.sub(g.mul(surprise(g, z), 1 - e), g.mul(softplus(g, z), e)), 1 - 2 * e);
    },
  },
  /**
   * (c − r − 1/(2β))² with scores averaged over tokens. Azar et al. 2023, A General Theoretical Paradigm (IPO,
   * arXiv:2310.12036), which sums; the mean keeps the target 1/(2β) within reach of long answers, as TRL does.
   */
  ipo: {
    ...MEANS,
    build: (g, { chosen, rejected }, { beta }) => square(g, g.sub(g.sub(chosen, rejected), 1 / (2 * beta))),
  },
  /** max(0, 1 − β(c−r)). Zhao et al. 2023, SLiC-HF (arXiv:2305.10425), on implicit rewards. */
  hinge: { ...SUMS, build: (g, scores, { beta }) => g.op("Relu", [g.sub(1, margin(g, scores, beta))]) },
  /** `sigmoid` with scores averaged over tokens. Lambert et al. 2024, Tülu 3 (arXiv:2411.15124). */
  sigmoid_norm: { ...MEANS, build: smoothed },
  /** −log σ(β(c−r) − γ) on mean log-probabilities, no reference. Meng et al. 2024, SimPO (arXiv:2405.14734). */
  simpo: {
    ...MEANS_ALONE,
    build: (g, scores, { beta, gamma }) => surprise(g, g.sub(margin(g, scores, beta), gamma)),
  },
  /**
   * −c − β·log σ(o(c) − o(r)), o(s) = s − log(1 − eˢ) the log-odds of the mean probability of a token, no reference.
   * Hong et al. 2024, ORPO (arXiv:2403.07691), whose λ is β.
   */
  orpo: {
    ...MEANS_ALONE,
    build: (g, { chosen, rejected }, { beta }) => {
      const ratio = g.sub(logOdds(g, chosen), logOdds(g, rejected));
      return g.sub(g.mul(surprise(g, ratio), beta), chosen);
    },
  },
  /** 1 − σ(βc) + σ(βr): chosen up, rejected down. D'Oosterlinck et al. 2024, APO (arXiv:2408.06266). */
  apo_zero: {
    ...SUMS,
    build: (g, { chosen, rejected }, { beta }) =>
      g.add(g.sub(1, sigmoid(g, chosen, beta)), sigmoid(g, rejected, beta)),
  },
  /** σ(βc) + 1 − σ(β(c−r)): both down, the rejected one further. Same paper. */
  apo_down: {
    ...SUMS,
    build: (g, { chosen, rejected }, { beta }) =>
      g.add(sigmoid(g, chosen, beta), g.sub(1, sigmoid(g, g.sub(chosen, rejected), beta))),
  },
  /** (c − 1/(2β))² + (r + 1/(2β))². Wu et al. 2024, SPPO (arXiv:2405.00675), with certain preferences. */
  sppo_hard: {
    ...SUMS,
    build: (g, { chosen, rejected }, { beta }) =>
      g.add(square(g, g.sub(chosen, 1 / (2 * beta))), square(g, g.add(rejected, 1 / (2 * beta)))),
  },
};

function smoothed(g: Graph, scores: PairScores, { beta, labelSmoothing: e }: LossOptions): Value {
  const z = margin(g, scores, beta);
  return e === 0 ? surprise(g, z) : g.add(g.mul(surprise(g, z), 1 - e), g.mul(softplus(g, z), e));
}

function margin(g: Graph, { chosen, rejected }: PairScores, beta: number): Value {
  return g.mul(g.sub(chosen, rejected), beta);
}

/** −log σ(z). */
function surprise(g: Graph, z: Value): Value {
  return softplus(g, g.op("Neg", [z]));
}

/** log(1 + eˣ). The runtime has no float64 kernel for Softplus; written out it is finite up to x = 709. */
function softplus(g: Graph, x: Value): Value {
  if (x.type === "float32") return g.op("Softplus", [x]);
  return g.op("Log", [g.add(g.op("Exp", [x]), 1)]);
}

function sigmoid(g: Graph, score: Value, beta: number): Value {
  return g.op("Sigmoid", [g.mul(score, beta)]);
}

function square(g: Graph, x: Value): Value {
  return g.mul(x, x);
}

/** Least surprise of a token that log-odds tell from certainty: float32 has no probability between 1 and 1 − 2⁻²⁴. */
const CERTAIN = 1e-7;

/** s − log(1 − eˢ). With t = tanh(−s/2), 1 − eˢ = 2t/(1 + t), which loses nothing near s = 0. */
function logOdds(g: Graph, score: Value): Value {
  const t = g.op("Tanh", [g.mul(g.pair("Max", g.op("Neg", [score]), CERTAIN), 0.5)]);
  return g.sub(score, g.op("Log", [g.div(g.mul(t, 2), g.add(t, 1))]));
}
