import assert from "node:assert/strict";
import fc from "fast-check";
import { sequence } from "./_testing_test.ts";
import { batchOf } from "./batch.ts";
import { planRun } from "./plan.ts";

const numbers = (list: BigInt64Array | null) => list === null ? null : [...list].map(Number);

Deno.test("batchOf() pads on the right and names the tokens before trained ones", () => {
  const batch = batchOf(
    [sequence(3, { trained: 1, first: 10 }), sequence(5, { trained: 2, first: 20 })],
    { rows: [[0], [1]], length: 6 },
    { padId: 0 },
  );
  assert.deepEqual({ ...batch, weights: [...batch.weights] }, {
    batch: 2,
    length: 6,
    ids: BigInt64Array.from([10n, 11n, 12n, 0n, 0n, 0n, 20n, 21n, 22n, 23n, 24n, 0n]),
    positions: BigInt64Array.from([0n, 1n, 2n, 0n, 0n, 0n, 0n, 1n, 2n, 3n, 4n, 0n]),
    segments: null,
    rows: BigInt64Array.from([1n, 8n, 9n]),
    targets: BigInt64Array.from([12n, 23n, 24n]),
    weights: [1, 1, 1],
  });
});

Deno.test("batchOf() numbers packed sequences and restarts positions", () => {
  const data = [sequence(3, { first: 10 }), sequence(2, { first: 20 })];
  const batch = batchOf(data, { rows: [[0, 1]], length: 8 }, { padId: 9 });
  assert.deepEqual(numbers(batch.ids), [10, 11, 12, 20, 21, 9, 9, 9]);
  assert.deepEqual(numbers(batch.positions), [0, 1, 2, 0, 1, 0, 0, 0]);
  assert.deepEqual(numbers(batch.segments), [1, 1, 1, 2, 2, 0, 0, 0]);
  assert.deepEqual(numbers(batch.rows), [1, 3]);
});

Deno.test("batchOf() never predicts across the border of a sequence and trains every trained token once", () => {
  const sizes = fc.array(fc.tuple(fc.integer({ min: 2, max: 20 }), fc.integer({ min: 1, max: 20 })), {
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(fc.property(sizes, fc.boolean(), (given, packing) => {
    // Ids tell sequence and position: 1000 · index + t.
    const data = given.map(([size, trained], at) => sequence(size, { trained, first: 1000 * (at + 1) }));
    const plan = planRun(data, { epochs: 1, batchSize: 3, maxLength: 32, packing, seed: 1 });
    const seen: number[] = [];
    for (const micro of plan.steps.flatMap(({ microBatches }) => microBatches)) {
      const { ids, rows, targets, weights, positions, segments, length } = batchOf(data, micro, { padId: 0 });
      for (const [n, row] of [...rows].map(Number).entries()) {
        assert.equal(Number(targets[n]), Number(ids[row]) + 1); // the next token of the same sequence
        assert.equal(targets[n], ids[row + 1]);
        assert.equal(positions[row + 1]! - positions[row]!, 1n);
        assert.ok(weights[n]! > 0 && row % length !== length - 1);
        if (segments !== null) assert.equal(segments[row], segments[row + 1]);
        seen.push(Number(targets[n]));
      }
    }
    const wanted = data.flatMap(({ ids, weights }) => [...ids].filter((_, t) => weights[t]! > 0));
    assert.deepEqual(seen.sort((a, b) => a - b), wanted);
  }));
});

Deno.test("batchOf() refuses sequences without a trained token", () => {
  assert.throws(
    () => batchOf([sequence(4, { trained: 0 })], { rows: [[0]], length: 8 }, { padId: 0 }),
    {
      name: "RangeError",
      message: "Cannot make a batch: wanted at least one trained token: received sequences without any",
    },
  );
});
