import { binomialCdf, binomialProbability } from "./binomial.ts";
import type { TestResult } from "./test_result.ts";

/** How often two yes-or-no outcomes of the same task fell together. */
export interface PairedCounts {
  /** Both succeeded. */
  readonly both: number;
  /** Only a succeeded. */
  readonly onlyA: number;
  /** Only b succeeded. */
  readonly onlyB: number;
  /** Neither succeeded. */
  readonly neither: number;
}

/** Options of {@linkcode mcNemarTest}. */
export interface McNemarOptions {
  /**
   * Count the observed outcome by half (Fagerland, Lydersen and Laake 2013): more power, but the false-alarm rate may
   * pass the level by a little. @default false
   */
  readonly midP?: boolean;
}

/**
 * McNemar's exact test of paired yes-or-no outcomes: of the pairs that disagree, as many should favour a as b. p is
 * twice the binomial tail P(X ≤ min(onlyA, onlyB)) with n = onlyA + onlyB and ½, at most 1.
 *
 * @returns `statistic` is onlyB − onlyA, `n` counts the pairs that disagree. With none, p is 1.
 * @throws {RangeError} If a count is not a whole number of at least 0.
 */
export function mcNemarTest(counts: PairedCounts, options: McNemarOptions = {}): TestResult {
  checkPairedCounts("compare paired outcomes", counts);
  const { midP = false } = options;
  const { onlyA, onlyB } = counts;
  const n = onlyA + onlyB;
  const p = n === 0 ? 1 : twoSided(Math.min(onlyA, onlyB), n, midP);
  return {
    name: midP ? "McNemar's mid-p test" : "McNemar's exact test",
    method: "exact",
    statistic: onlyB - onlyA,
    n,
    p,
    smallestP: n === 0 ? 1 : twoSided(0, n, midP),
  };
}

function twoSided(fewer: number, n: number, midP: boolean): number {
  const tail = atMost(fewer, n);
  if (!midP) return Math.min(1, 2 * tail);
  return 2 * fewer === n ? 1 : 2 * tail - binomialProbability(fewer, n, 0.5);
}

/** P(X ≤ k) of n fair coins. Counted in whole numbers up to 50, so that p of 1/32 is 1/32 to the last bit. */
function atMost(k: number, n: number): number {
  if (n > 50) return binomialCdf(k, n, 0.5);
  let [ways, all] = [1, 1];
  for (let i = 1; i <= k; i++) {
    ways = ways * (n - i + 1) / i;
    all += ways;
  }
  return all / 2 ** n;
}

/** Counts pairs of outcomes. Anything but 0 is a success. @throws {RangeError} If lengths differ. */
export function pairedCounts(a: readonly number[], b: readonly number[]): PairedCounts {
  if (a.length !== b.length) {
    throw new RangeError(
      `Cannot count paired outcomes: as many values of a as of b: received ${a.length} and ${b.length}`,
    );
  }
  const counts = { both: 0, onlyA: 0, onlyB: 0, neither: 0 };
  for (const [i, value] of a.entries()) {
    const other = b[i] !== 0;
    if (value !== 0) counts[other ? "both" : "onlyA"]++;
    else counts[other ? "onlyB" : "neither"]++;
  }
  return counts;
}

/** Refuses counts that are not whole numbers of at least 0. */
export function checkPairedCounts(act: string, counts: PairedCounts): void {
  for (const field of ["both", "onlyA", "onlyB", "neither"] as const) {
    const count = counts[field];
    if (!Number.isInteger(count) || count < 0) {
      throw new RangeError(`Cannot ${act}: whole numbers of at least 0: received ${count} for ${field}`);
    }
  }
}
