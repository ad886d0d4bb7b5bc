import { checkFinite, checkShare, checkSize } from "./_arguments.ts";
import { mean, variance } from "./_moments.ts";
import type { Interval } from "./interval.ts";
import { studentTQuantile } from "./student_t.ts";

/**
 * The t interval of a mean: mean ± t · s / √n with n − 1 degrees of freedom.
 *
 * @param values At least 2, about normal or many.
 * @param confidence In (0, 1). @default 0.95
 * @throws {RangeError} If there are fewer than 2 values, one is not finite or the confidence is out of range.
 */
export function meanInterval(values: readonly number[], confidence: number = 0.95): Interval {
  const act = "find the interval of a mean";
  checkSize(act, 2, values);
  checkFinite(act, values);
  checkShare(act, "a confidence", confidence);
  const estimate = mean(values);
  const n = values.length;
  const reach = studentTQuantile(0.5 + confidence / 2, n - 1) * Math.sqrt(variance(values) / n);
  return { estimate, low: estimate - reach, high: estimate + reach, confidence };
}
