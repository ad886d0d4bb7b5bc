/**
 * The clipped policy-gradient objective of GRPO and its relatives, token by token.
 *
 *     ρ = exp(log π − log π_old)                       level "token"
 *     ρ = exp(mean over the sequence of log π − log π_old)   level "sequence" (GSPO)
 *     ℓ = −min(ρ·A, clip(ρ, 1 − ε_low, 1 + ε_high)·A)  + β·k3
 *     k3 = exp(log π_ref − log π) − (log π_ref − log π) − 1    [· ρ]
 *     L = Σ w·ℓ
 *
 * With `delta` the first term takes min(ρ, δ): an upper bound on ρ where A < 0, which the clip leaves open (dual clip).
 *
 * Sources: Shao et al. 2024, DeepSeekMath (arXiv:2402.03300); Yu et al. 2025, DAPO (arXiv:2503.14476); Liu et al. 2025,
 * Dr. GRPO (arXiv:2503.20783); Zheng et al. 2025, GSPO (arXiv:2507.18071); Ye et al. 2020, dual clip (arXiv:1912.09729);
 * Schulman 2020, Approximating KL Divergence; Yao et al. 2025, truncated importance sampling for rollouts.
 *
 * Where this departs from the papers:
 * - w is computed from all sequences of an update, never from one micro-batch, so that memory does not change the loss.
 *   Therefore `bnpo`, which in TRL divides by the tokens of a micro-batch, equals `dapo` here.
 * - Logarithms of ratios are held to ±20, that to the reference from above: a token that became 10⁸ times as likely, or as
 *   unlikely, would otherwise overflow, and the surrogate is clipped anyway.
 * - Weights of importance sampling multiply A, which is the same as multiplying the surrogate, for they are not
 *   negative; they do not multiply KL.
 * - There is no entropy bonus: DAPO's higher ε_high does its work.
 *
 * @module
 */
import type { Graph, Value } from "../../onnx/graph.ts";

/** Options of {@linkcode policyGradientLoss}. */
export interface PolicyGradientOptions {
  /** Whether ρ belongs to a token or to a sequence. @default "token" */
  readonly level?: "token" | "sequence";
  /** @default 0.2 */
  readonly epsilonLow?: number;
  /** @default 0.2 */
  readonly epsilonHigh?: number;
  /** Largest ρ in the first term, above 1 + ε_high; null leaves it open. @default null */
  readonly delta?: number | null;
  /** Weight of KL; 0 leaves it out, and the reference with it. @default 0 */
  readonly beta?: number;
  /** Whether KL is multiplied by ρ, which makes its gradient right off policy. @default true */
  readonly klBiasCorrection?: boolean;
}

/** What the loss is made of; all floating values are of one type, those of tokens [N]. */
export interface PolicyGradientValues {
  /** log π. */
  readonly logProbabilities: Value;
  /** log π_old. */
  readonly old: Value;
  /** log π_ref; asked for when β > 0. */
  readonly reference?: Value;
  /** A, times the weight of importance sampling. */
  readonly advantages: Value;
  /** w, see {@linkcode AGGREGATIONS}; 0 for tokens that only fill up. */
  readonly weights: Value;
  /** Asked for by level `sequence`. */
  readonly sequences?: {
    /** Which sequence a token belongs to, int64 [N]. */
    readonly of: Value;
    /** 1 ÷ trained tokens of each sequence, [S]. */
    readonly inverseLengths: Value;
  };
}

/** Largest logarithm of a ratio that is told apart. */
export const MAX_LOG_RATIO = 20;

/** L, a scalar. */
export function policyGradientLoss(
  g: Graph,
  values: PolicyGradientValues,
  options: PolicyGradientOptions = {},
): Value {
  const { beta = 0, klBiasCorrection = true } = options;
  const ratio = importanceRatio(g, values, options);
  let perToken = g.op("Neg", [surrogate(g, ratio, values.advantages, options)]);
  if (beta > 0) {
    const kl = klToReference(g, values);
    perToken = g.add(perToken, g.mul(klBiasCorrection ? g.mul(kl, ratio) : kl, beta));
  }
  return g.reduceSum(g.mul(perToken, values.weights), [0]);
}

/** ρ, [N]. */
function importanceRatio(
  g: Graph,
  { logProbabilities, old, weights, sequences }: PolicyGradientValues,
  { level = "token" }: PolicyGradientOptions,
): Value {
  const apart = held(g, g.sub(logProbabilities, old), -MAX_LOG_RATIO, MAX_LOG_RATIO);
  if (level === "token") return g.op("Exp", [apart]);
  if (sequences === undefined) {
    throw new TypeError(`Cannot make the loss: level "sequence": wanted sequences: received none`);
  }
  const { of, inverseLengths } = sequences;
  const counted = g.op("Cast", [g.pair("Greater", weights, 0)], { to: apart.type });
  const sums = g.op("ScatterRows", [of, g.mul(apart, counted)], { size: inverseLengths.shape[0]! });
  return g.op("Gather", [g.op("Exp", [g.mul(sums, inverseLengths)]), of]);
}

/** min(ρ·A, clip(ρ)·A). */
function surrogate(
  g: Graph,
  ratio: Value,
  advantages: Value,
  { epsilonLow = 0.2, epsilonHigh = 0.2, delta = null }: PolicyGradientOptions,
): Value {
  const free = delta === null ? ratio : g.pair("Min", ratio, delta);
  const clipped = held(g, ratio, 1 - epsilonLow, 1 + epsilonHigh);
  return g.pair("Min", g.mul(free, advantages), g.mul(clipped, advantages));
}

function klToReference(g: Graph, { logProbabilities, reference }: PolicyGradientValues): Value {
  if (reference === undefined) {
    throw new TypeError("Cannot make the loss: beta above 0: wanted a reference: received none");
  }
  const apart = g.pair("Min", g.sub(reference, logProbabilities), MAX_LOG_RATIO);
  return g.sub(g.sub(g.op("Exp", [apart]), apart), 1);
}

function held(g: Graph, x: Value, least: number, most: number): Value {
  return g.pair("Max", g.pair("Min", x, most), least);
}

/** How losses of tokens become one number. */
export type Aggregation = "grpo" | "bnpo" | "dr_grpo" | "dapo";

/** All sequences of an update. */
export interface AggregationTotals {
  /** Sequences. */
  readonly sequences: number;
  /** Trained tokens of all of them. */
  readonly tokens: number;
  /** Most tokens a completion may have. */
  readonly maxCompletionLength: number;
}

/** w of each token of a sequence with `length` trained tokens. */
export const AGGREGATIONS: Readonly<
  Record<Aggregation, (length: number, totals: AggregationTotals) => number>
> = {
  /** Mean of the means of sequences: a token of a long sequence counts less. */
  grpo: (length, { sequences }) => 1 / (length * sequences),
  /** Mean over tokens. */
  bnpo: (_length, { tokens }) => 1 / tokens,
  /** Sum over tokens by a constant, so that length changes nothing. */
  dr_grpo: (_length, { sequences, maxCompletionLength }) => 1 / (sequences * maxCompletionLength),
  /** Mean over tokens. */
  dapo: (_length, { tokens }) => 1 / tokens,
};

/** Weight of truncated importance sampling, min(π_old ÷ π_behaviour, cap): corrects a sampler that differs from π_old. */
export function truncatedWeight(old: number, behaviour: number, cap: number): number {
  return Math.min(Math.exp(Math.min(old - behaviour, MAX_LOG_RATIO)), cap);
}
