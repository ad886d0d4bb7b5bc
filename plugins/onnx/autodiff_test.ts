import assert from "node:assert/strict";
import { gradients } from "./autodiff.ts";
import { Graph, signatureText, type Value } from "./graph.ts";
import { floats, Session } from "./session.ts";

function refused(build: (g: Graph, x: Value) => Value, message: string, wanted?: (g: Graph) => Value): void {
  const g = new Graph();
  const x = g.input("x", "float32", [2]);
  const loss = build(g, x);
  assert.throws(() => gradients(g, loss, [wanted === undefined ? x : wanted(g)]), {
    name: "TypeError",
    message,
  });
}

const sum = (g: Graph, x: Value) => g.reduceSum(x, x.shape.map((_, axis) => axis));

Deno.test("gradients() wants a scalar", () => {
  refused((g, x) => g.mul(x, 2), 'Cannot differentiate "Mul_2": wanted a scalar: received float32[2]');
});

Deno.test("gradients() wants a loss that depends on each value", () => {
  const without = (loss: string) => `Cannot differentiate "${loss}": wanted a loss that depends on "`;
  refused(
    (g, x) => sum(g, x),
    `${without("ReduceSum_1")}y": it does not`,
    (g) => g.input("y", "float32", [2]),
  );
  refused((g, x) => sum(g, g.op("StopGradient", [x])), `${without("ReduceSum_2")}x": it does not`);
  refused(
    (g, x) => sum(g, g.op("Cast", [g.pair("Greater", x, 0)], { to: "float32" })),
    `${without("ReduceSum_4")}x": it does not`,
  );
});

Deno.test("gradients() refuses operators without a rule instead of taking them as constant", () => {
  refused(
    (g, x) => g.add(sum(g, x), g.op("ReduceMax", [x], { axes: [0] })),
    "Cannot differentiate ReduceMax: wanted an operator with a gradient rule",
  );
  refused((g, x) => {
    const { carried } = g.loop(g.integers([2], []), [x], (inner, _pass, [state]) => ({
      carried: [inner.mul(state!, 2)],
      collected: [],
    }));
    return sum(g, carried[0]!);
  }, "Cannot differentiate Loop: wanted an operator with a gradient rule");
});

Deno.test("gradients() refuses a loop that reads the value from around it", () => {
  refused((g, x) => {
    const { carried } = g.loop(g.integers([2], []), [g.constant([1, 1], [2])], (inner, _pass, [state]) => ({
      carried: [inner.mul(state!, x)],
      collected: [],
    }));
    return g.add(sum(g, x), sum(g, carried[0]!));
  }, "Cannot differentiate Loop: wanted an operator with a gradient rule");
});

Deno.test("gradients() refuses a loss that depends on a by-product", () => {
  refused(
    (g, x) => {
      const scores = g.reshape(x, [1, 1, 1, 2]);
      const [output, weights] = g.ops("AttentionOutput", [scores, g.constant([1, 2], [1, 1, 2, 1])]);
      return g.add(sum(g, output!), sum(g, weights!));
    },
    'Cannot differentiate AttentionOutput: wanted a loss that depends on "AttentionOutput_3" alone: it depends on "AttentionOutput_4"',
  );
});

Deno.test("gradients() differentiates with respect to values in the middle, whatever made them", () => {
  const g = new Graph();
  const largest = g.op("ReduceMax", [g.input("x", "float32", [2])], { axes: [0] });
  const [gradient] = gradients(g, g.mul(largest, largest), [largest]);
  assert.equal(signatureText(gradient!), "float32[]");
});

Deno.test("gradients() leaves what is frozen alone", () => {
  const g = new Graph();
  const [x, frozen] = [g.input("x", "float32", [2, 3]), g.input("w", "float32", [3, 4])];
  const adapter = g.input("a", "float32", [3, 4]);
  const loss = sum(g, g.add(g.op("MatMul", [g.op("Exp", [x]), frozen]), g.op("MatMul", [x, adapter])));
  const before = g.nodes.length;
  gradients(g, loss, [adapter]);
  const added = g.nodes.slice(before).map(({ operator }) => operator);
  assert.deepEqual(added, ["Reshape", "Expand", "MatMul"]);
});

Deno.test("gradients() adds up along all ways to a value", async () => {
  const g = new Graph();
  const x = g.input("x", "float32", [2]);
  const loss = sum(g, g.add(g.mul(x, x), g.mul(g.op("Exp", [x]), x)));
  const [dx] = gradients(g, loss, [x]);
  g.output("dx", dx!);
  await using session = await Session.create(g);
  const { dx: received } = await session.run({ x: { data: Float32Array.of(0, 1), shape: [2] } });
  // d/dx (x² + x·eˣ) = 2x + (1 + x)·eˣ
  for (const [at, expected] of [1, 2 + 2 * Math.E].entries()) {
    assert.ok(Math.abs(floats(received)[at]! - expected) < 1e-5);
  }
});

Deno.test("gradients() lets a product take the gradient before it as its third operand", async () => {
  const g = new Graph();
  const [rows, inner, columns] = [3, 2, 4];
  const x = g.input("x", "float32", [rows, inner]);
  const weights = ["v", "w", "u"].map((name) => g.input(name, "float32", [inner, columns]));
  const losses = weights.map((weight) => sum(g, g.op("Gemm", [x, weight])));
  const loss = losses.reduce((total, one) => g.add(total, one));
  const before = g.nodes.length;
  const [dx] = gradients(g, loss, [x]);
  const added = g.nodes.slice(before);
  assert.equal(added.filter(({ operator }) => operator === "Add").length, 0);
  assert.equal(g.producer(dx!)!.inputs.length, 3);
  g.output("dx", dx!);
  await using session = await Session.create(g);
  assert.deepEqual(
    g.nodes.filter((node) => added.includes(node)).map(({ operator, inputs }) =>
      `${operator} ${inputs.length}`
    )
      .filter((text) => text.startsWith("Gemm")),
    ["Gemm 2", "Gemm 3", "Gemm 3"],
  );
  const data = Float32Array.from({ length: inner * columns }, (_, at) => at);
  const feeds = Object.fromEntries(weights.map(({ name }, at) => [name, {
    data: data.map((value) => value * 10 ** at),
    shape: [inner, columns],
  }]));
  const outputs = await session.run({ ...feeds, x: { data: new Float32Array(6), shape: [rows, inner] } });
  assert.deepEqual(
    [...floats(outputs["dx"])],
    Array.from({ length: rows }, () => [6 * 111, 22 * 111]).flat(),
  );
});

Deno.test("gradients() computes a segment a second time, with the same result", async () => {
  const chain = (g: Graph, x: Value) => g.op("Tanh", [g.mul(g.op("Exp", [x]), x)]);
  const g = new Graph();
  const x = g.input("x", "float32", [3]);
  const plain = gradients(g, sum(g, g.mul(chain(g, x), x)), [x])[0]!;
  g.output("plain", plain);
  const again = new Graph();
  const y = again.input("x", "float32", [3]);
  const kept = again.segment(y, (before) => chain(again, before));
  again.output("saving", gradients(again, sum(again, again.mul(kept, y)), [y])[0]!);
  assert.equal(again.nodes.filter(({ operator }) => operator === "Exp").length, 2);
  assert.equal(again.nodes.filter(({ operator }) => operator === "Tanh").length, 2);
  const feeds = { x: { data: Float32Array.of(-1, 0.5, 0.75), shape: [3] } };
  await using first = await Session.create(g);
  await using second = await Session.create(again);
  const expected = floats((await first.run(feeds))["plain"]);
  assert.deepEqual(floats((await second.run(feeds))["saving"]), expected);
});
