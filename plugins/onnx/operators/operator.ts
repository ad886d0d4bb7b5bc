/**
 * What an entry of the operator table holds.
 *
 * @module
 */
import type { Shape } from "../dimension.ts";
import { broadcast } from "../dimension.ts";
import type { Attributes, Graph, Node, Signature, Value } from "../graph.ts";
import type { Emitter } from "../encode.ts";

/** What a gradient rule gets. */
export interface GradientContext {
  /** Graph to add the gradient's nodes to. */
  readonly graph: Graph;
  /** Inputs of the node. */
  readonly inputs: readonly Value[];
  /** Outputs of the node. */
  readonly outputs: readonly Value[];
  /** Attributes of the node. */
  readonly attributes: Attributes;
  /** Gradient of the loss with respect to the first output; same shape as it. */
  readonly gradient: Value;
}

/** Makes the gradient of one input when it is asked for; null where none flows. */
export type InputGradient = (() => Value) | null;

/** One operator. */
export interface Operator {
  /** Types and shapes of the outputs. Throws with what was wanted when the inputs do not fit. */
  readonly infer: (inputs: readonly Value[], attributes: Attributes) => readonly Signature[];
  /**
   * Gradients of the inputs, in their order. Only the first output carries a gradient; the others are by-products.
   * An operator without a rule is constant for differentiation only when it says `() => []`.
   */
  readonly gradient?: (context: GradientContext) => readonly InputGradient[];
  /** Standard ONNX nodes for it, where they are not the operator's own name on the same inputs and attributes. */
  readonly emit?: (node: Node, emitter: Emitter) => void;
}

/** No input gets a gradient: indices, masks, shapes. */
export const constantForGradients = (): readonly InputGradient[] => [];

/**
 * The number of inputs an operator takes.
 *
 * @throws {RangeError} When there are fewer or more.
 */
export function wantInputs(inputs: readonly Value[], least: number, most: number = least): void {
  if (inputs.length < least || inputs.length > most) {
    throw new RangeError(
      `wanted ${least === most ? least : `${least} to ${most}`} inputs: received ${inputs.length}`,
    );
  }
}

/**
 * The one element type of all inputs.
 *
 * @throws {TypeError} When they differ.
 */
export function sameType(inputs: readonly Value[]): Value["type"] {
  const types = new Set(inputs.map((input) => input.type));
  if (types.size !== 1) {
    throw new TypeError(`wanted inputs of one type: received ${[...types].join(" and ")}`);
  }
  return inputs[0]!.type;
}

/** Type and shape of an element-wise result of two inputs. */
export function broadcasted(inputs: readonly Value[]): Signature {
  wantInputs(inputs, 2);
  return { type: sameType(inputs), shape: broadcast(inputs[0]!.shape, inputs[1]!.shape) };
}

/** Sums a gradient over the axes that broadcasting stretched, back to the shape of the input. */
export function sumTo(graph: Graph, gradient: Value, shape: Shape): Value {
  const extra = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((size, axis) =>
    axis < extra || (shape[axis - extra] === 1 && size !== 1) ? [axis] : []
  );
  if (axes.length === 0) return gradient;
  return graph.reshape(graph.reduceSum(gradient, axes, true), shape);
}
