/**
 * Operators that pick elements by index.
 *
 * @module
 */
import { type Dimension, product, type Shape } from "../dimension.ts";
import { type Operator, wantInputs } from "./operator.ts";

/** Indexing operators by name. Indices are int64. */
export const INDEXING: Readonly<Record<string, Operator>> = {
  /** Rows of the first input: x [V, …], indices [N, …] → [N, …, …]. Its gradient adds up rows that were picked twice. */
  Gather: {
    infer: ([x, indices]) => [{ type: x!.type, shape: [...indices!.shape, ...x!.shape.slice(1)] }],
    gradient: ({ graph: g, inputs: [x, indices], gradient }) => [() => {
      const size = x!.shape[0]!;
      return g.op("ScatterRows", [indices!, gradient], { size });
    }, null],
    emit: ({ inputs, outputs: [y] }, emitter) => emitter.node("Gather", inputs, [y!], { axis: 0 }),
  },
  /**
   * Zeros [size, …] with rows added in at their indices: indices [N], rows [N, …].
   *
   * Not by ScatterND, whose threads add to one row at the same time on the CPU and lose some of it. ScatterElements runs on
   * one thread; it wants an index for every element.
   */
  ScatterRows: {
    infer: ([indices, rows], attributes) => {
      const rank = indices!.shape.length;
      return [{ type: rows!.type, shape: [attributes["size"] as Dimension, ...rows!.shape.slice(rank)] }];
    },
    gradient: (
      { graph: g, inputs: [indices], gradient },
    ) => [null, () => g.op("Gather", [gradient, indices!])],
    emit: ({ inputs: [indices, rows], outputs: [y] }, emitter) => {
      const { type, shape: [size, ...rest] } = y!;
      const flat = [product(indices!.shape), product(rest)] as const;
      const shaped = (value: typeof indices, shape: Shape) =>
        emitter.one("Reshape", [value!, emitter.reshapeTarget(shape)]);
      const pointers = emitter.one("Expand", [shaped(indices, [flat[0], 1]), emitter.sizes(flat)]);
      const sums = emitter.one(
        "ScatterElements",
        [emitter.zeros([size!, flat[1]], type), pointers, shaped(rows, flat)],
        { axis: 0, reduction: emitter.string("add") },
      );
      emitter.node("Reshape", [sums, emitter.sizes(y!.shape)], [y!]);
    },
  },
  /** One element of each row: x [N, V], indices [N] → [N]. */
  PickColumns: {
    infer: (inputs) => {
      wantInputs(inputs, 2);
      return [{ type: inputs[0]!.type, shape: inputs[1]!.shape }];
    },
    gradient: ({ graph: g, inputs: [x, indices], gradient }) => [
      () => g.op("AddToColumns", [g.mul(x!, 0), indices!, gradient]),
      null,
    ],
    emit: ({ inputs: [x, indices], outputs: [y] }, emitter) => {
      const last = emitter.integers([-1]);
      const picked = emitter.one("GatherElements", [x!, emitter.one("Unsqueeze", [indices!, last])], {
        axis: 1,
      });
      emitter.node("Squeeze", [picked, last], [y!]);
    },
  },
  /** Adds one number to one element of each row: x [N, V], indices [N], numbers [N] → [N, V]. */
  AddToColumns: {
    infer: (inputs) => {
      wantInputs(inputs, 3);
      return [inputs[0]!];
    },
    gradient: ({ graph: g, inputs: [, indices], gradient }) => [
      () => gradient,
      null,
      () => g.op("PickColumns", [gradient, indices!]),
    ],
    emit: ({ inputs: [x, indices, numbers], outputs: [y] }, emitter) => {
      const last = emitter.integers([-1]);
      const column = (name: typeof indices) => emitter.one("Unsqueeze", [name!, last]);
      emitter.node("ScatterElements", [x!, column(indices), column(numbers)], [y!], {
        axis: 1,
        reduction: emitter.string("add"),
      });
    },
  },
  /** x [B, …] → x[index], index an int64 scalar. */
  PickFirst: {
    infer: ([x]) => [{ type: x!.type, shape: x!.shape.slice(1) }],
    emit: ({ inputs, outputs: [y] }, emitter) => emitter.node("Gather", inputs, [y!], { axis: 0 }),
  },
};
