/** The gamma function's logarithm and the regularised incomplete gamma function. */

const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156];
const LOG_ROOT_TWO_PI = 0.5 * Math.log(2 * Math.PI);

/** What Stirling's formula lacks: log Γ(x) − ((x − ½) log x − x + ½ log 2π), for x ≥ 10 (Abramowitz and Stegun 6.1.41). */
export function stirlingError(x: number): number {
  const square = 1 / (x * x);
  return STIRLING.reduceRight((sum, term) => sum * square + term, 0) / x;
}

/** log Γ(x) for x > 0, to about 1e-15 absolute or relative, whichever is larger. */
export function logGamma(x: number): number {
  let shift = 1;
  let z = x;
  for (; z < 10; z++) shift *= z;
  return (z - 0.5) * Math.log(z) - z + LOG_ROOT_TWO_PI + stirlingError(z) - Math.log(shift);
}

/** log B(a, b) for a, b > 0, without the cancellation that differences of {@linkcode logGamma} have for large arguments. */
export function logBeta(a: number, b: number): number {
  if (a < b) return logBeta(b, a);
  if (a < 10) return logGamma(a) + logGamma(b) - logGamma(a + b);
  const large = stirlingError(a) - stirlingError(a + b) - (a - 0.5) * Math.log1p(b / a);
  return b < 10
    ? large + logGamma(b) + b - b * Math.log(a + b)
    : large + stirlingError(b) + b * Math.log(b / (a + b)) - 0.5 * Math.log(b) + LOG_ROOT_TWO_PI;
}

/**
 * The upper regularised incomplete gamma function Q(a, x) = Γ(a, x) / Γ(a): by its series below x = a + 1, by its
 * continued fraction above, so that small values keep their relative precision.
 *
 * Source: Press et al. 2007, Numerical Recipes, §6.2.
 *
 * @param a Greater than 0.
 * @param x At least 0.
 */
export function upperGamma(a: number, x: number): number {
  if (x === 0) return 1;
  if (x === Infinity) return 0;
  const factor = Math.exp(a * Math.log(x) - x - logGamma(a));
  return x < a + 1 ? 1 - factor * series(a, x) : factor * continuedFraction(a, x);
}

function series(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = a + 1; term > sum * 1e-17; n++) {
    term *= x / n;
    sum += term;
  }
  return sum;
}

function continuedFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let h = d;
  for (let i = 1; i < 100_000; i++) {
    const an = -i * (i - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return h;
}
