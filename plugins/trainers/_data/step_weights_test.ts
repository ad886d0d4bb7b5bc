import assert from "node:assert/strict";
import fc from "fast-check";
import { stepWeights } from "./step_weights.ts";

function weights(rewards: (number | null)[], tokens = rewards.map(() => 1), maxWeight?: number): number[] {
  return [...stepWeights(rewards, tokens, { maxWeight }).weights];
}

Deno.test("stepWeights() divides rewards by the mean reward of a trained token", () => {
  assert.deepEqual(weights([1, 3]), [0.5, 1.5]);
  assert.deepEqual(weights([1, 3], [3, 1]), [1 / 1.5, 2]);
});

Deno.test("stepWeights() gives ones where rewards tell no steps apart", () => {
  for (const rewards of [[0.2, null], [0, 0, 0], [0.7, 0.7], [-1, -1], [0, 0, 1], [5], []]) {
    assert.deepEqual(stepWeights(rewards, rewards.map(() => 2)), {
      weights: new Float64Array(rewards.length).fill(1),
      informative: false,
    });
  }
});

Deno.test("stepWeights() takes steps without a positive reward out of training", () => {
  assert.deepEqual(weights([-2, 0.5, 1.5]), [0, 0.5, 1.5]);
  assert.deepEqual(weights([-2, -1, 0]), [0, 0, 0]);
});

Deno.test("stepWeights() leaves steps without trained tokens out of the mean", () => {
  assert.deepEqual(weights([100, 1, 3], [0, 1, 1]), [0, 0.5, 1.5]);
  assert.deepEqual(weights([null, 1, 3], [0, 1, 1]), [0, 0.5, 1.5]);
});

Deno.test("stepWeights() gives what a cap takes to the other steps", () => {
  assert.deepEqual(weights([8, 1, 1], [1, 1, 1], 2), [2, 0.5, 0.5]);
  assert.deepEqual(weights([8, 4, 1], [1, 1, 1], 1), [1, 1, 1]);
});

const steps = fc.array(
  // Hundredths: beyond 1e12 between two rewards, the smaller weight is lost in the digits of the sum.
  fc.tuple(
    fc.integer({ min: -1000, max: 1000 }).map((reward) => reward / 100),
    fc.integer({ min: 1, max: 1000 }),
  ),
  { minLength: 1, maxLength: 12 },
);

Deno.test("stepWeights() does not overflow", () => {
  assert.deepEqual(weights([1e308, 1e308, 5e-324, -1e308]), [1, 1, 0, 0]);
});

Deno.test("stepWeights() has mean 1 over trained tokens, under any cap, and is never negative", () => {
  fc.assert(fc.property(steps, fc.double({ min: 1, max: 50, noNaN: true }), (given, maxWeight) => {
    const tokens = given.map(([, count]) => count);
    const made = weights(given.map(([reward]) => reward), tokens, maxWeight);
    assert.ok(made.every((weight) => weight >= 0 && weight <= maxWeight));
    const trained = tokens.reduce((sum, count, step) => sum + (made[step]! > 0 ? count : 0), 0);
    const sum = tokens.reduce((total, count, step) => total + count * made[step]!, 0);
    assert.ok(Math.abs(sum - trained) <= 1e-9 * trained, `${sum} is not ${trained}`);
  }));
});

Deno.test("stepWeights() refuses rewards that are not finite and a cap below 1", () => {
  assert.throws(() => stepWeights([1, NaN], [1, 1]), {
    name: "RangeError",
    message: "Cannot weight steps: wanted finite rewards: received NaN",
  });
  assert.throws(() => stepWeights([1, 2], [1, 1], { maxWeight: 0.5 }), {
    name: "RangeError",
    message: "Cannot weight steps: wanted maxWeight of at least 1: received 0.5",
  });
});
