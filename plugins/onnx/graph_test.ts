import assert from "node:assert/strict";
import { broadcast, product } from "./dimension.ts";
import { pruned } from "./autodiff.ts";
import { checkGraph } from "./check.ts";
import { type Attributes, Graph, signatureText, symbolsOf, type Value } from "./graph.ts";
import { type Feed, floats, Session } from "./session.ts";

Deno.test("product() gives equal sizes equal text", () => {
  assert.equal(product(["T", 2, "B", 3]), "6*B*T");
  assert.equal(product(["2*B", "3*T"]), product([6, "T", "B"]));
  assert.equal(product([]), 1);
  assert.equal(product(["B", 0]), 0);
  assert.equal(product([1, "B"]), "B");
});

Deno.test("broadcast() stretches ones, to names as well, and refuses other pairs", () => {
  assert.deepEqual(broadcast(["B", 1, 3], ["T", 1]), ["B", "T", 3]);
  assert.throws(() => broadcast(["B"], ["T"]), {
    name: "RangeError",
    message: "wanted shapes that broadcast: received [B] and [T]",
  });
});

Deno.test("symbolsOf() names each size once", () => {
  assert.deepEqual(symbolsOf([3, "2*B*T", "B"]), ["B", "T"]);
});

/** Inputs that no rule accepts, with the whole message. */
const REFUSED: readonly (readonly [string, (g: Graph) => unknown, string])[] = [
  [
    "sizes that do not broadcast",
    (g) => g.add(real(g, 2, 3), real(g, 4)),
    "Cannot add Add(float32[2,3], float32[4]): wanted shapes that broadcast: received [2,3] and [4]",
  ],
  [
    "two types",
    (g) => g.mul(real(g, 2), g.integers([1, 2])),
    "Cannot add Mul(float32[2], int64[2]): wanted inputs of one type: received float32 and int64",
  ],
  [
    "too few inputs",
    (g) => g.op("Add", [real(g, 2)]),
    "Cannot add Add(float32[2]): wanted 2 inputs: received 1",
  ],
  [
    "inner sizes",
    (g) => g.op("MatMul", [real(g, 2, 3), real(g, 2, 3)], { transB: 0 }),
    "Cannot add MatMul(float32[2,3], float32[2,3]): wanted equal inner sizes: received 3 and 2",
  ],
  [
    "a vector in a product",
    (g) => g.op("MatMul", [real(g, 3), real(g, 3, 2)]),
    "Cannot add MatMul(float32[3], float32[3,2]): wanted matrices",
  ],
  [
    "a batch in Gemm",
    (g) => g.op("Gemm", [real(g, 1, 2, 3), real(g, 3, 2)]),
    "Cannot add Gemm(float32[1,2,3], float32[3,2]): wanted two matrices",
  ],
  [
    "a sum that does not fit a product",
    (g) => g.op("Gemm", [real(g, 2, 3), real(g, 3, 4), real(g, 5, 2, 4)]),
    "Cannot add Gemm(float32[2,3], float32[3,4], float32[5,2,4]): wanted a third input that broadcasts to " +
    "[2,4]: received [5,2,4]",
  ],
  [
    "another number of elements",
    (g) => g.reshape(real(g, "B", 4), ["B", 5]),
    "Cannot add Reshape(float32[B,4]): wanted a shape of 4*B elements: received [B,5]",
  ],
  [
    "an axis twice",
    (g) => g.transpose(real(g, 2, 3), [0, 0]),
    "Cannot add Transpose(float32[2,3]): wanted each of 2 axes once: received [0,0]",
  ],
  [
    "a shape that nothing stretches to",
    (g) => g.op("Expand", [real(g, 2)], { to: [3] }),
    "Cannot add Expand(float32[2]): wanted shapes that broadcast: received [2] and [3]",
  ],
  [
    "a shape that is smaller",
    (g) => g.op("Expand", [real(g, 2, 3)], { to: [3] }),
    "Cannot add Expand(float32[2,3]): wanted a shape that [2,3] stretches to: received [3]",
  ],
  [
    "a range outside",
    (g) => g.op("Slice", [real(g, 4)], { axis: 0, start: 1, end: 5 }),
    "Cannot add Slice(float32[4]): wanted a range inside 4: received 1 to 5",
  ],
  [
    "a range of an unknown axis",
    (g) => g.op("Slice", [real(g, "B")], { axis: 0, start: 0, end: 1 }),
    "Cannot add Slice(float32[B]): wanted a range inside B: received 0 to 1",
  ],
  [
    "zeros on an unknown axis",
    (g) => g.op("Pad", [real(g, "B")], { axis: 0, before: 0, after: 1 }),
    "Cannot add Pad(float32[B]): wanted an axis of known size: received B",
  ],
  [
    "an axis that is not there",
    (g) => g.reduceSum(real(g, 2, 3), [2]),
    "Cannot add ReduceSum(float32[2,3]): wanted an axis of 2: received 2",
  ],
  [
    "no axis",
    (g) => g.reduceSum(real(g, 2, 3), []),
    "Cannot add ReduceSum(float32[2,3]): wanted at least one axis: received none",
  ],
  [
    "shapes that cannot be joined",
    (g) => g.op("Concat", [real(g, 2, 3), real(g, 2, 4)], { axis: 0 }),
    "Cannot add Concat(float32[2,3], float32[2,4]): wanted shapes that differ along axis 0 only: received [2,4]",
  ],
  [
    "unknown sizes joined",
    (g) => g.op("Concat", [real(g, "B"), real(g, "B")], { axis: 0 }),
    "Cannot add Concat(float32[B], float32[B]): wanted known sizes along axis 0: received B, B",
  ],
  [
    "a condition of numbers",
    (g) => g.op("Where", [real(g, 2), real(g, 2), real(g, 2)]),
    "Cannot add Where(float32[2], float32[2], float32[2]): wanted a bool condition: received float32",
  ],
  [
    "gains of another size",
    (g) => g.op("RmsNorm", [real(g, 2, 3), real(g, 2)], { epsilon: 1e-6 }),
    "Cannot add RmsNorm(float32[2,3], float32[2]): wanted gains of [3]: received [2]",
  ],
  [
    "positions of another shape",
    (g) => g.op("Rotary", [real(g, 1, 2, 4), g.integers([0, 1]), real(g, 2, 2), real(g, 2, 2)]),
    "Cannot add Rotary(float32[1,2,4], int64[2], float32[2,2], float32[2,2]): wanted x [B, T, …] and positions [B, T]",
  ],
  [
    "an operator that is not in the table",
    (g) => g.op("Einsum", [real(g, 2)]),
    "Cannot add Einsum(float32[2]): wanted an operator of the table",
  ],
  ["two numbers", (g) => g.add(1, 2), "Cannot add Add: wanted at least one value: received two numbers"],
  [
    "a name twice",
    (g) => [real(g, 2), g.output("x0", real(g, 3))],
    'Cannot name a value "x0": wanted a new name',
  ],
  [
    "the size of a name that no input has",
    (g) => g.symbol("Q"),
    'Cannot find the size of "Q": wanted an input with an axis of that name',
  ],
];

function real(g: Graph, ...shape: (number | string)[]): Value {
  return g.input(`x${g.inputs.length}`, "float32", shape);
}

for (const [what, build, message] of REFUSED) {
  Deno.test(`Graph refuses ${what}`, () => {
    assert.throws(() => build(new Graph()), { name: "TypeError", message });
  });
}

Deno.test("Graph.constant() wants as many numbers as the shape has", () => {
  assert.throws(() => new Graph().constant([1, 2], [3]), {
    name: "RangeError",
    message: "Cannot make a constant of shape [3]: wanted 3 values: received 2",
  });
});

Deno.test("Graph computes the same operator on the same inputs once", () => {
  const g = new Graph();
  const x = real(g, 2);
  assert.equal(g.add(x, 1), g.add(x, 1));
  assert.equal(g.nodes.length, 1);
  assert.notEqual(g.add(x, 1), g.add(1, x));
  assert.notEqual(g.reduceSum(x, [0]), g.reduceSum(x, [0], true));
  assert.equal(g.nodes.length, 4);
});

Deno.test("Graph makes the same constant once, and zero of each sign by itself", () => {
  const g = new Graph();
  assert.equal(g.constant(2), g.constant([2]));
  assert.notEqual(g.constant(2), g.constant(2, [1]));
  assert.notEqual(g.constant(2), g.constant(2, [], "float64"));
  assert.notEqual(g.constant(0), g.constant(-0));
  assert.notEqual(g.constant(2, [1]), g.integers([2]));
});

Deno.test("Graph.constant() of a narrow type is a cast", () => {
  assert.equal(signatureText(new Graph().constant(2, [], "bfloat16")), "bfloat16[]");
});

Deno.test("a graph can be built on after it was pruned", () => {
  const g = new Graph();
  const x = real(g, 2);
  const dropped = g.mul(x, 3);
  g.output("y", g.add(x, 1));
  pruned(g);
  assert.equal(g.nodes.length, 2);
  assert.equal(g.initializers.length, 1);
  const again: Attributes = {};
  assert.notEqual(g.op("Mul", [x, g.constant(3)], again), dropped);
  g.output("z", g.mul(x, 3));
  checkGraph(g);
});

Deno.test("pruned() keeps what outputs need, in loops and around them", () => {
  const g = new Graph();
  const x = real(g, 2);
  g.mul(x, 7);
  const outside = g.op("Exp", [x]);
  const { carried } = g.loop(g.integers([3], []), [x], (inner, _pass, [state]) => {
    inner.mul(state!, 9);
    return { carried: [inner.add(state!, outside)], collected: [] };
  });
  g.loop(g.integers([2], []), [x], (_inner, _pass, [state]) => ({ carried: [state!], collected: [] }));
  g.output("y", carried[0]!);
  pruned(g);
  assert.deepEqual(g.nodes.map(({ operator }) => operator), ["Exp", "Loop", "Identity"]);
  const operators = g.nodes[1]!.body!.nodes.map(({ operator }) => operator);
  assert.deepEqual(operators, ["Add", "Identity", "Identity"]);
  assert.deepEqual(g.initializers.map(({ source }) => Array.from(source as BigInt64Array)), [[3n]]);
  checkGraph(g);
});

Deno.test("loop() carries values from pass to pass and stacks collected ones", async () => {
  const g = new Graph();
  const count = g.input("count", "int64", []);
  const start = g.input("start", "float32", ["N"]);
  const { carried, collected } = g.loop(count, [start], (inner, pass, [state]) => {
    const number = inner.op("Cast", [pass], { to: "float32" });
    const next = inner.add(inner.mul(state!, 2), number);
    const stretched = inner.op("Expand", [number], { to: ["N"] }); // the size comes from around the loop
    return { carried: [next], collected: [inner.add(stretched, start), pass] };
  });
  g.output("last", carried[0]!);
  g.output("all", collected[0]!);
  g.output("passes", collected[1]!);
  await using session = await Session.create(g);
  const outputs = await session.run({
    count: { data: BigInt64Array.of(3n), shape: [] },
    start: { data: Float32Array.of(1, -1), shape: [2] },
  });
  // Pass 0: 2·1 + 0, pass 1: 2·2 + 1, pass 2: 2·5 + 2.
  assert.deepEqual([...floats(outputs["last"])], [12, -4]);
  assert.deepEqual([...floats(outputs["all"])], [1, -1, 2, 0, 3, 1]);
  assert.deepEqual(outputs["all"]!.shape, [3, 2]);
  assert.deepEqual((outputs["passes"] as Feed).data, BigInt64Array.of(0n, 1n, 2n));
});

Deno.test("loop() refuses a carried value that changes its shape", () => {
  const g = new Graph();
  assert.throws(
    () =>
      g.loop(g.integers([2], []), [real(g, 2)], (inner, _pass, [state]) => ({
        carried: [inner.reshape(state!, [2, 1])],
        collected: [],
      })),
    {
      name: "TypeError",
      message: "Cannot add Loop: carried value 0: wanted float32[2]: received float32[2,1]",
    },
  );
});

Deno.test("loop() takes weights and computed values of the graph around it as they are", () => {
  const g = new Graph();
  const x = real(g, 2);
  const doubled = g.mul(x, 2);
  const entry = { name: "w", type: "float32", shape: [2], file: "/w", offset: 0, bytes: 8 } as const;
  g.loop(g.integers([2], []), [x], (inner, _pass, [state]) => {
    assert.equal(inner.mul(x, 2), doubled);
    return { carried: [inner.mul(state!, inner.external(entry))], collected: [] };
  });
  assert.equal(g.external(entry), g.external(entry));
  assert.deepEqual(g.initializers.filter(({ source }) => source === entry).map(({ value }) => value.name), [
    "w",
  ]);
});
