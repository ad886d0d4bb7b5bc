/**
 * Sizes of axes: numbers, names, and products of both.
 *
 * A name means the same size wherever it stands in a graph. A product is written canonically, `2*B*T`: the number
 * first when it is not 1, then the names in order, so that equal sizes are equal strings.
 *
 * @module
 */

/** Size of one axis: a number, a name, or a product such as `2*B*T`. */
export type Dimension = number | string;

/** Sizes of all axes. */
export type Shape = readonly Dimension[];

/** Product of sizes, in canonical form. */
export function product(sizes: Shape): Dimension {
  let number = 1;
  const names: string[] = [];
  for (const size of sizes) {
    if (typeof size === "number") number *= size;
    else {
      const factors = factorsOf(size);
      number *= factors.number;
      names.push(...factors.names);
    }
  }
  if (names.length === 0 || number === 0) return number;
  names.sort();
  return number === 1 ? names.join("*") : [number, ...names].join("*");
}

/** The number and the names that a size is the product of. */
export function factorsOf(size: Dimension): { readonly number: number; readonly names: readonly string[] } {
  if (typeof size === "number") return { number: size, names: [] };
  const factors = size.split("*");
  const first = Number(factors[0]);
  return Number.isInteger(first) && factors[0] !== ""
    ? { number: first, names: factors.slice(1) }
    : { number: 1, names: factors };
}

/** A size that is a multiple of a number, divided by it. @throws {RangeError} When it is not. */
export function divided(size: Dimension, by: number): Dimension {
  const { number, names } = factorsOf(size);
  if (number % by !== 0) throw new RangeError(`wanted a multiple of ${by}: received ${size}`);
  return product([number / by, ...names]);
}

/** Whether two shapes are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/**
 * Shape of an element-wise result: axes are matched from the last, and 1 stretches to the other's size.
 *
 * @throws {RangeError} When two sizes differ and neither is 1.
 */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [x, y] = [a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1];
    if (x !== y && x !== 1 && y !== 1) {
      throw new RangeError(`wanted shapes that broadcast: received [${a}] and [${b}]`);
    }
    return x === 1 ? y : x;
  });
}

/**
 * Axis counted from the first; negative ones count from the last.
 *
 * @throws {RangeError} When there is no such axis.
 */
export function axisOf(axis: number, rank: number): number {
  const counted = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || counted < 0 || counted >= rank) {
    throw new RangeError(`wanted an axis of ${rank}: received ${axis}`);
  }
  return counted;
}
