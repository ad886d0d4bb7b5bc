/**
 * Operators that make many elements one.
 *
 * @module
 */
import { axisOf, type Shape } from "../dimension.ts";
import type { Attributes, Graph, Node, Value } from "../graph.ts";
import type { Emitter } from "../encode.ts";
import { constantForGradients, type Operator } from "./operator.ts";

/** `axes` are the axes to reduce; with `keepdims` 1 they stay, with size 1. */
function reduced(x: Value, attributes: Attributes): Shape {
  const axes = axesOf(x, attributes);
  // To the runtime no axes are all axes.
  if (axes.size === 0) throw new RangeError("wanted at least one axis: received none");
  return x.shape.flatMap((size, axis) => !axes.has(axis) ? [size] : attributes["keepdims"] === 1 ? [1] : []);
}

function axesOf(x: Value, attributes: Attributes): ReadonlySet<number> {
  return new Set((attributes["axes"] as readonly number[]).map((axis) => axisOf(axis, x.shape.length)));
}

/** Stretches the gradient of a reduced value over the axes that were reduced. */
function stretched(g: Graph, gradient: Value, x: Value, attributes: Attributes): Value {
  const axes = axesOf(x, attributes);
  const kept = g.reshape(gradient, x.shape.map((size, axis) => axes.has(axis) ? 1 : size));
  return g.op("Expand", [kept], { to: x.shape });
}

function emit({ operator, inputs: [x], outputs: [y], attributes }: Node, emitter: Emitter): void {
  const axes = emitter.integers([...axesOf(x!, attributes)]);
  emitter.node(operator, [x!, axes], [y!], { keepdims: attributes["keepdims"] === 1 ? 1 : 0 });
}

/** Reductions by name. */
export const REDUCTION: Readonly<Record<string, Operator>> = {
  ReduceSum: {
    infer: ([x], attributes) => [{ type: x!.type, shape: reduced(x!, attributes) }],
    gradient: (
      { graph: g, inputs: [x], attributes, gradient },
    ) => [() => stretched(g, gradient, x!, attributes)],
    emit,
  },
  ReduceMean: {
    infer: ([x], attributes) => [{ type: x!.type, shape: reduced(x!, attributes) }],
    gradient: ({ graph: g, inputs: [x], attributes, gradient }) => [() => {
      const spread = stretched(g, gradient, x!, attributes);
      const sizes = [...axesOf(x!, attributes)].map((axis) => x!.shape[axis]!);
      if (sizes.some((size) => typeof size !== "number")) {
        throw new TypeError(
          `Cannot differentiate ReduceMean: wanted axes of known size: received [${sizes}]`,
        );
      }
      return g.div(spread, (sizes as number[]).reduce((all, size) => all * size, 1));
    }],
    emit,
  },
  ReduceSumSquare: {
    infer: ([x], attributes) => [{ type: x!.type, shape: reduced(x!, attributes) }],
    gradient: ({ graph: g, inputs: [x], attributes, gradient }) => [
      () => g.mul(stretched(g, gradient, x!, attributes), g.mul(x!, 2)),
    ],
    emit,
  },
  /** Index of the largest element along the last axis, the first one on a tie. */
  ArgMax: {
    infer: ([x]) => [{ type: "int64", shape: x!.shape.slice(0, -1) }],
    gradient: constantForGradients,
    emit: ({ inputs, outputs }, emitter) =>
      emitter.node("ArgMax", inputs, outputs, { axis: -1, keepdims: 0 }),
  },
  ReduceMax: {
    infer: ([x], attributes) => [{ type: x!.type, shape: reduced(x!, attributes) }],
    emit,
  },
};
