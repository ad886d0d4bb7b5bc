import assert from "node:assert/strict";
import type { Bucket } from "../models/parameters.ts";
import { Graph } from "../onnx/graph.ts";
import { Session } from "../onnx/session.ts";
import { Learner } from "./_learner.ts";

const BUCKETS: readonly Bucket[] = [
  { name: "w", parameters: [{ name: "w", shape: [2], decay: true }], size: 2, decay: true },
  { name: "b", parameters: [{ name: "b", shape: [1], decay: false }], size: 1, decay: false },
];

/** Gradients are x times the parameters. */
function session(): Promise<Session> {
  const graph = new Graph();
  const x = graph.input("x", "float32", []);
  for (const { name, size } of BUCKETS) {
    graph.output(`gradient.${name}`, graph.mul(graph.input(name, "float32", [size]), x));
  }
  graph.output("loss", graph.add(x, 1));
  return Session.create(graph);
}

const scalar = (x: number) => ({ x: { data: Float32Array.of(x), shape: [] } });
const fresh = () => new Learner(BUCKETS, [Float32Array.of(3, 4), Float32Array.of(12)]);
const parameters = ({ states }: Learner) => states.map((state) => [...state.parameters]);

Deno.test("Learner adds up the gradients of micro-batches and hands the other outputs on", async () => {
  await using graph = await session();
  const learner = fresh();
  assert.equal(learner.gradients, null);
  const first = await learner.accumulate(graph, scalar(1));
  assert.deepEqual(Object.keys(first), ["loss"]);
  assert.deepEqual([...first["loss"]!.data as Float32Array], [2]);
  await learner.accumulate(graph, scalar(0.5));
  assert.deepEqual(learner.gradients!.map((gradient) => [...gradient]), [[4.5, 6], [18]]);
});

Deno.test("Learner updates by AdamW, clips all gradients by one norm, and decays no bucket that must not", async () => {
  await using graph = await session();
  const learner = fresh();
  await learner.accumulate(graph, scalar(1));
  const update = learner.update({ learningRate: 0.1, weightDecay: 0.5, maxGradientNorm: 1 });
  assert.deepEqual(update, { gradientNorm: 13, applied: true });
  assert.equal(learner.updates, 1);
  // A first update of AdamW moves by the learning rate whatever the gradient; w decays by 5 % before.
  assert.deepEqual(parameters(learner).flat().map((x) => x.toFixed(5)), ["2.75000", "3.70000", "11.90000"]);
  // Moments hold a tenth of the gradients, which were clipped to norm 1.
  const first = learner.states.flatMap((state) => [...state.first]);
  assert.ok(Math.abs(Math.hypot(...first) - 0.1) < 1e-6, `${first}`);
  assert.equal(learner.gradients, null);
});

Deno.test("Learner changes nothing when one gradient is not finite", async () => {
  await using graph = await session();
  for (const x of [NaN, Infinity]) {
    const learner = fresh();
    await learner.accumulate(graph, scalar(1));
    await learner.accumulate(graph, scalar(x));
    const { applied, gradientNorm } = learner.update({ learningRate: 0.1, weightDecay: 0.5 });
    assert.equal(applied, false);
    assert.ok(!Number.isFinite(gradientNorm));
    assert.equal(learner.updates, 0);
    assert.deepEqual(parameters(learner), parameters(fresh()));
    assert.deepEqual(learner.states.map((state) => [...state.first, ...state.second]), [[0, 0, 0, 0], [
      0,
      0,
    ]]);
  }
});

Deno.test("Learner.discard() forgets the gradients and keeps everything else", async () => {
  await using graph = await session();
  const learner = fresh();
  await learner.accumulate(graph, scalar(1));
  assert.deepEqual(learner.discard(), { gradientNorm: 13, applied: false });
  assert.deepEqual(parameters(learner), parameters(fresh()));
  assert.throws(() => learner.update({ learningRate: 0.1 }), {
    name: "TypeError",
    message: "Cannot update: wanted accumulated gradients: received none",
  });
});
