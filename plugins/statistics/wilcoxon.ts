import { differencesOf } from "./_arguments.ts";
import { rank, type Ranks } from "./_ranks.ts";
import { subsetSums, tailsOf } from "./_rank_sums.ts";
import { normalSurvival } from "./normal.ts";
import type { TestResult } from "./test_result.ts";

/** Options of {@linkcode wilcoxonTest}. */
export interface WilcoxonOptions {
  /** `auto` counts all signs up to 50 differences that are not 0 and approximates above. @default "auto" */
  readonly method?: "auto" | "exact" | "asymptotic";
  /** Whether the approximation moves the rank sum by ½ towards its mean. Scipy's default, too. @default false */
  readonly continuity?: boolean;
}

/**
 * Wilcoxon's signed-rank test of pairs: the sum of the ranks of |b − a| where b is larger.
 *
 * Pairs without a difference are dropped (scipy's `zero_method="wilcox"`). Tied differences share the mean of their
 * ranks. The exact method counts all 2ⁿ signs of these ranks by dynamic programming, so it holds with ties as well;
 * the approximation takes the variance n(n+1)(2n+1)/24 − Σ(t³ − t)/48.
 *
 * @returns `statistic` is the rank sum of the positive differences, `n` counts differences that are not 0. With none,
 * p is 1.
 * @throws {RangeError} If lengths differ, there are no pairs or a value is not finite.
 */
export function wilcoxonTest(
  a: readonly number[],
  b: readonly number[],
  options: WilcoxonOptions = {},
): TestResult {
  const { method = "auto", continuity = false } = options;
  const differences = differencesOf("compare pairs by signed ranks", a, b).filter((d) => d !== 0);
  const n = differences.length;
  const ranked = rank(differences.map(Math.abs));
  const statistic = ranked.ranks.reduce((sum, r, i) => differences[i]! > 0 ? sum + r : sum, 0);
  const test = { name: "Wilcoxon's signed-rank test", statistic, n };
  if (method === "asymptotic" || (method === "auto" && n > 50)) {
    return { ...test, method: "asymptotic", smallestP: 0, p: approximate(ranked, statistic, continuity) };
  }
  const [below, above] = tailsOf(subsetSums(ranked.ranks), statistic);
  return {
    ...test,
    method: "exact",
    smallestP: Math.min(1, 2 ** (1 - n)),
    p: Math.min(1, 2 * Math.min(below, above)),
  };
}

function approximate(ranked: Ranks, statistic: number, continuity: boolean): number {
  const n = ranked.ranks.length;
  if (n === 0) return 1;
  const variance = n * (n + 1) * (2 * n + 1) / 24 - ranked.ties / 48;
  const distance = Math.max(0, Math.abs(statistic - n * (n + 1) / 4) - (continuity ? 0.5 : 0));
  return 2 * normalSurvival(distance / Math.sqrt(variance));
}
