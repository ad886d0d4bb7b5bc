import { checkShare } from "./_arguments.ts";
import { upperGamma } from "./_gamma.ts";
import { solveDecreasing } from "./_solve.ts";

/** P(Z ≤ x) of the standard normal distribution: relative error below 1e-12 down to x = −38. */
export function normalCdf(x: number): number {
  return x < 0 ? normalSurvival(-x) : 1 - normalSurvival(x);
}

/** P(Z > x) of the standard normal distribution, ½ Q(½, x²/2) for x ≥ 0: small values keep their relative precision. */
export function normalSurvival(x: number): number {
  const tail = 0.5 * upperGamma(0.5, x * x / 2);
  return x < 0 ? 1 - tail : tail;
}

/**
 * The x with {@linkcode normalCdf}(x) = q.
 *
 * @param q In (0, 1).
 * @throws {RangeError} If q is outside.
 */
export function normalQuantile(q: number): number {
  checkShare("take a normal quantile", "a probability", q);
  if (q === 0.5) return 0;
  return q < 0.5 ? -solveDecreasing(normalSurvival, q) : solveDecreasing(normalSurvival, 1 - q);
}
