import assert from "node:assert/strict";
import fc from "fast-check";
import { competence, difficulties, easiest } from "./curriculum.ts";

const row = (steps: number, reward: number | null, length = 1) => ({ steps, reward, length });

Deno.test("difficulties() weighs each feature by its deviation", () => {
  assert.deepEqual([...difficulties([row(10, 1), row(30, 0)])], [-2, 2]);
  assert.deepEqual([...difficulties([row(10, 1), row(30, 0)], { reward: 0 })], [-1, 1]);
  assert.deepEqual([...difficulties([row(1, 1, 5), row(1, 1, 9)], { length: 2 })], [-2, 2]);
});

Deno.test("difficulties() counts an unknown reward as the mean and a constant feature as nothing", () => {
  assert.deepEqual([...difficulties([row(5, null), row(5, 0), row(5, 1)])], [0, 1, -1]);
  assert.deepEqual([...difficulties([row(5, 0.1), row(5, 0.1), row(5, 0.1)])], [0, 0, 0]);
  assert.deepEqual([...difficulties([row(5, null)])], [0]);
});

Deno.test("competence() grows from startRatio to 1", () => {
  assert.deepEqual([0, 1, 2].map((epoch) => competence(epoch)), [0.3, 1, 1]);
  assert.deepEqual([0, 1, 2, 3].map((epoch) => competence(epoch, { startRatio: 0.2, warmupEpochs: 4 })), [
    0.2,
    0.4,
    0.6000000000000001,
    0.8,
  ]);
  const sqrt = { schedule: "sqrt", startRatio: 0.2, warmupEpochs: 4 } as const;
  fc.assert(fc.property(fc.integer({ min: 0, max: 6 }), (epoch) => {
    assert.ok(competence(epoch, sqrt) >= competence(epoch, { ...sqrt, schedule: "linear" }) - 1e-12);
    assert.ok(competence(epoch + 1, sqrt) >= competence(epoch, sqrt));
  }));
  assert.equal(competence(2, sqrt), Math.sqrt(0.52));
});

Deno.test("competence() refuses ratios and epochs out of range", () => {
  assert.throws(() => competence(0, { startRatio: 0 }), {
    name: "RangeError",
    message: "Cannot plan a curriculum: wanted startRatio above 0 and at most 1: received 0",
  });
  assert.throws(() => competence(0, { warmupEpochs: 0 }), {
    name: "RangeError",
    message: "Cannot plan a curriculum: wanted warmupEpochs of at least 1: received 0",
  });
});

Deno.test("easiest() takes at least one and keeps the order of ties", () => {
  assert.deepEqual(easiest(Float64Array.of(2, 1, 1, 0), 0.5), [3, 1]);
  assert.deepEqual(easiest(Float64Array.of(2, 1, 1, 0), 0.01), [3]);
});
