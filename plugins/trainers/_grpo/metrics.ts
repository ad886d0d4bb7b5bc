/**
 * What a look at the log-probabilities of a step tells.
 *
 * @module
 */
import { MAX_LOG_RATIO, type PolicyGradientOptions } from "../_losses/policy_gradient.ts";

/** Trained tokens, one entry each. */
export interface PolicyTokens {
  readonly logProbabilities: ArrayLike<number>;
  readonly old: ArrayLike<number>;
  readonly reference: ArrayLike<number> | null;
  readonly advantages: ArrayLike<number>;
  /** Which sequence each belongs to. */
  readonly sequences: ArrayLike<number>;
}

/** Sums over tokens; those of several micro-batches add up, maxima apart. */
export interface PolicyMetrics {
  readonly tokens: number;
  /** Sum of ρ. */
  readonly ratio: number;
  /** Greatest ρ. */
  readonly ratioMax: number;
  /** Tokens with ρ < 1 − ε_low and A < 0: they have no gradient. */
  readonly clippedLow: number;
  /** Tokens with ρ > 1 + ε_high and A > 0: they have no gradient. */
  readonly clippedHigh: number;
  /** Sum of k3 against the reference. */
  readonly kl: number;
  /** Sum of k3 against the old policy. */
  readonly klOld: number;
  /** Sum of −log π of what was sampled: its mean estimates the entropy while the policy is near the old one. */
  readonly surprise: number;
}

/** Looks at the tokens of a micro-batch, which holds whole sequences. */
export function policyMetrics(tokens: PolicyTokens, options: PolicyGradientOptions = {}): PolicyMetrics {
  const { epsilonLow = 0.2, epsilonHigh = 0.2 } = options;
  const { logProbabilities: logs, old, reference, advantages } = tokens;
  const ratios = ratiosOf(tokens, options);
  const sum = { ratio: 0, ratioMax: 0, clippedLow: 0, clippedHigh: 0, kl: 0, klOld: 0, surprise: 0 };
  for (const [n, ratio] of ratios.entries()) {
    sum.ratio += ratio;
    sum.ratioMax = Math.max(sum.ratioMax, ratio);
    if (ratio < 1 - epsilonLow && advantages[n]! < 0) sum.clippedLow++;
    if (ratio > 1 + epsilonHigh && advantages[n]! > 0) sum.clippedHigh++;
    if (reference !== null) sum.kl += k3(logs[n]!, reference[n]!);
    sum.klOld += k3(logs[n]!, old[n]!);
    sum.surprise -= logs[n]!;
  }
  return { tokens: ratios.length, ...sum };
}

/** Sums of two micro-batches together. */
export function addMetrics(a: PolicyMetrics, b: PolicyMetrics): PolicyMetrics {
  const names = Object.keys(a) as (keyof PolicyMetrics)[];
  const sums = Object.fromEntries(names.map((name) => [name, a[name] + b[name]])) as unknown as PolicyMetrics;
  return { ...sums, ratioMax: Math.max(a.ratioMax, b.ratioMax) };
}

function ratiosOf(
  { logProbabilities: logs, old, sequences }: PolicyTokens,
  { level = "token" }: PolicyGradientOptions,
): number[] {
  const apart = Array.from(
    { length: logs.length },
    (_, n) => Math.max(-MAX_LOG_RATIO, Math.min(logs[n]! - old[n]!, MAX_LOG_RATIO)),
  );
  if (level === "token") return apart.map(Math.exp);
  const [sums, counts]: [number[], number[]] = [[], []];
  for (const [n, value] of apart.entries()) {
    const own = sequences[n]!;
    sums[own] = (sums[own] ?? 0) + value;
    counts[own] = (counts[own] ?? 0) + 1;
  }
  return apart.map((_, n) => Math.exp(sums[sequences[n]!]! / counts[sequences[n]!]!));
}

/** An estimate of the divergence from `other` that is never negative: e^d − d − 1, d = log other − log own. */
function k3(own: number, other: number): number {
  const apart = Math.min(other - own, MAX_LOG_RATIO);
  return Math.expm1(apart) - apart;
}
