/**
 * AdamW on vectors in memory: one pass over parameters, moments and gradients, in place.
 *
 * The state lives in JavaScript because the runtime's binding copies every output: only gradients cross it, never
 * parameters and moments. Float64 vectors give the reference form in plain arithmetic; float32 vectors, which is
 * what is trained, take the same formula four elements at a time.
 *
 * Source: Loshchilov and Hutter 2017, Decoupled Weight Decay Regularization (arXiv:1711.05101), algorithm 2, in the
 * order of operations of torch.optim.AdamW.
 *
 * @module
 */
import { updateFloat32 } from "./_adamw_wasm.ts";

/** A vector of parameters or gradients. */
export type Vector = Float32Array | Float64Array;

/** Parameters with their moments; all of one length. */
export interface AdamWState {
  readonly parameters: Vector;
  /** Running mean of the gradients. */
  readonly first: Vector;
  /** Running mean of their squares. */
  readonly second: Vector;
}

/** Choices for one update. */
export interface AdamWOptions {
  readonly learningRate: number;
  /** Updates done before, plus one. */
  readonly step: number;
  /** What gradients are multiplied by first, for clipping. @default 1 */
  readonly scale?: number;
  /** @default 0 */
  readonly weightDecay?: number;
  /** @default 0.9 */
  readonly beta1?: number;
  /** @default 0.999 */
  readonly beta2?: number;
  /** @default 1e-8 */
  readonly epsilon?: number;
}

/** A fresh state around parameters. */
export function adamWState(parameters: Float32Array): AdamWState {
  return {
    parameters,
    first: new Float32Array(parameters.length),
    second: new Float32Array(parameters.length),
  };
}

/**
 * One update in place: p ← p·(1 − η·λ) − η·m̂ / (√v̂ + ε), with m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², and hats
 * for division by 1 − βᵗ.
 */
export function adamW(state: AdamWState, gradients: Vector, options: AdamWOptions): void {
  const { learningRate, step, scale = 1, weightDecay = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } =
    options;
  const { parameters: p, first: m, second: v } = state;
  const keep = 1 - learningRate * weightDecay;
  const rate = learningRate / (1 - beta1 ** step);
  const rootCorrection = 1 / Math.sqrt(1 - beta2 ** step);
  if (
    p instanceof Float32Array && m instanceof Float32Array && v instanceof Float32Array &&
    gradients instanceof Float32Array
  ) {
    return updateFloat32([p, m, v, gradients], { scale, beta1, beta2, keep, rate, rootCorrection, epsilon });
  }
  for (let i = 0; i < p.length; i++) {
    const g = gradients[i]! * scale;
    const mean = m[i] = beta1 * m[i]! + (1 - beta1) * g;
    const square = v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
    p[i] = p[i]! * keep - rate * mean / (Math.sqrt(square) * rootCorrection + epsilon);
  }
}

/** Sum of squares, in float64. Not finite as soon as one element is not. */
export function sumOfSquares(vector: Vector): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += vector[i]! * vector[i]!;
  return sum;
}
