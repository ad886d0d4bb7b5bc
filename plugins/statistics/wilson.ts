import { checkCounts, checkShare } from "./_arguments.ts";
import type { Interval } from "./interval.ts";
import { normalQuantile } from "./normal.ts";

/**
 * Wilson's score interval of a success rate, without continuity correction. It stays inside [0, 1] and has a width
 * even at 0 or n successes.
 *
 * Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.
 *
 * @param successes Whole, in [0, trials].
 * @param trials Whole, at least 1.
 * @param confidence In (0, 1). @default 0.95
 * @throws {RangeError} If an argument is outside its range.
 */
export function wilsonInterval(successes: number, trials: number, confidence: number = 0.95): Interval {
  checkCounts("find the interval of a rate", successes, trials);
  checkShare("find the interval of a rate", "a confidence", confidence);
  const [estimate, n, z] = [successes / trials, trials, normalQuantile(0.5 + confidence / 2)];
  const square = z * z;
  const centre = (successes + square / 2) / (n + square);
  const reach = z * Math.sqrt(estimate * (1 - estimate) * n + square / 4) / (n + square);
  return {
    estimate,
    low: successes === 0 ? 0 : centre - reach, // exact at both ends; the difference would leave rounding
    high: successes === n ? 1 : centre + reach,
    confidence,
  };
}
