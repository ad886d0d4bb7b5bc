import { checkCounts } from "./_arguments.ts";
import { regularisedBeta } from "./_beta.ts";
import { logGamma } from "./_gamma.ts";

/**
 * P(X = k) of the binomial distribution.
 *
 * @param k In [0, n], whole.
 * @param n Trials, at least 1.
 * @param probability Of success in one trial, in [0, 1].
 * @throws {RangeError} If an argument is outside its range.
 */
export function binomialProbability(k: number, n: number, probability: number): number {
  check(k, n, probability);
  if (probability === 0) return k === 0 ? 1 : 0;
  if (probability === 1) return k === n ? 1 : 0;
  const choices = logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
  return Math.exp(choices + k * Math.log(probability) + (n - k) * Math.log1p(-probability));
}

/**
 * P(X ≤ k) of the binomial distribution, as the incomplete beta function I_{1−p}(n − k, k + 1).
 *
 * @param k In [0, n], whole.
 * @param n Trials, at least 1.
 * @param probability Of success in one trial, in [0, 1].
 * @throws {RangeError} If an argument is outside its range.
 */
export function binomialCdf(k: number, n: number, probability: number): number {
  check(k, n, probability);
  return k === n ? 1 : regularisedBeta(n - k, k + 1, 1 - probability, probability);
}

function check(k: number, n: number, probability: number): void {
  checkCounts("evaluate a binomial distribution", k, n);
  if (!(probability >= 0 && probability <= 1)) {
    throw new RangeError(
      `Cannot evaluate a binomial distribution: a probability in [0, 1]: received ${probability}`,
    );
  }
}
