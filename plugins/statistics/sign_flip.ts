import type { Prng } from "../../core/prng.ts";
import { differencesOf } from "./_arguments.ts";
import { mean, sum } from "./_moments.ts";
import type { TestResult } from "./test_result.ts";

/** Options of the tests that draw at random when there is too much to count. */
export interface PermutationOptions {
  /** Source of randomness; not used where all possibilities are counted. */
  readonly prng: Prng;
  /** Random draws B when not all are counted; p is never below 1 / (B + 1). @default 99_999 */
  readonly resamples?: number;
  /** Count all possibilities up to this many. @default 200_000 */
  readonly exactUpTo?: number;
}

/**
 * The sign-flip permutation test of pairs: had a and b been exchangeable, each difference b − a could as well have had
 * the other sign. p is the share of sign patterns whose |mean| is at least the observed one; nothing is assumed about
 * the shape of the noise.
 *
 * Pairs without a difference do not count (their sign changes nothing). All 2ⁿ patterns are counted while 2ⁿ ≤
 * `exactUpTo`; above, p = (b + 1) / (B + 1) with b of B random patterns (Phipson and Smyth 2010, which keeps the
 * false-alarm rate at most p).
 *
 * @returns `statistic` is the mean of all differences, `n` counts those that are not 0.
 * @throws {RangeError} If lengths differ, there are no pairs or a value is not finite.
 */
export function signFlipTest(
  a: readonly number[],
  b: readonly number[],
  options: PermutationOptions,
): TestResult {
  const { prng, resamples = 99_999, exactUpTo = 200_000 } = options;
  const all = differencesOf("compare pairs by sign flips", a, b);
  const differences = all.filter((d) => d !== 0).map(Math.abs);
  const n = differences.length;
  const test = { name: "sign-flip permutation test", statistic: mean(all), n };
  const atLeast = threshold(Math.abs(sum(all)), sum(differences));
  const smallest = Math.min(1, 2 ** (1 - n));
  if (2 ** n <= exactUpTo) {
    return {
      ...test,
      method: "exact",
      p: extremePatterns(differences, atLeast) / 2 ** n,
      smallestP: smallest,
    };
  }
  const p = (extremeDraws(differences, atLeast, prng, resamples) + 1) / (resamples + 1);
  return { ...test, method: "monte-carlo", p, smallestP: Math.max(smallest, 1 / (resamples + 1)) };
}

/** Sums that are equal but for rounding count as equal. */
function threshold(observed: number, scale: number): number {
  return observed - 1e-12 * scale;
}

function extremePatterns(differences: readonly number[], atLeast: number): number {
  const count = (index: number, partial: number): number => {
    if (index === differences.length) return Math.abs(partial) >= atLeast ? 1 : 0;
    const d = differences[index]!;
    return count(index + 1, partial + d) + count(index + 1, partial - d);
  };
  return count(0, 0);
}

function extremeDraws(
  differences: readonly number[],
  atLeast: number,
  prng: Prng,
  resamples: number,
): number {
  let extreme = 0;
  for (let draw = 0; draw < resamples; draw++) {
    let total = 0;
    for (const d of differences) total += prng() < 0.5 ? d : -d;
    if (Math.abs(total) >= atLeast) extreme++;
  }
  return extreme;
}
