import { checkFinite, checkSize } from "./_arguments.ts";
import { smallestOf, sumsOfSize, tailsOf } from "./_rank_sums.ts";
import { rank } from "./_ranks.ts";
import { normalSurvival } from "./normal.ts";
import type { TestResult } from "./test_result.ts";

/** Options of {@linkcode mannWhitneyTest}. */
export interface MannWhitneyOptions {
  /** `auto` counts all divisions up to 50 values in both samples together and approximates above. @default "auto" */
  readonly method?: "auto" | "exact" | "asymptotic";
  /** Whether the approximation moves U by ½ towards its mean. Scipy's default, too. @default true */
  readonly continuity?: boolean;
}

/**
 * The Mann-Whitney U test of two independent samples: U counts the pairs in which b is larger, ties by half.
 *
 * Ties share the mean of their ranks. The exact method counts all divisions of the ranks into two such samples by
 * dynamic programming, so it holds with ties as well (p is twice the smaller tail, at most 1). The approximation takes
 * σ² = n m / 12 · ((N + 1) − Σ(t³ − t) / (N (N − 1))).
 *
 * @param a At least 1 value.
 * @param b At least 1 value.
 * @returns `statistic` is U of b, from 0 (a always larger) to n_a · n_b (b always larger).
 * @throws {RangeError} If a sample is empty or a value is not finite.
 */
export function mannWhitneyTest(
  a: readonly number[],
  b: readonly number[],
  options: MannWhitneyOptions = {},
): TestResult {
  const { method = "auto", continuity = true } = options;
  checkSize("compare samples by ranks", 1, a, b);
  checkFinite("compare samples by ranks", a, b);
  const { ranks, ties } = rank([...b, ...a]);
  const n = a.length + b.length;
  const rankSum = ranks.slice(0, b.length).reduce((total, r) => total + r, 0);
  const statistic = rankSum - b.length * (b.length + 1) / 2;
  const test = { name: "Mann-Whitney U test", statistic, n };
  if (method === "asymptotic" || (method === "auto" && n > 50)) {
    const centre = a.length * b.length / 2;
    const variance = a.length * b.length / 12 * (n + 1 - ties / (n * (n - 1)));
    const distance = Math.max(0, Math.abs(statistic - centre) - (continuity ? 0.5 : 0));
    const p = variance <= 0 ? 1 : 2 * normalSurvival(distance / Math.sqrt(variance));
    return { ...test, method: "asymptotic", p, smallestP: 0 };
  }
  const counts = sumsOfSize(ranks, b.length);
  const p = Math.min(1, 2 * Math.min(...tailsOf(counts, rankSum)));
  return { ...test, method: "exact", p, smallestP: smallestOf(counts) };
}
