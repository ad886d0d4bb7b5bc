/** Cases of every operator in the table: shapes and attributes that its tests run it on. */
import { below, type Prng, seeded } from "../../../core/prng.ts";
import type { Shape } from "../dimension.ts";
import type { Attributes, Graph, Value } from "../graph.ts";
import { elements } from "../tensor.ts";

/** Sizes of the names in shapes. */
export const SIZES: Readonly<Record<string, number>> = { B: 2, T: 3, N: 5 };

/** One input of a case. */
export interface CaseInput {
  readonly kind: "differentiated" | "fixed" | "index";
  readonly shape: Shape;
  readonly draw: (prng: Prng) => number;
}

/** An operator on inputs. */
export interface OperatorCase {
  readonly operator: string;
  readonly name: string;
  readonly inputs: readonly CaseInput[];
  readonly build: (g: Graph, inputs: readonly Value[]) => Value;
  /** Whether the runtime has no float64 kernel for it. */
  readonly single: boolean;
}

/** Numbers for the names of a shape. */
export function sized(shape: Shape): number[] {
  return shape.map((size) =>
    typeof size === "number"
      ? size
      : size.split("*").reduce((product, factor) => product * (SIZES[factor] ?? Number(factor)), 1)
  );
}

/** The values of a case's inputs, the same at each call. */
export function valuesOf({ name, inputs }: OperatorCase): number[][] {
  const prng = seeded(1).fork(name);
  return inputs.map(({ shape, draw }) => Array.from({ length: elements(sized(shape)) }, () => draw(prng)));
}

/** Whether something of a case is differentiated. */
export function isDifferentiated({ inputs }: OperatorCase): boolean {
  return inputs.some(({ kind }) => kind === "differentiated");
}

type Draw = (prng: Prng) => number;
const between = (low: number, high: number): Draw => (prng) => low + (high - low) * prng();
const differentiated = (draw: Draw) => (...shape: Shape): CaseInput => ({
  kind: "differentiated",
  shape,
  draw,
});

const real = differentiated(between(-1.5, 1.5));
const positive = differentiated(between(0.5, 2));
const nonzero = differentiated((prng) => between(0.3, 1.5)(prng) * (prng() < 0.5 ? -1 : 1));
/** Multiples of 0.4, moved: two inputs with different moves are never equal. */
const stairs = (move: number) => differentiated((prng) => below(prng, 8) * 0.4 - 1.6 + move);
const fixed = (...shape: Shape): CaseInput => ({ kind: "fixed", shape, draw: between(-1.5, 1.5) });
const rounded = (...shape: Shape): CaseInput => ({
  kind: "fixed",
  shape,
  draw: (prng) => below(prng, 3) - 1,
});
const index = (bound: number, ...shape: Shape): CaseInput => ({
  kind: "index",
  shape,
  draw: (prng) => below(prng, bound),
});

function on(
  operator: string,
  inputs: readonly CaseInput[],
  attributes: Attributes = {},
  build: OperatorCase["build"] = (g, values) => g.op(operator, values, attributes),
  single: boolean = false,
): OperatorCase {
  const shapes = inputs.map(({ shape }) => `[${shape}]`).join(" ");
  const how = Object.entries(attributes).map(([key, value]) => ` ${key}=${value}`).join("");
  return { operator, name: `${operator} ${shapes}${how}`, inputs, build, single };
}

/** For operators of the runtime's own domain, which has them in float32 only. */
function single(operator: string, inputs: readonly CaseInput[], attributes: Attributes = {}): OperatorCase {
  return on(operator, inputs, attributes, undefined, true);
}

const BROADCASTS: readonly (readonly [Shape, Shape])[] = [
  [[3, 4], [3, 4]],
  [[3, 4], [4]],
  [[2, 1, 3], [1, 4, 3]],
  [[], [2, 2]],
  [[5], [1]],
  [["B", "T", 2], [2]],
  [["T", 1], ["B", "T", 2]],
];

function binary(
  operator: string,
  left: (...shape: Shape) => CaseInput,
  right: (...shape: Shape) => CaseInput,
): OperatorCase[] {
  return BROADCASTS.map(([a, b]) => on(operator, [left(...a), right(...b)]));
}

function unary(operator: string, draw: (...shape: Shape) => CaseInput): OperatorCase[] {
  return [[2, 3], [], ["B", "N"]].map((shape) => on(operator, [draw(...shape)]));
}

const products = [0, 1].flatMap((transA) =>
  [0, 1].flatMap((transB) =>
    [1, 0.7].map((alpha) => ({ transA, transB, alpha, alone: transA + transB === 0 && alpha === 1 }))
  )
);

/** The last two axes, swapped when the side is transposed. */
function flipped(shape: Shape, flip: number): Shape {
  return flip ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : shape;
}

const matrixCases: OperatorCase[] = products.flatMap(({ alone, ...attributes }) => {
  const { transA, transB } = attributes;
  const sides = (a: Shape, b: Shape) => [real(...flipped(a, transA)), real(...flipped(b, transB))] as const;
  const batches: readonly (readonly [Shape, Shape])[] = [
    [[2, 3], [3, 4]],
    [["B", 2, 3], ["B", 3, 2]],
    [["B", 2, 3], [3, 2]],
    [[2, 3], ["B", 3, 2]],
    [[2, 1, 2, 3], [1, 2, 3, 2]],
  ];
  return [
    ...batches.map(([a, b]) => on("MatMul", sides(a, b), attributes, undefined, !alone)),
    on("Gemm", sides([2, 3], [3, 4]), attributes),
    on("Gemm", [...sides(["N", 3], [3, 2]), real("N", 2)], attributes),
    on("Gemm", [...sides([2, 3], [3, 4]), real(4)], attributes),
  ];
});

const layoutCases: OperatorCase[] = [
  on("Reshape", [real(2, 6)], { to: [3, 4] }),
  on("Reshape", [real("B", "T", 4)], { to: ["B*T", 2, 2] }),
  on("Reshape", [real("B*T", 4)], { to: ["B", "T", 4] }),
  on("Reshape", [real(1, 1)], { to: [] }),
  ...[[1, 0], [0, 1]].map((perm) => on("Transpose", [real(2, 3)], { perm })),
  ...[[0, 2, 1], [2, 0, 1], [1, 2, 0]].map((perm) => on("Transpose", [real("B", 3, 2)], { perm })),
  on("Transpose", [real(2, 1, 3, 2)], { perm: [2, 0, 3, 1] }),
  on("Expand", [real(1, 3)], { to: [2, 3] }),
  on("Expand", [real(3, 1)], { to: [2, 3, 4] }),
  on("Expand", [real()], { to: ["B", 2] }),
  on("Expand", [real("B", 1)], { to: ["B", "T"] }),
  on("Slice", [real(5)], { axis: 0, start: 1, end: 4 }),
  on("Slice", [real(2, 5)], { axis: -1, start: 0, end: 2 }),
  on("Slice", [real("B", 4, 2)], { axis: 1, start: 3, end: 4 }),
  on("Pad", [real(3)], { axis: 0, before: 1, after: 2 }),
  on("Pad", [real("B", 2)], { axis: -1, before: 0, after: 1 }),
  on("Pad", [real(2, 2, 2)], { axis: 1, before: 2, after: 0 }),
  on("Concat", [real(2), real(3), real(1)], { axis: 0 }),
  on("Concat", [real("B", 2), real("B", 1)], { axis: -1 }),
  on("Concat", [real(2, 1, 2), real(2, 2, 2)], { axis: 1 }),
  on("Concat", [real(3)], { axis: 0 }),
  on("Concat", Array.from({ length: 70 }, () => real(1)), { axis: 0 }),
  // An axis of the sum's name is needed to decide it.
  on(
    "Concat",
    [fixed("B", 2), fixed("T", 2), fixed("N")],
    { axis: 0, size: "N" },
    (g, [a, b]) => g.op("Concat", [a!, b!], { axis: 0, size: "N" }),
  ),
  on("AxisSize", [fixed("B", "T")], { axis: 1 }),
  on("Iota", [], { size: 4 }),
  // An axis of its name is needed to decide the size.
  on("Iota", [fixed("N")], { size: "N" }, (g) => g.op("Iota", [], { size: "N" })),
  on(
    "Iota",
    [fixed("B", "T")],
    { start: "T", size: "B" },
    (g) => g.op("Iota", [], { start: "T", size: "B" }),
  ),
];

const reductionCases: OperatorCase[] = ["ReduceSum", "ReduceMean", "ReduceSumSquare"].flatMap((operator) => [
  ...[0, 1].flatMap((keepdims) => [
    on(operator, [real(2, 3)], { axes: [1], keepdims }),
    on(operator, [real(2, 3, 2)], { axes: [-1, 0], keepdims }),
    on(operator, [real("B", 3)], { axes: [-1], keepdims }),
    on(operator, [real(3)], { axes: [0], keepdims }),
  ]),
  on(operator, [real(2, 2)], { axes: [0, 1] }),
]);

const indexingCases: OperatorCase[] = [
  on("Gather", [real(3, 2), index(3, 5)]),
  on("Gather", [real(4), index(2, 6)]),
  on("Gather", [real(3, 2), index(3, "N")]),
  on("Gather", [real("B*T", 2), index(6, "N")]),
  on("Gather", [real(4, 2), index(4, "B", "T")]),
  on("ScatterRows", [index(3, 5), real(5, 2)], { size: 3 }),
  on("ScatterRows", [index(2, 6), real(6)], { size: 4 }),
  on("ScatterRows", [index(2, "N"), real("N", 2)], { size: "B" }),
  on("ScatterRows", [index(3, 2, 3), real(2, 3, 2)], { size: 4 }),
  on("PickColumns", [real(3, 4), index(4, 3)]),
  on("PickColumns", [real("N", 2), index(2, "N")]),
  on("AddToColumns", [real(3, 4), index(4, 3), real(3)]),
  on("AddToColumns", [real("N", 2), index(2, "N"), real("N")]),
  on("PickFirst", [fixed(3, 2), index(3)]),
  on("PickFirst", [fixed("N", 2, 2), index(5)]),
];

const neuralCases: OperatorCase[] = [
  ...[[4], [2, 3], ["B", "T", 4]].flatMap((shape) => [
    on("Softmax", [real(...shape)]),
    on("LogSoftmax", [real(...shape)]),
  ]),
  on("AttentionOutput", [real(1, 1, 2, 3), real(1, 1, 3, 2)]),
  on("AttentionOutput", [real("B", 2, 2, "T"), real("B", 2, "T", 2)]),
  on("AttentionOutput", [real(2, 1, 4, 3), real(2, 1, 3, 1)]),
  single("RmsNorm", [real(3, 4), real(4)], { epsilon: 1e-6 }),
  single("RmsNorm", [real("B*T", 2), real(2)], { epsilon: 1e-2 }),
  single("RmsNorm", [real("B", "T", 4), real(4)], { epsilon: 1e-5 }),
  single("Rotary", [real(1, 3, 4), index(5, 1, 3), fixed(5, 2), fixed(5, 2)]),
  single("Rotary", [real("B", "T", 8), index(4, "B", "T"), fixed(4, 2), fixed(4, 2)]),
  single("Rotary", [real("B", "T", 4), index(4, "B", "T"), fixed(4, 1), fixed(4, 1)]),
  on("TokenLogProbability", [real(3, 4), index(4, 3)]),
  on("TokenLogProbability", [real("N", 2), index(2, "N")]),
];

const comparisonCases: OperatorCase[] = ["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"].flatMap(
  (operator) =>
    BROADCASTS.map(([a, b]) => on(operator, [rounded(...a), rounded(...b)])).concat(
      on(operator, [index(2, "N"), index(2, "N")]),
      on(operator, [index(3, 1, "T"), index(3, "B", 1)]),
    ),
);

const logicCases: OperatorCase[] = ["And", "Or"].map((operator) =>
  on(
    operator,
    [fixed(3, 4), fixed(4)],
    {},
    (g, [a, b]) => g.op(operator, [g.pair("Greater", a!, 0), g.pair("Greater", b!, 0)]),
  )
);

const choiceCases: OperatorCase[] = [
  [[2, 3], [2, 3], [2, 3]],
  [[2, 1], [3], []],
  [[], [2, 2], [2]],
  [["B", 1], ["B", "T"], [1, "T"]],
].map(([a, b, c]) =>
  on(
    "Where",
    [fixed(...a!), real(...b!), real(...c!)],
    {},
    (g, [x, y, z]) => g.op("Where", [g.pair("Greater", x!, 0), y!, z!]),
  )
);

const shapes = seeded(3);

/** A shape of up to `rank` axes of 1 to 3. */
function drawn(rank: number): number[] {
  return Array.from({ length: below(shapes, rank + 1) }, () => 1 + below(shapes, 3));
}

/** A shape that broadcasts with another: axes left out at the front, others made 1. */
function narrowed(shape: readonly number[]): number[] {
  return shape.slice(below(shapes, shape.length + 1)).map((size) => below(shapes, 3) === 0 ? 1 : size);
}

/** Cases of one round of random shapes, axes and ranges. */
function drawnCases(): OperatorCase[] {
  const [any, some] = [drawn(3), [1 + below(shapes, 3), ...drawn(2)]];
  const axis = below(shapes, some.length);
  const axes = [...new Set([axis, below(shapes, some.length)])].map((each) =>
    below(shapes, 2) === 0 ? each : each - some.length
  );
  const start = below(shapes, some[axis]!);
  const end = start + 1 + below(shapes, some[axis]! - start);
  const perm = some.map((_, each) => (each + axis) % some.length);
  const stretched = [...drawn(1), ...some.map((size) => size === 1 ? 1 + below(shapes, 3) : size)];
  const [inner, rows] = [1 + below(shapes, 3), 1 + below(shapes, 3)];
  const batch = drawn(1);
  return [
    ...["Add", "Sub", "Mul"].map((operator) => on(operator, [real(...any), real(...narrowed(any))])),
    on("Div", [real(...narrowed(any)), nonzero(...any)]),
    on("Min", [stairs(0)(...any), stairs(0.2)(...narrowed(any))]),
    on("Max", [stairs(0)(...narrowed(any)), stairs(0.2)(...any)]),
    on("MatMul", [real(...batch, rows, inner), real(...narrowed(batch), inner, 2)]),
    single("MatMul", [real(...narrowed(batch), inner, rows), real(...batch, 3, inner)], {
      transA: 1,
      transB: 1,
      alpha: -0.3,
    }),
    on("Reshape", [real(...some)], { to: [elements(some)] }),
    on("Transpose", [real(...some)], { perm }),
    on("Expand", [real(...some)], { to: stretched }),
    on("Slice", [real(...some)], { axis, start, end }),
    on("Pad", [real(...some)], { axis, before: below(shapes, 3), after: below(shapes, 3) }),
    on("Concat", [real(...some), real(...some.with(axis, 1 + below(shapes, 3)))], { axis }),
    ...["ReduceSum", "ReduceMean", "ReduceSumSquare"].map((operator) =>
      on(operator, [real(...some)], { axes, keepdims: below(shapes, 2) })
    ),
    on("Gather", [real(...some), index(some[0]!, rows)]),
    on("ScatterRows", [index(3, rows), real(rows, ...any)], { size: 3 }),
    on("PickColumns", [real(rows, inner), index(inner, rows)]),
    on("Softmax", [real(...some)]),
    on("LogSoftmax", [real(...some)]),
    on("TokenLogProbability", [real(rows, inner), index(inner, rows)]),
    single("RmsNorm", [real(...some), real(some.at(-1)!)], { epsilon: 1e-3 }),
    on("AttentionOutput", [real(1, inner, rows, 3), real(1, inner, 3, 2)]),
  ];
}

/** Cases of every operator. */
export const CASES: readonly OperatorCase[] = [
  ...binary("Add", real, real),
  ...binary("Sub", real, real),
  ...binary("Mul", real, real),
  ...binary("Div", real, nonzero),
  ...binary("Min", stairs(0), stairs(0.2)),
  ...binary("Max", stairs(0), stairs(0.2)),
  ...unary("Neg", real),
  ...unary("Abs", nonzero),
  ...unary("Sign", rounded),
  ...unary("Floor", rounded),
  ...unary("Exp", real),
  ...unary("Log", positive),
  ...unary("Sqrt", positive),
  ...unary("Reciprocal", nonzero),
  ...unary("Tanh", real),
  ...unary("Sigmoid", real),
  ...unary("Softplus", real).map((each) => ({ ...each, single: true })),
  ...unary("Relu", nonzero),
  ...unary("Silu", real).map((each) => ({ ...each, single: true })),
  ...unary("Identity", real),
  ...unary("StopGradient", fixed),
  on("Cast", [real(2, 3)], { to: "float64" }, undefined, true),
  on("Cast", [index(3, 4)], { to: "float32" }),
  on("Cast", [fixed(4)], { to: "int64" }),
  ...comparisonCases,
  ...logicCases,
  on("Not", [fixed(2, 3)], {}, (g, [x]) => g.op("Not", [g.pair("Greater", x!, 0)])),
  ...choiceCases,
  ...matrixCases,
  ...layoutCases,
  ...reductionCases,
  on("ArgMax", [fixed(3, 4)]),
  on("ArgMax", [rounded("N", 4)]),
  on("ReduceMax", [fixed(2, 3)], { axes: [-1], keepdims: 1 }),
  on("ReduceMax", [fixed("B", 3)], { axes: [0, 1], keepdims: 0 }),
  ...indexingCases,
  ...neuralCases,
];

/** Cases of random shapes, axes and ranges. */
export const DRAWN_CASES: readonly OperatorCase[] = Array.from({ length: 5 }, drawnCases).flat();
