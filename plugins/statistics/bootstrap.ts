import { below, type Prng } from "../../core/prng.ts";
import { checkFinite, checkShare, checkSize } from "./_arguments.ts";
import { mean, quantile } from "./_moments.ts";
import type { Interval } from "./interval.ts";
import { normalCdf, normalQuantile } from "./normal.ts";

/** Options of {@linkcode bootstrapInterval}. */
export interface BootstrapOptions {
  /** Source of randomness. */
  readonly prng: Prng;
  /** What is estimated. @default the mean */
  readonly statistic?: (values: readonly number[]) => number;
  /** `bca` corrects the percentiles for bias and skew. @default "bca" */
  readonly method?: "percentile" | "bca";
  /** Samples drawn with replacement. @default 9_999 */
  readonly resamples?: number;
  /** In (0, 1). @default 0.95 */
  readonly confidence?: number;
}

/**
 * The bootstrap interval of a statistic: its quantiles over samples drawn with replacement from the values.
 *
 * `bca` takes the quantiles Φ(z₀ + (z₀ + z) / (1 − a (z₀ + z))), with the bias z₀ from the share of resamples below the
 * estimate (ties by half) and the acceleration a from leaving out one value at a time (Efron 1987). Where these are not
 * defined (all resamples on one side, no variation) plain percentiles are taken. For pairs, pass their differences.
 * Below about 20 values both are too narrow.
 *
 * @param values At least 2.
 * @throws {RangeError} If there are fewer than 2 values, one is not finite or an option is out of range.
 */
export function bootstrapInterval(values: readonly number[], options: BootstrapOptions): Interval {
  const { prng, statistic = mean, method = "bca", resamples = 9_999, confidence = 0.95 } = options;
  const act = "find a bootstrap interval";
  checkSize(act, 2, values);
  checkFinite(act, values);
  checkShare(act, "a confidence", confidence);
  const estimate = statistic(values);
  const replicates = replicate(values, statistic, prng, resamples);
  const tails: Tails = [(1 - confidence) / 2, (1 + confidence) / 2];
  const [low, high] = method === "bca"
    ? bcaTails(replicates, estimate, leaveOneOut(values, statistic), tails) ?? tails
    : tails;
  return { estimate, low: quantile(replicates, low), high: quantile(replicates, high), confidence };
}

/** The lower and the upper probability at which quantiles are taken. */
export type Tails = readonly [low: number, high: number];

/** Probabilities corrected for bias and acceleration, or nothing where these are not defined. */
export function bcaTails(
  replicates: ArrayLike<number>,
  estimate: number,
  leftOut: readonly number[],
  tails: Tails,
): Tails | null {
  let share = 0;
  for (let i = 0; i < replicates.length; i++) {
    share += replicates[i]! < estimate ? 1 : replicates[i] === estimate ? 0.5 : 0;
  }
  share /= replicates.length;
  const acceleration = accelerationOf(leftOut);
  if (share === 0 || share === 1 || acceleration === null) return null;
  const z0 = normalQuantile(share);
  const correct = (tail: number): number => {
    const z = z0 + normalQuantile(tail);
    return normalCdf(z0 + z / (1 - acceleration * z));
  };
  return [correct(tails[0]), correct(tails[1])];
}

function accelerationOf(leftOut: readonly number[]): number | null {
  const centre = mean(leftOut);
  let [squares, cubes] = [0, 0];
  for (const value of leftOut) {
    squares += (centre - value) ** 2;
    cubes += (centre - value) ** 3;
  }
  return squares === 0 ? null : cubes / (6 * squares ** 1.5);
}

function replicate(
  values: readonly number[],
  statistic: (values: readonly number[]) => number,
  prng: Prng,
  resamples: number,
): Float64Array {
  const drawn = new Array<number>(values.length);
  const replicates = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    for (let i = 0; i < drawn.length; i++) drawn[i] = values[below(prng, values.length)]!;
    replicates[r] = statistic(drawn);
  }
  return replicates.sort();
}

function leaveOneOut(values: readonly number[], statistic: (values: readonly number[]) => number): number[] {
  return values.map((_, left) => statistic(values.filter((_, i) => i !== left)));
}
