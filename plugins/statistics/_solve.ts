/**
 * The x ≥ 0 at which a decreasing function takes `target`: bisection until two neighbouring numbers are left.
 *
 * @param survival Decreasing on [0, ∞), at least `target` at 0.
 * @param target Greater than 0; at 0 the answer is ∞.
 */
export function solveDecreasing(survival: (x: number) => number, target: number): number {
  if (target <= 0) return Infinity;
  let high = 1;
  while (survival(high) > target) high *= 2;
  let low = 0;
  for (;;) {
    const middle = low + (high - low) / 2;
    if (middle <= low || middle >= high || high - low < 1e-300) return middle;
    if (survival(middle) > target) low = middle;
    else high = middle;
  }
}
