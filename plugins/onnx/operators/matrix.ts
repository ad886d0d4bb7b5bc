/**
 * Matrix products.
 *
 * @module
 */
import { broadcast, type Shape } from "../dimension.ts";
import type { Attributes, Graph, Value } from "../graph.ts";
import { type InputGradient, type Operator, sameType, sumTo, wantInputs } from "./operator.ts";

/** Attributes of both products: op(A) is A, or its transpose when transA is 1; the result is multiplied by alpha. */
interface Product {
  readonly transA: 0 | 1;
  readonly transB: 0 | 1;
  readonly alpha: number;
}

function productOf({ transA = 0, transB = 0, alpha = 1 }: Attributes): Product {
  return { transA: transA as 0 | 1, transB: transB as 0 | 1, alpha: alpha as number };
}

/** Shape of op(A)·op(B) over the last two axes. */
function multiplied(a: Value, b: Value, { transA, transB }: Product): Shape {
  if (a.shape.length < 2 || b.shape.length < 2) throw new RangeError("wanted matrices");
  const [rows, inner] = transA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
  const [other, columns] = transB ? [b.shape.at(-1)!, b.shape.at(-2)!] : [b.shape.at(-2)!, b.shape.at(-1)!];
  if (inner !== other) throw new RangeError(`wanted equal inner sizes: received ${inner} and ${other}`);
  return [...broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2)), rows, columns];
}

/**
 * Gradients of Y = alpha · op(A) · op(B): dA = alpha · dY · op(B)ᵀ and dB = alpha · op(A)ᵀ · dY, each transposed
 * once more when its side was.
 */
function gradients(
  g: Graph,
  operator: string,
  dy: Value,
  a: Value,
  b: Value,
  { transA, transB, alpha }: Product,
): [InputGradient, InputGradient] {
  const multiply = (x: Value, y: Value, flipX: number, flipY: number) =>
    g.op(operator, [x, y], { transA: flipX, transB: flipY, alpha });
  return [
    () => sumTo(g, transA ? multiply(b, dy, transB, 1) : multiply(dy, b, 0, 1 - transB), a.shape),
    () => sumTo(g, transB ? multiply(dy, a, 1, transA) : multiply(a, dy, 1 - transA, 0), b.shape),
  ];
}

/** Matrix products by name. */
export const MATRIX: Readonly<Record<string, Operator>> = {
  /** alpha · op(A) · op(B) over the last two axes; the axes before them broadcast. */
  MatMul: {
    infer: (inputs, attributes) => {
      wantInputs(inputs, 2);
      const [a, b] = inputs as [Value, Value];
      return [{ type: sameType(inputs), shape: multiplied(a, b, productOf(attributes)) }];
    },
    gradient: ({ graph: g, inputs: [a, b], attributes, gradient }) =>
      gradients(g, "MatMul", gradient, a!, b!, productOf(attributes)),
    emit: ({ inputs: [a, b], outputs: [y], attributes }, emitter) => {
      const { transA, transB, alpha } = productOf(attributes);
      if (!transA && !transB && alpha === 1) emitter.node("MatMul", [a!, b!], [y!]);
      else if (emitter.fused) {
        emitter.node(
          "FusedMatMul",
          [a!, b!],
          [y!],
          { transA, transB, alpha: emitter.float(alpha) },
          "com.microsoft",
        );
      } else {
        const left = transA ? emitter.transposed(a!) : a!;
        const right = transB ? emitter.transposed(b!) : b!;
        if (alpha === 1) emitter.node("MatMul", [left, right], [y!]);
        else {emitter.node("Mul", [emitter.one("MatMul", [left, right]), emitter.scalar(alpha, y!.type)], [
            y!,
          ]);}
      }
    },
  },
  /** alpha · op(A) · op(B) + C on matrices; C [M, N] or [N] may be left out. */
  Gemm: {
    infer: (inputs, attributes) => {
      wantInputs(inputs, 2, 3);
      const [a, b, c] = inputs as [Value, Value, Value?];
      if (a.shape.length !== 2 || b.shape.length !== 2) throw new RangeError("wanted two matrices");
      const shape = multiplied(a, b, productOf(attributes));
      if (c !== undefined && `${broadcast(shape, c.shape)}` !== `${shape}`) {
        throw new RangeError(`wanted a third input that broadcasts to [${shape}]: received [${c.shape}]`);
      }
      return [{ type: sameType(inputs), shape }];
    },
    gradient: ({ graph: g, inputs: [a, b, c], attributes, gradient }) => [
      ...gradients(g, "Gemm", gradient, a!, b!, productOf(attributes)),
      ...(c === undefined ? [] : [() => sumTo(g, gradient, c.shape)]),
    ],
    emit: ({ inputs, outputs: [y], attributes }, emitter) => {
      const { transA, transB, alpha } = productOf(attributes);
      emitter.node("Gemm", inputs, [y!], { transA, transB, alpha: emitter.float(alpha) });
    },
  },
};
