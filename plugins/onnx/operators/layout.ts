/**
 * Operators that move elements without changing them.
 *
 * @module
 */
import { axisOf, broadcast, type Dimension, product, sameShape, type Shape } from "../dimension.ts";
import { constantForGradients, type Operator, sameType, sumTo } from "./operator.ts";

/** Layout operators by name. */
export const LAYOUT: Readonly<Record<string, Operator>> = {
  /** The same elements under the shape `to`. */
  Reshape: {
    infer: ([x], attributes) => {
      const to = attributes["to"] as Shape;
      if (product(x!.shape) !== product(to)) {
        throw new RangeError(`wanted a shape of ${product(x!.shape)} elements: received [${to}]`);
      }
      return [{ type: x!.type, shape: to }];
    },
    gradient: ({ graph: g, inputs: [x], gradient }) => [() => g.reshape(gradient, x!.shape)],
    emit: ({ inputs: [x], outputs: [y] }, emitter) => {
      emitter.node("Reshape", [x!, emitter.reshapeTarget(y!.shape)], [y!]);
    },
  },
  /** Axis i of the result is axis `perm[i]` of the input. */
  Transpose: {
    infer: ([x], attributes) => {
      const perm = attributes["perm"] as readonly number[];
      if (`${[...perm].sort((a, b) => a - b)}` !== `${x!.shape.map((_, axis) => axis)}`) {
        throw new RangeError(`wanted each of ${x!.shape.length} axes once: received [${perm}]`);
      }
      return [{ type: x!.type, shape: perm.map((axis) => x!.shape[axis]!) }];
    },
    gradient: ({ graph: g, attributes, gradient }) => {
      const perm = attributes["perm"] as readonly number[];
      return [() => g.transpose(gradient, perm.map((_, axis) => perm.indexOf(axis)))];
    },
  },
  /** Stretches axes of size 1 to the shape `to`. */
  Expand: {
    infer: ([x], attributes) => {
      const to = attributes["to"] as Shape;
      if (!sameShape(broadcast(x!.shape, to), to)) {
        throw new RangeError(`wanted a shape that [${x!.shape}] stretches to: received [${to}]`);
      }
      return [{ type: x!.type, shape: to }];
    },
    gradient: ({ graph: g, inputs: [x], gradient }) => [() => sumTo(g, gradient, x!.shape)],
    emit: ({ inputs: [x], outputs: [y] }, emitter) => {
      emitter.node("Expand", [x!, emitter.sizes(y!.shape)], [y!]);
    },
  },
  /** Elements `start` to `end` (not included) of one axis, whose size is a number. */
  Slice: {
    infer: ([x], attributes) => {
      const { axis, start, end } = attributes as { axis: number; start: number; end: number };
      const at = axisOf(axis, x!.shape.length);
      const size = x!.shape[at]!;
      if (typeof size !== "number" || start < 0 || end > size || start > end) {
        throw new RangeError(`wanted a range inside ${size}: received ${start} to ${end}`);
      }
      return [{ type: x!.type, shape: x!.shape.with(at, end - start) }];
    },
    gradient: ({ graph: g, inputs: [x], attributes, gradient }) => {
      const { axis, start, end } = attributes as { axis: number; start: number; end: number };
      const size = x!.shape[axisOf(axis, x!.shape.length)] as number;
      return [() => g.op("Pad", [gradient], { axis, before: start, after: size - end })];
    },
    emit: ({ inputs: [x], outputs: [y], attributes }, emitter) => {
      const { axis, start, end } = attributes as { axis: number; start: number; end: number };
      const at = (number: number) => emitter.integers([number]);
      emitter.node("Slice", [x!, at(start), at(end), at(axisOf(axis, x!.shape.length))], [y!]);
    },
  },
  /** Zeros `before` and `after` the elements of one axis, whose size is a number. */
  Pad: {
    infer: ([x], attributes) => {
      const { axis, before, after } = attributes as { axis: number; before: number; after: number };
      const at = axisOf(axis, x!.shape.length);
      const size = x!.shape[at]!;
      if (typeof size !== "number") throw new RangeError(`wanted an axis of known size: received ${size}`);
      return [{ type: x!.type, shape: x!.shape.with(at, size + before + after) }];
    },
    gradient: ({ graph: g, inputs: [x], attributes, gradient }) => {
      const { axis, before } = attributes as { axis: number; before: number };
      const size = x!.shape[axisOf(axis, x!.shape.length)] as number;
      return [() => g.op("Slice", [gradient], { axis, start: before, end: before + size })];
    },
    emit: ({ inputs: [x], outputs: [y], attributes }, emitter) => {
      const { axis, before, after } = attributes as { axis: number; before: number; after: number };
      const at = axisOf(axis, x!.shape.length);
      const pads = x!.shape.map((_, each) => each === at ? before : 0);
      const ends = x!.shape.map((_, each) => each === at ? after : 0);
      emitter.node("Pad", [x!, emitter.integers([...pads, ...ends])], [y!]);
    },
  },
  /**
   * Inputs one after another along an axis. Where its sizes are not numbers, `size` names their sum, which must be the
   * size of an axis of some input of the graph.
   */
  Concat: {
    infer: (inputs, attributes) => {
      const axis = axisOf(attributes["axis"] as number, inputs[0]!.shape.length);
      const sizes = inputs.map(({ shape }) => shape[axis]!);
      const rest = (shape: Shape) => shape.with(axis, 0);
      const odd = inputs.find(({ shape }) => !sameShape(rest(shape), rest(inputs[0]!.shape)));
      if (odd !== undefined) {
        throw new RangeError(`wanted shapes that differ along axis ${axis} only: received [${odd.shape}]`);
      }
      const total = sizes.every((size) => typeof size === "number")
        ? sizes.reduce((sum, size) => sum + size, 0)
        : attributes["size"] as Dimension | undefined;
      if (total === undefined) {
        throw new RangeError(`wanted known sizes along axis ${axis}: received ${sizes.join(", ")}`);
      }
      return [{ type: sameType(inputs), shape: inputs[0]!.shape.with(axis, total) }];
    },
    gradient: ({ graph: g, inputs, attributes, gradient }) => {
      const axis = axisOf(attributes["axis"] as number, gradient.shape.length);
      if (attributes["size"] !== undefined) {
        throw new TypeError(
          `Cannot differentiate Concat: wanted known sizes along axis ${axis}: received ${
            attributes["size"]
          }`,
        );
      }
      let end = 0;
      return inputs.map(({ shape }) => {
        const start = end;
        end += shape[axis] as number;
        const range = { axis, start, end };
        return () => g.op("Slice", [gradient], range);
      });
    },
    emit: ({ inputs, outputs, attributes }, emitter) => {
      emitter.node("Concat", inputs, outputs, { axis: attributes["axis"] as number });
    },
  },
  /** Size of one axis as an int64 scalar. */
  AxisSize: {
    infer: ([x], attributes) => {
      axisOf(attributes["axis"] as number, x!.shape.length);
      return [{ type: "int64", shape: [] }];
    },
    gradient: constantForGradients,
    emit: ({ inputs: [x], outputs: [y], attributes }, emitter) => {
      const axis = axisOf(attributes["axis"] as number, x!.shape.length);
      const size = emitter.one("Shape", [x!], { start: axis, end: axis + 1 });
      emitter.node("Squeeze", [size, emitter.integers([0])], [y!]);
    },
  },
  /** `start`, `start` + 1 … as int64, as many as `size` says; `start` is a size, 0 when left out. */
  Iota: {
    infer: (_inputs, attributes) => [{ type: "int64", shape: [attributes["size"] as number | string] }],
    gradient: constantForGradients,
    emit: ({ outputs: [y], attributes }, emitter) => {
      const scalar = (vector: Parameters<typeof emitter.one>[1][0]) =>
        emitter.one("Squeeze", [vector, emitter.integers([0])]);
      const [size, first] = [emitter.sizes(y!.shape), attributes["start"] as Dimension ?? 0];
      const start = emitter.sizes([first]);
      const end = first === 0 ? size : emitter.one("Add", [start, size]);
      emitter.node("Range", [start, end, emitter.integers([1])].map(scalar), [y!]);
    },
  },
};
