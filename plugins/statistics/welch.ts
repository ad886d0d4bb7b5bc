import { checkFinite, checkShare, checkSize } from "./_arguments.ts";
import { isConstant, mean, variance } from "./_moments.ts";
import type { Interval } from "./interval.ts";
import { withoutNoise } from "./paired_t.ts";
import { studentTQuantile, studentTTwoSided } from "./student_t.ts";
import type { TestResult } from "./test_result.ts";

/** What {@linkcode welchTTest} returns: the test and the interval of the difference of means. */
export interface WelchResult extends TestResult {
  /** mean(b) − mean(a) with its t interval. */
  readonly difference: Interval;
}

/**
 * Welch's t test of two independent samples, which need not vary alike: t = (b̄ − ā) / √(s²_a/n_a + s²_b/n_b) with the
 * degrees of freedom of Welch and Satterthwaite, (A + B)² / (A²/(n_a − 1) + B²/(n_b − 1)).
 *
 * When neither sample varies, `degenerate` is set, and p is 1 for equal means and 0 for others.
 *
 * @param a At least 2 values.
 * @param b At least 2 values.
 * @param confidence Of the interval, in (0, 1). @default 0.95
 * @throws {RangeError} If a sample is too small, a value is not finite or the confidence is out of range.
 */
export function welchTTest(
  a: readonly number[],
  b: readonly number[],
  confidence: number = 0.95,
): WelchResult {
  const act = "compare samples by Welch's t test";
  checkSize(act, 2, a, b);
  checkFinite(act, a, b);
  checkShare(act, "a confidence", confidence);
  const estimate = mean(b) - mean(a);
  const [ofA, ofB] = [variance(a) / a.length, variance(b) / b.length];
  const test = {
    name: "Welch's t test",
    method: "asymptotic",
    smallestP: 0,
    n: a.length + b.length,
  } as const;
  if (isConstant(ofA + ofB, a, b)) {
    const difference = { estimate, low: estimate, high: estimate, confidence };
    return { ...test, ...withoutNoise(isConstant(estimate ** 2, a, b) ? 0 : estimate), difference };
  }
  const error = Math.sqrt(ofA + ofB);
  const share = ofA / (ofA + ofB); // squares of the variances themselves could underflow
  const df = 1 / (share ** 2 / (a.length - 1) + (1 - share) ** 2 / (b.length - 1));
  const reach = studentTQuantile(0.5 + confidence / 2, df) * error;
  return {
    ...test,
    statistic: estimate / error,
    df,
    p: studentTTwoSided(estimate / error, df),
    difference: { estimate, low: estimate - reach, high: estimate + reach, confidence },
  };
}
