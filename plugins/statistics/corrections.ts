/**
 * Holm's adjusted p-values: with all of them compared to α, the chance of any false alarm is at most α, whatever the
 * dependence. The i-th smallest of m becomes the largest (m − j + 1) p₍ⱼ₎ over j ≤ i, at most 1.
 *
 * Source: Holm 1979, A simple sequentially rejective multiple test procedure.
 *
 * @param pValues Each in [0, 1].
 * @returns In the order of `pValues`; never below them.
 * @throws {RangeError} If a p-value is outside [0, 1].
 */
export function holm(pValues: readonly number[]): number[] {
  checkPValues(pValues);
  const m = pValues.length;
  const adjusted = new Array<number>(m);
  let largest = 0;
  for (const [place, index] of ascending(pValues).entries()) {
    largest = Math.max(largest, Math.min(1, (m - place) * pValues[index]!));
    adjusted[index] = largest;
  }
  return adjusted;
}

/**
 * Benjamini and Hochberg's adjusted p-values: with all of them compared to α, on average at most a share α of the
 * discoveries is false, for independent or positively dependent tests. The i-th smallest of m becomes the smallest
 * m p₍ⱼ₎ / j over j ≥ i.
 *
 * Source: Benjamini and Hochberg 1995, Controlling the false discovery rate.
 *
 * @param pValues Each in [0, 1].
 * @returns In the order of `pValues`; never below them.
 * @throws {RangeError} If a p-value is outside [0, 1].
 */
export function benjaminiHochberg(pValues: readonly number[]): number[] {
  checkPValues(pValues);
  const m = pValues.length;
  const adjusted = new Array<number>(m);
  let smallest = 1;
  for (const [fromTop, index] of ascending(pValues).reverse().entries()) {
    smallest = Math.min(smallest, pValues[index]! * (m / (m - fromTop)));
    adjusted[index] = smallest;
  }
  return adjusted;
}

function ascending(values: readonly number[]): number[] {
  return values.map((_, i) => i).sort((i, j) => values[i]! - values[j]!);
}

function checkPValues(pValues: readonly number[]): void {
  const bad = pValues.findIndex((p) => !(p >= 0 && p <= 1));
  if (bad >= 0) {
    throw new RangeError(
      `Cannot correct p-values: numbers in [0, 1]: received ${pValues[bad]} at index ${bad}`,
    );
  }
}
