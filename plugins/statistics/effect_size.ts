import { checkFinite, checkSize, differencesOf } from "./_arguments.ts";
import { logGamma } from "./_gamma.ts";
import { isConstant, mean, median, variance } from "./_moments.ts";

/**
 * Cohen's d_z of pairs: the mean difference b − a over the deviation (n − 1) of the differences. ±Infinity where all
 * differences are equal, 0 where they are all 0.
 *
 * @throws {RangeError} If lengths differ, there are fewer than 2 pairs or a value is not finite.
 */
export function cohenDz(a: readonly number[], b: readonly number[]): number {
  const differences = differencesOf("find an effect size", a, b);
  checkSize("find an effect size", 2, differences);
  return standardised(mean(differences), variance(differences), a, b);
}

/**
 * Cohen's d of independent samples: mean(b) − mean(a) over the pooled deviation. ±Infinity where neither sample varies,
 * 0 where they are all equal.
 *
 * @param a At least 2 values.
 * @param b At least 2 values.
 * @throws {RangeError} If a sample is too small or a value is not finite.
 */
export function cohenD(a: readonly number[], b: readonly number[]): number {
  checkSize("find an effect size", 2, a, b);
  checkFinite("find an effect size", a, b);
  const [n, m] = [a.length, b.length];
  const pooled = ((n - 1) * variance(a) + (m - 1) * variance(b)) / (n + m - 2);
  return standardised(mean(b) - mean(a), pooled, a, b);
}

/**
 * Hedges' g: {@linkcode cohenD} without its bias in small samples, times Γ(df/2) / (√(df/2) Γ((df − 1)/2)) with df =
 * n_a + n_b − 2.
 *
 * @param a At least 2 values.
 * @param b At least 2 values.
 * @throws {RangeError} If a sample is too small or a value is not finite.
 */
export function hedgesG(a: readonly number[], b: readonly number[]): number {
  const half = (a.length + b.length - 2) / 2;
  return cohenD(a, b) * Math.exp(logGamma(half) - logGamma(half - 0.5)) / Math.sqrt(half);
}

/**
 * Cliff's δ of independent samples: the share of pairs in which b is larger minus the share in which a is, from −1 to 1.
 *
 * @throws {RangeError} If a sample is empty or a value is not finite.
 */
export function cliffsDelta(a: readonly number[], b: readonly number[]): number {
  checkSize("find an effect size", 1, a, b);
  checkFinite("find an effect size", a, b);
  let surplus = 0;
  for (const x of a) for (const y of b) surplus += Math.sign(y - x);
  return surplus / (a.length * b.length);
}

/**
 * The Hodges-Lehmann shift of pairs: the median of the means of all pairs of differences b − a, each with itself
 * included. Takes n (n + 1) / 2 numbers of memory.
 *
 * @throws {RangeError} If lengths differ, there are no pairs or a value is not finite.
 */
export function hodgesLehmannPaired(a: readonly number[], b: readonly number[]): number {
  const differences = differencesOf("find a shift", a, b);
  return median(differences.flatMap((d, i) => differences.slice(i).map((other) => (d + other) / 2)));
}

/**
 * The Hodges-Lehmann shift of independent samples: the median of all n_a · n_b differences b − a.
 *
 * @throws {RangeError} If a sample is empty or a value is not finite.
 */
export function hodgesLehmannShift(a: readonly number[], b: readonly number[]): number {
  checkSize("find a shift", 1, a, b);
  checkFinite("find a shift", a, b);
  return median(a.flatMap((x) => b.map((y) => y - x)));
}

function standardised(
  difference: number,
  spread: number,
  ...samples: readonly (readonly number[])[]
): number {
  if (!isConstant(spread, ...samples)) return difference / Math.sqrt(spread);
  return isConstant(difference ** 2, ...samples) ? 0 : difference > 0 ? Infinity : -Infinity;
}
