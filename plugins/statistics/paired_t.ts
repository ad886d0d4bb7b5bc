import { checkSize, differencesOf } from "./_arguments.ts";
import { isConstant, mean, variance } from "./_moments.ts";
import { studentTTwoSided } from "./student_t.ts";
import type { TestResult } from "./test_result.ts";

/**
 * The paired t test: t = d̄ / (s_d / √n) of the differences b − a, against Student's t with n − 1 degrees of freedom.
 * It assumes differences that are about normal; {@linkcode signFlipTest} does not.
 *
 * When all differences are equal there is no noise to compare with: `degenerate` is set, and p is 1 where they are 0
 * and 0 where they are not.
 *
 * @param a One value a pair, at least 2.
 * @param b The other value of each pair, in the same order.
 * @throws {RangeError} If lengths differ, there are fewer than 2 pairs or a value is not finite.
 */
export function pairedTTest(a: readonly number[], b: readonly number[]): TestResult {
  const differences = differencesOf("compare pairs by t test", a, b);
  checkSize("compare pairs by t test", 2, differences);
  const n = differences.length;
  const test = { name: "paired t test", method: "asymptotic", smallestP: 0, n, df: n - 1 } as const;
  const [gain, noise] = [mean(differences), variance(differences)];
  if (isConstant(noise, a, b)) return { ...test, ...withoutNoise(isConstant(gain ** 2, a, b) ? 0 : gain) };
  const statistic = gain / Math.sqrt(noise / n);
  return { ...test, statistic, p: studentTTwoSided(statistic, n - 1) };
}

/** Statistic and p where nothing varies: certainty, one way or the other. */
export function withoutNoise(difference: number): Pick<TestResult, "statistic" | "p" | "degenerate"> {
  if (difference === 0) return { statistic: 0, p: 1, degenerate: true };
  return { statistic: difference > 0 ? Infinity : -Infinity, p: 0, degenerate: true };
}
