import assert from "node:assert/strict";
import fc from "fast-check";
import { messageWeights } from "./_weights.ts";

Deno.test("messageWeights() is one where rewards say nothing of single messages", () => {
  assert.deepEqual(messageWeights([]), []);
  assert.deepEqual(messageWeights([0.2, null, 0.4]), [1, 1, 1]);
  assert.deepEqual(messageWeights([0.3, 0.3]), [1, 1]);
  assert.deepEqual(messageWeights([-1, -1]), [1, 1]);
  assert.deepEqual(messageWeights([0, 0, 1]), [1, 1, 1]);
});

Deno.test("messageWeights() never pushes a message away", () => {
  assert.deepEqual(messageWeights([0.5, -2, 0.5, 0]), [1, 0, 1, 0]);
  assert.deepEqual(messageWeights([3, 1]), [1.5, 0.5]);
  assert.equal(messageWeights([-1, -0.5]), null);
});

Deno.test("messageWeights() has mean one over the trained messages, in the order of the rewards", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }),
      (rewards) => {
        const weights = messageWeights(rewards);
        fc.pre(weights !== null);
        const trained = weights!.filter((weight) => weight > 0);
        const mean = trained.reduce((sum, weight) => sum + weight, 0) / trained.length;
        assert.ok(Math.abs(mean - 1) < 1e-9);
        if (weights!.every((weight) => weight === 1)) return;
        for (const [i, a] of rewards.entries()) {
          for (const [j, b] of rewards.entries()) if (a > b) assert.ok(weights![i]! >= weights![j]!);
        }
      },
    ),
  );
});
