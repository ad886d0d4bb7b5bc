import { upperGamma } from "./_gamma.ts";
import type { TestResult } from "./test_result.ts";

/**
 * P(X > x) of the chi-square distribution: Q(df/2, x/2).
 *
 * @param x At least 0; below, the answer is 1.
 * @param df Degrees of freedom, greater than 0.
 * @throws {RangeError} If df is not greater than 0.
 */
export function chiSquareSurvival(x: number, df: number): number {
  if (!(df > 0)) {
    throw new RangeError(`Cannot evaluate chi-square: degrees of freedom above 0: received ${df}`);
  }
  return upperGamma(df / 2, Math.max(x, 0) / 2);
}

/**
 * Pearson's chi-square test of goodness of fit: Σ (observed − expected)² / expected against chi-square with
 * (cells − 1 − fitted) degrees of freedom. The approximation asks for about 5 expected in every cell: pool rare cells.
 *
 * @param observed Counts, one a cell, at least 2 cells.
 * @param expected Weights in any unit, all greater than 0; they are scaled to the sum of `observed`.
 * @param fitted Parameters of `expected` that were estimated from `observed`. @default 0
 * @throws {RangeError} If lengths differ, a count is negative, a weight is not positive or no degree of freedom is left.
 */
export function goodnessOfFit(
  observed: readonly number[],
  expected: readonly number[],
  fitted: number = 0,
): TestResult {
  checkCells(observed, expected);
  const df = observed.length - 1 - fitted;
  if (df < 1) {
    throw new RangeError(`Cannot test goodness of fit: at least one degree of freedom: received ${df}`);
  }
  const n = observed.reduce((sum, count) => sum + count, 0);
  const weight = expected.reduce((sum, value) => sum + value, 0);
  const statistic = observed.reduce((sum, count, i) => {
    const wanted = expected[i]! * n / weight;
    return sum + (wanted === 0 ? 0 : (count - wanted) ** 2 / wanted);
  }, 0);
  const p = chiSquareSurvival(statistic, df);
  return {
    name: "chi-square test of goodness of fit",
    method: "asymptotic",
    statistic,
    df,
    n,
    p,
    smallestP: 0,
  };
}

function checkCells(observed: readonly number[], expected: readonly number[]): void {
  if (observed.length !== expected.length) {
    throw new RangeError(
      `Cannot test goodness of fit: as many expected as observed cells: received ${expected.length} and ${observed.length}`,
    );
  }
  const negative = observed.findIndex((count) => !(count >= 0 && count < Infinity));
  if (negative >= 0) {
    throw new RangeError(
      `Cannot test goodness of fit: counts of at least 0: received ${observed[negative]} in cell ${negative}`,
    );
  }
  const empty = expected.findIndex((value) => !(value > 0 && value < Infinity));
  if (empty >= 0) {
    throw new RangeError(
      `Cannot test goodness of fit: expected weights above 0: received ${expected[empty]} in cell ${empty}`,
    );
  }
}
