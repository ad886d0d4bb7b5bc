/**
 * Tensors and their element types.
 *
 * @module
 */

/** Element types that graphs and weight files use. */
export type ElementType = "float32" | "float64" | "float16" | "bfloat16" | "int64" | "int32" | "bool";

/** Bytes of one element. */
export const ELEMENT_BYTES: Readonly<Record<ElementType, number>> = Object.freeze({
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  bool: 1,
});

/** A tensor of float32 values in row-major order. */
export interface Tensor {
  /** Values; length is the product of `shape`. */
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Number of elements of a shape; 1 for a scalar. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** bfloat16 bit patterns → float32; exact. */
export function fromBfloat16(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return new Float32Array(words.buffer);
}

/** float32 → bfloat16 bit patterns, rounding to nearest, ties to even; NaN stays NaN. */
export function toBfloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = words[i]!;
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    bits[i] = isNaN ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return bits;
}

/** float16 bit patterns → float32; exact. */
export function fromFloat16(bits: Uint16Array): Float32Array {
  return Float32Array.from(new Float16Array(bits.buffer, bits.byteOffset, bits.length));
}

/** float32 → float16 bit patterns, rounding to nearest, ties to even; too large becomes infinite. */
export function toFloat16(values: Float32Array): Uint16Array {
  return new Uint16Array(Float16Array.from(values).buffer);
}
