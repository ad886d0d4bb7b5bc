/**
 * Operators that work element by element.
 *
 * @module
 */
import { broadcast } from "../dimension.ts";
import type { Graph, Value } from "../graph.ts";
import { broadcasted, constantForGradients, type Operator, sameType, sumTo, wantInputs } from "./operator.ts";
import type { ElementType } from "../tensor.ts";

/** y = f(x): dx = dy · f′(x), with f′ built from x and y. */
function pointwise(slope: (g: Graph, x: Value, y: Value) => Value): Operator {
  return {
    infer: (inputs) => {
      wantInputs(inputs, 1);
      return [inputs[0]!];
    },
    gradient: (
      { graph: g, inputs: [x], outputs: [y], gradient },
    ) => [() => g.mul(gradient, slope(g, x!, y!))],
  };
}

/** y = f(a, b), broadcasting: each side's gradient is summed back to its own shape. */
function binary(
  left: (g: Graph, dy: Value, a: Value, b: Value, y: Value) => Value,
  right: (g: Graph, dy: Value, a: Value, b: Value, y: Value) => Value,
): Operator {
  return {
    infer: (inputs) => [broadcasted(inputs)],
    gradient: ({ graph: g, inputs: [a, b], outputs: [y], gradient: dy }) => [
      () => sumTo(g, left(g, dy, a!, b!, y!), a!.shape),
      () => sumTo(g, right(g, dy, a!, b!, y!), b!.shape),
    ],
  };
}

/** A comparison: true where it holds. No gradient flows. */
const comparison: Operator = {
  infer: (inputs) => [{ ...broadcasted(inputs), type: "bool" }],
  gradient: constantForGradients,
};

/** 1 where the comparison holds, else 0, in the type of x. */
function indicator(g: Graph, operator: string, a: Value, b: Value, like: Value): Value {
  return g.op("Cast", [g.pair(operator, a, b)], { to: like.type });
}

function isFloating({ type }: Value): boolean {
  return type.includes("float");
}

/** Element-wise operators by name. */
export const ELEMENTWISE: Readonly<Record<string, Operator>> = {
  Add: binary((_g, dy) => dy, (_g, dy) => dy),
  Sub: binary((_g, dy) => dy, (g, dy) => g.op("Neg", [dy])),
  Mul: binary((g, dy, _a, b) => g.mul(dy, b), (g, dy, a) => g.mul(dy, a)),
  Div: binary((g, dy, _a, b) => g.div(dy, b), (g, dy, _a, b, y) => g.op("Neg", [g.div(g.mul(dy, y), b)])),
  // Where both sides are equal the first one takes the gradient, so that the two always add up to dy.
  Min: binary(
    (g, dy, a, b) => g.mul(dy, indicator(g, "LessOrEqual", a, b, dy)),
    (g, dy, a, b) => g.mul(dy, indicator(g, "Greater", a, b, dy)),
  ),
  Max: binary(
    (g, dy, a, b) => g.mul(dy, indicator(g, "GreaterOrEqual", a, b, dy)),
    (g, dy, a, b) => g.mul(dy, indicator(g, "Less", a, b, dy)),
  ),
  Neg: pointwise((g, x) => g.constant(-1, [], x.type)),
  Abs: pointwise((g, x) => g.op("Sign", [x])),
  Sign: { infer: ([x]) => [x!], gradient: constantForGradients },
  Floor: { infer: ([x]) => [x!], gradient: constantForGradients },
  Exp: pointwise((_g, _x, y) => y),
  Log: pointwise((g, x) => g.op("Reciprocal", [x])),
  Sqrt: pointwise((g, _x, y) => g.div(0.5, y)),
  Reciprocal: pointwise((g, _x, y) => g.op("Neg", [g.mul(y, y)])),
  Tanh: pointwise((g, _x, y) => g.sub(1, g.mul(y, y))),
  Sigmoid: pointwise((g, _x, y) => g.mul(y, g.sub(1, y))),
  Softplus: pointwise((g, x) => g.op("Sigmoid", [x])),
  Relu: pointwise((g, x) => g.op("Cast", [g.pair("Greater", x, 0)], { to: x.type })),
  /** x · σ(x): QuickGelu with alpha 1. y = x·σ, so the slope σ + x·σ·(1 − σ) is y + σ·(1 − y). */
  Silu: {
    ...pointwise((g, x, y) => g.add(y, g.mul(g.op("Sigmoid", [x]), g.sub(1, y)))),
    emit: ({ inputs: [x], outputs: [y] }, emitter) => {
      emitter.node("QuickGelu", [x!], [y!], { alpha: emitter.float(1) }, "com.microsoft");
    },
  },
  Identity: { infer: ([x]) => [x!], gradient: ({ gradient }) => [() => gradient] },
  /** The same value, which no gradient passes. */
  StopGradient: {
    infer: ([x]) => [x!],
    gradient: constantForGradients,
    emit: ({ inputs: [x], outputs: [y] }, emitter) => emitter.node("Identity", [x!], [y!]),
  },
  /** To whole numbers or truth values it is a step, which no gradient passes. */
  Cast: {
    infer: ([x], { to }) => [{ type: to as ElementType, shape: x!.shape }],
    gradient: ({ graph: g, inputs: [x], outputs: [y], gradient }) =>
      isFloating(x!) && isFloating(y!) ? [() => g.op("Cast", [gradient], { to: x!.type })] : [],
    emit: ({ inputs: [x], outputs: [y], attributes }, emitter) => {
      emitter.node("Cast", [x!], [y!], { to: emitter.typeCode(attributes["to"] as ElementType) });
    },
  },
  Equal: comparison,
  Less: comparison,
  LessOrEqual: comparison,
  Greater: comparison,
  GreaterOrEqual: comparison,
  And: comparison,
  Or: comparison,
  Not: { infer: ([x]) => [x!], gradient: constantForGradients },
  /** b where a holds, else c, broadcasting. */
  Where: {
    infer: (inputs) => {
      wantInputs(inputs, 3);
      const [a, b, c] = inputs as [Value, Value, Value];
      if (a.type !== "bool") throw new TypeError(`wanted a bool condition: received ${a.type}`);
      return [{ type: sameType([b, c]), shape: broadcast(a.shape, broadcast(b.shape, c.shape)) }];
    },
    gradient: ({ graph: g, inputs: [a, b, c], gradient: dy }) => {
      const zero = g.constant(0, [], dy.type);
      return [
        null,
        () => sumTo(g, g.op("Where", [a!, dy, zero]), b!.shape),
        () => sumTo(g, g.op("Where", [a!, zero, dy]), c!.shape),
      ];
    },
  },
};
