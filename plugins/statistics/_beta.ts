import { logBeta } from "./_gamma.ts";

/**
 * The regularised incomplete beta function I_x(a, b), by its continued fraction on the side where it converges fast.
 *
 * Source: Press et al. 2007, Numerical Recipes, §6.4, evaluated with Lentz's method.
 *
 * @param a Greater than 0.
 * @param b Greater than 0.
 * @param x In [0, 1].
 * @param y 1 − x, given apart because the subtraction loses the digits that count when x is close to 1.
 */
export function regularisedBeta(a: number, b: number, x: number, y: number = 1 - x): number {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - regularisedBeta(b, a, y, x);
  return Math.exp(a * log(x, y) + b * log(y, x) - logBeta(a, b)) * continuedFraction(a, b, x) / a;
}

/** log x for x = 1 − y, precise at both ends. */
function log(x: number, y: number): number {
  return y < 0.5 ? Math.log1p(-y) : Math.log(x);
}

function continuedFraction(a: number, b: number, x: number): number {
  let c = 1;
  let d = 1 / (1 - (a + b) * x / (a + 1));
  let h = d;
  for (let m = 1; m < 100_000; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    h *= d * c;
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return h;
}
