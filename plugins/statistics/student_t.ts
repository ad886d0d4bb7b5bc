import { checkShare } from "./_arguments.ts";
import { regularisedBeta } from "./_beta.ts";
import { solveDecreasing } from "./_solve.ts";

/**
 * P(T > x) of Student's t distribution, for x ≥ 0 as ½ I_{df/(df+x²)}(df/2, ½): relative error below 1e-10 in the
 * tails, too.
 *
 * @param df Degrees of freedom, greater than 0 and not necessarily whole.
 * @throws {RangeError} If df is not greater than 0.
 */
export function studentTSurvival(x: number, df: number): number {
  if (!(df > 0)) {
    throw new RangeError(`Cannot evaluate Student's t: degrees of freedom above 0: received ${df}`);
  }
  if (!Number.isFinite(x)) return x > 0 ? 0 : 1;
  const square = x * x;
  const tail = 0.5 * regularisedBeta(df / 2, 0.5, 1 / (1 + square / df), 1 / (1 + df / square));
  return x < 0 ? 1 - tail : tail;
}

/** P(T ≤ x) of Student's t distribution. @param df Degrees of freedom, greater than 0. */
export function studentTCdf(x: number, df: number): number {
  return studentTSurvival(-x, df);
}

/** P(|T| ≥ |t|): the two-sided p-value of a t statistic. @param df Degrees of freedom, greater than 0. */
export function studentTTwoSided(t: number, df: number): number {
  return 2 * studentTSurvival(Math.abs(t), df);
}

/**
 * The x with {@linkcode studentTCdf}(x, df) = q.
 *
 * @param q In (0, 1).
 * @param df Degrees of freedom, greater than 0; below 0.1 a quantile may be larger than 1e153, where this ends.
 * @throws {RangeError} If an argument is outside its range.
 */
export function studentTQuantile(q: number, df: number): number {
  checkShare("take a quantile of Student's t", "a probability", q);
  if (q === 0.5) return 0;
  const upper = (tail: number) => solveDecreasing((x) => studentTSurvival(x, df), tail);
  return q < 0.5 ? -upper(q) : upper(1 - q);
}
