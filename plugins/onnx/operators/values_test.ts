import assert from "node:assert/strict";
import { seeded } from "../../../core/prng.ts";
import { gradients } from "../autodiff.ts";
import { Graph, type Value } from "../graph.ts";
import { type Feed, floats, Session } from "../session.ts";

/** A matrix or vector by hand. */
const constant = (g: Graph, shape: readonly number[], ...numbers: number[]) => g.constant(numbers, shape);

/** Outputs of many small graphs, by name, in one session. */
async function valuesOf(cases: readonly (readonly [string, (g: Graph) => Value, unknown])[]) {
  const graph = new Graph();
  for (const [name, build] of cases) {
    const value = build(graph);
    graph.output(name, value.type === "float32" ? value : graph.op("Cast", [value], { to: "float32" }));
  }
  await using session = await Session.create(graph);
  const outputs = await session.run({});
  return new Map(cases.map(([name]) => [name, Array.from((outputs[name] as Feed).data as Float32Array)]));
}

Deno.test("operators without arithmetic of their own give the values written down by hand", async () => {
  const matrix = (g: Graph) => constant(g, [2, 3], 1, 2, 3, 4, 5, 6);
  const cases: [string, (g: Graph) => Value, number[]][] = [
    ["slice", (g) => g.op("Slice", [matrix(g)], { axis: -1, start: 1, end: 3 }), [2, 3, 5, 6]],
    ["empty slice", (g) => g.op("Slice", [matrix(g)], { axis: 0, start: 1, end: 1 }), []],
    ["pad", (g) => g.op("Pad", [matrix(g)], { axis: 1, before: 1, after: 0 }), [0, 1, 2, 3, 0, 4, 5, 6]],
    ["transpose", (g) => g.transpose(matrix(g), [1, 0]), [1, 4, 2, 5, 3, 6]],
    ["concat", (g) => g.op("Concat", [matrix(g), constant(g, [2, 1], 7, 8)], { axis: 1 }), [
      1,
      2,
      3,
      7,
      4,
      5,
      6,
      8,
    ]],
    ["iota", (g) => g.op("Iota", [], { size: 4 }), [0, 1, 2, 3]],
    ["gather", (g) => g.op("Gather", [matrix(g), g.integers([1, 0, 1])]), [4, 5, 6, 1, 2, 3, 4, 5, 6]],
    ["scatter", (g) => g.op("ScatterRows", [g.integers([2, 0, 2]), constant(g, [3], 1, 2, 4)], { size: 4 }), [
      2,
      0,
      5,
      0,
    ]],
    ["pick columns", (g) => g.op("PickColumns", [matrix(g), g.integers([2, 0])]), [3, 4]],
    [
      "add to columns",
      (g) => g.op("AddToColumns", [matrix(g), g.integers([2, 0]), constant(g, [2], 10, 20)]),
      [1, 2, 13, 24, 5, 6],
    ],
    ["pick first", (g) => g.op("PickFirst", [matrix(g), g.integers([1], [])]), [4, 5, 6]],
    ["arg max of equals", (g) => g.op("ArgMax", [constant(g, [2, 3], 1, 3, 3, 2, 2, 0)]), [1, 0]],
    ["sign", (g) => g.op("Sign", [constant(g, [3], -2, 0, 3)]), [-1, 0, 1]],
    ["sum", (g) => g.reduceSum(matrix(g), [-1]), [6, 15]],
    ["mean", (g) => g.op("ReduceMean", [matrix(g)], { axes: [0] }), [2.5, 3.5, 4.5]],
    ["sum of squares", (g) => g.op("ReduceSumSquare", [matrix(g)], { axes: [0, 1] }), [91]],
    ["maximum", (g) => g.op("ReduceMax", [matrix(g)], { axes: [1], keepdims: 1 }), [3, 6]],
    ["expand", (g) => g.op("Expand", [constant(g, [2, 1], 1, 2)], { to: [2, 2] }), [1, 1, 2, 2]],
    [
      "product, both turned, halved",
      (g) => g.op("MatMul", [matrix(g), constant(g, [1, 2], 1, 2)], { transA: 1, transB: 1, alpha: 0.5 }),
      [
        4.5,
        6,
        7.5,
      ],
    ],
    [
      "product and sum",
      (g) =>
        g.op("Gemm", [matrix(g), constant(g, [1, 3], 1, 0, 2), constant(g, [1], 100)], {
          transB: 1,
          alpha: 2,
        }),
      [
        114,
        132,
      ],
    ],
  ];
  const values = await valuesOf(cases);
  for (const [name, , expected] of cases) assert.deepEqual(values.get(name), expected, name);
});

Deno.test("gradients at ties and zeros are what the table says", async () => {
  const slope = (build: (g: Graph, x: Value) => Value, at: number[]) => (g: Graph): Value => {
    const x = g.add(g.constant(at, [at.length]), g.constant(0));
    return gradients(g, g.reduceSum(build(g, x), [0]), [x])[0]!;
  };
  const side = (operator: string, which: 0 | 1) => (g: Graph): Value => {
    const [a, b] = [g.add(g.constant(2), g.constant(0)), g.mul(g.constant(2), g.constant(1))];
    return gradients(g, g.pair(operator, a, b), [[a, b][which]!])[0]!;
  };
  const cases: [string, (g: Graph) => Value, number[]][] = [
    ["absolute value", slope((g, x) => g.op("Abs", [x]), [-2, 0, 3]), [-1, 0, 1]],
    ["rectifier", slope((g, x) => g.op("Relu", [x]), [-2, 0, 3]), [0, 0, 1]],
    ["smaller, first", side("Min", 0), [1]],
    ["smaller, second", side("Min", 1), [0]],
    ["larger, first", side("Max", 0), [1]],
    ["larger, second", side("Max", 1), [0]],
    ["smaller of itself", slope((g, x) => g.pair("Min", x, x), [1, 2]), [1, 1]],
    ["clipped", slope((g, x) => g.pair("Min", g.pair("Max", x, -1), 1), [-2, -1, 0, 1, 2]), [0, 1, 1, 1, 0]],
    ["root of zero", slope((g, x) => g.op("Sqrt", [x]), [0, 4]), [Infinity, 0.25]],
    ["itself times itself", slope((g, x) => g.mul(x, x), [0, 3]), [0, 6]],
    [
      "rounded",
      slope((g, x) => g.mul(x, g.op("Cast", [g.op("Cast", [x], { to: "int64" })], { to: "float32" })), [
        2.5,
      ]),
      [2],
    ],
    ["stopped", slope((g, x) => g.mul(x, g.op("StopGradient", [x])), [2, 3]), [2, 3]],
    ["row picked twice", slope((g, x) => g.op("Gather", [x, g.integers([1, 1, 0])]), [5, 6, 7]), [1, 2, 0]],
  ];
  const values = await valuesOf(cases);
  for (const [name, , expected] of cases) assert.deepEqual(values.get(name), expected, name);
});

Deno.test("masked scores get no weight and no gradient, and large ones stay finite", async () => {
  const scores = (g: Graph) => g.add(g.constant([1, -1e30, 2], [1, 1, 1, 3]), g.constant(0));
  const attend = (g: Graph) => g.op("AttentionOutput", [scores(g), g.constant([1, 100, 3], [1, 1, 3, 1])]);
  const probability = 1 / (1 + Math.E);
  const values = await valuesOf([
    ["output", attend, null],
    ["gradient", (g) => gradients(g, g.reshape(attend(g), []), [scores(g)])[0]!, null],
    ["large", (g) => g.op("LogSoftmax", [g.constant([1e4, 0, -1e4], [3])]), null],
  ]);
  near(values.get("output")!, [3 - 2 * probability]);
  const spread = 2 * probability * (1 - probability);
  near(values.get("gradient")!, [-spread, 0, spread]);
  assert.deepEqual(values.get("large"), [0, -1e4, -2e4]);
});

Deno.test("building blocks of transformers give the values of their formulas", async () => {
  const [rows, size] = [3, 4];
  const prng = seeded(5);
  const draw = (length: number) => Float32Array.from({ length }, () => 4 * prng() - 2);
  const [x, gains, keys] = [draw(rows * size), draw(size), draw(size * 2)];
  const positions = [4, 0, 2];
  const angles = Array.from({ length: 5 }, (_, position) => [position, position / 100]).flat();
  const [cosines, sines] = [angles.map(Math.cos), angles.map(Math.sin)];
  const graph = new Graph();
  const input = graph.constant(x, [rows, size]);
  graph.output("softmax", graph.op("Softmax", [input]));
  graph.output("log softmax", graph.op("LogSoftmax", [input]));
  graph.output("norm", graph.op("RmsNorm", [input, graph.constant(gains, [size])], { epsilon: 1e-3 }));
  const tables = [graph.constant(cosines, [5, 2]), graph.constant(sines, [5, 2])];
  const flat = graph.reshape(input, [1, rows, size]);
  graph.output("rotary", graph.op("Rotary", [flat, graph.integers(positions, [1, rows]), ...tables]));
  const scores = graph.reshape(input, [1, 1, rows, size]);
  graph.output("attention", graph.op("AttentionOutput", [scores, graph.constant(keys, [1, 1, size, 2])]));
  graph.output("picked", graph.op("TokenLogProbability", [input, graph.integers([1, 3, 0])]));
  graph.output("silu", graph.op("Silu", [input]));
  await using session = await Session.create(graph);
  const outputs = await session.run({});
  const all = Array.from({ length: rows }, (_, row) => Array.from(x.subarray(row * size, (row + 1) * size)));
  const weights = all.map(softmax);
  near(floats(outputs["softmax"]), weights.flat());
  near(floats(outputs["log softmax"]), weights.flat().map(Math.log));
  near(floats(outputs["norm"]), all.flatMap((row) => norm(row, gains, 1e-3)));
  near(
    floats(outputs["rotary"]),
    all.flatMap((row, at) => rotated(row, positions[at]!)),
  );
  near(
    floats(outputs["attention"]),
    weights.flatMap((row) =>
      [0, 1].map((d) => row.reduce((sum, weight, t) => sum + weight * keys[t * 2 + d]!, 0))
    ),
  );
  near(floats(outputs["picked"]), [1, 3, 0].map((target, row) => Math.log(weights[row]![target]!)));
  near(floats(outputs["silu"]), all.flat().map((each) => each / (1 + Math.exp(-each))));
});

function softmax(row: readonly number[]): number[] {
  const powers = row.map(Math.exp);
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function norm(row: readonly number[], gains: ArrayLike<number>, epsilon: number): number[] {
  const square = row.reduce((sum, each) => sum + each * each, 0) / row.length;
  return row.map((each, at) => each * gains[at]! / Math.sqrt(square + epsilon));
}

/** Element i of the first half is turned against element i of the second by position / 100ⁱ. */
function rotated([a, b, c, d]: readonly number[], position: number): number[] {
  const turn = (x: number, y: number, angle: number) => [
    x * Math.cos(angle) - y * Math.sin(angle),
    y * Math.cos(angle) + x * Math.sin(angle),
  ];
  const [first, second] = [turn(a!, c!, position), turn(b!, d!, position / 100)];
  return [first[0]!, second[0]!, first[1]!, second[1]!];
}

function near(received: ArrayLike<number>, expected: readonly number[]): void {
  assert.equal(received.length, expected.length);
  for (const [at, number] of expected.entries()) {
    assert.ok(Math.abs(received[at]! - number) < 2e-6, `${at}: wanted ${number}: received ${received[at]}`);
  }
}

Deno.test("rows that are added to the same place are all there, however many threads there are", async () => {
  const [count, size, width] = [4096, 5, 64];
  const g = new Graph();
  const [indices, rows] = [g.input("indices", "int64", ["N"]), g.input("rows", "float32", ["N", width])];
  g.output("sums", g.op("ScatterRows", [indices, rows], { size }));
  await using session = await Session.create(g, { provider: "cpu", threads: 2 });
  const feeds = {
    indices: { data: BigInt64Array.from({ length: count }, (_, at) => BigInt(at % size)), shape: [count] },
    rows: { data: new Float32Array(count * width).fill(1), shape: [count, width] },
  };
  const wanted = Array.from({ length: size }, (_, at) => Math.ceil((count - at) / size));
  for (let run = 0; run < 20; run++) { // lost additions are a matter of chance
    const sums = floats((await session.run(feeds))["sums"]);
    assert.deepEqual([...sums], wanted.flatMap((each) => Array.from({ length: width }, () => each)));
  }
});
