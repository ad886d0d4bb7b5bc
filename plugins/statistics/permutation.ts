import { below, type Prng } from "../../core/prng.ts";
import { checkFinite, checkSize } from "./_arguments.ts";
import { mean, sum } from "./_moments.ts";
import type { PermutationOptions } from "./sign_flip.ts";
import type { TestResult } from "./test_result.ts";

/**
 * The permutation test of two independent samples: had a and b come from one source, every division of the values into
 * two such samples were equally likely. p is twice the smaller share of divisions whose difference of means is at least
 * (at most) the observed one, at most 1; this is how scipy's `permutation_test` counts two sides.
 *
 * All C(N, n) divisions are counted up to `exactUpTo`; above, each share is (count + 1) / (B + 1) of B random divisions.
 *
 * @param a At least 1 value.
 * @param b At least 1 value.
 * @returns `statistic` is mean(b) − mean(a).
 * @throws {RangeError} If a sample is empty or a value is not finite.
 */
export function permutationTest(
  a: readonly number[],
  b: readonly number[],
  options: PermutationOptions,
): TestResult {
  const { prng, resamples = 99_999, exactUpTo = 200_000 } = options;
  checkSize("compare samples by permutation", 1, a, b);
  checkFinite("compare samples by permutation", a, b);
  const values = [...b, ...a];
  const test = { name: "permutation test", statistic: mean(b) - mean(a), n: values.length };
  // Given the values, the sum of b says as much as the difference of means.
  const tails = new Tails(sum(b), 1e-12 * sum(values.map(Math.abs)));
  const divisions = choose(values.length, b.length);
  if (divisions <= exactUpTo) {
    visitSums(values, b.length, (total) => tails.add(total));
    return { ...test, method: "exact", p: tails.twoSided(divisions), smallestP: Math.min(1, 2 / divisions) };
  }
  visitDraws(values, b.length, prng, resamples, (total) => tails.add(total));
  const smallestP = Math.max(2 / divisions, 2 / (resamples + 1));
  return { ...test, method: "monte-carlo", p: tails.twoSided(resamples + 1, 1), smallestP };
}

/** Counts sums at or beyond the observed one; sums that are equal but for rounding count on both sides. */
class Tails {
  #below = 0;
  #above = 0;
  constructor(readonly observed: number, readonly slack: number) {}

  add(total: number): void {
    if (total <= this.observed + this.slack) this.#below++;
    if (total >= this.observed - this.slack) this.#above++;
  }

  twoSided(all: number, extra: number = 0): number {
    return Math.min(1, 2 * (Math.min(this.#below, this.#above) + extra) / all);
  }
}

/** The number of ways to choose k of n, not exact above 2⁵³. */
function choose(n: number, k: number): number {
  let ways = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) ways = Math.round(ways * (n - i + 1) / i);
  return ways;
}

function visitSums(values: readonly number[], size: number, visit: (total: number) => void): void {
  const walk = (index: number, left: number, total: number): void => {
    if (left === 0) return visit(total);
    for (let i = index; i <= values.length - left; i++) walk(i + 1, left - 1, total + values[i]!);
  };
  walk(0, size, 0);
}

function visitDraws(
  values: readonly number[],
  size: number,
  prng: Prng,
  resamples: number,
  visit: (total: number) => void,
): void {
  const pool = [...values];
  for (let draw = 0; draw < resamples; draw++) {
    let total = 0;
    for (let i = 0; i < size; i++) { // the first `size` places of a Fisher-Yates shuffle
      const j = i + below(prng, pool.length - i);
      [pool[i], pool[j]] = [pool[j]!, pool[i]!];
      total += pool[i]!;
    }
    visit(total);
  }
}
