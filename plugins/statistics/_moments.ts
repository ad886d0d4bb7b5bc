/** Mean, deviation, median and quantiles of samples that the caller has checked. */

/** The mean. */
export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

/** The sum. */
export function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** The variance with n − 1, in two passes; 0 for one value. */
export function variance(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const centre = mean(values);
  return sum(values.map((value) => (value - centre) ** 2)) / (values.length - 1);
}

/**
 * Whether a variance is nothing but rounding: a deviation below 8 units in the last place of the largest value.
 *
 * @param variance A variance of `values` or of differences between them.
 */
export function isConstant(variance: number, ...samples: readonly (readonly number[])[]): boolean {
  let largest = 0;
  for (const values of samples) for (const value of values) largest = Math.max(largest, Math.abs(value));
  return Math.sqrt(variance) <= 8 * Number.EPSILON * largest;
}

/** The q-quantile of sorted values by linear interpolation (type 7 of Hyndman and Fan 1996, numpy's default). */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const place = Math.min(Math.max(q, 0), 1) * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (place - below);
}

/** The median of values in any order. */
export function median(values: readonly number[]): number {
  return quantile(Float64Array.from(values).sort(), 0.5);
}
