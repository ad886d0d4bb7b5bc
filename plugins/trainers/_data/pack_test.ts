import assert from "node:assert/strict";
import fc from "fast-check";
import { packFirstFit } from "./pack.ts";

Deno.test("packFirstFit() puts each item in one row and no row over its capacity", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 80 }),
    fc.integer({ min: 50, max: 120 }),
    (lengths, capacity) => {
      const rows = packFirstFit(lengths, capacity);
      assert.deepEqual(rows.flat().sort((a, b) => a - b), lengths.map((_, at) => at));
      const used = rows.map((row) => row.reduce((sum, at) => sum + lengths[at]!, 0));
      assert.ok(used.every((total) => total <= capacity));
      // First fit: what begins a row fits in none before.
      for (const [at, row] of rows.entries()) {
        const before = rows.slice(0, at).map((earlier) =>
          earlier.filter((item) => lengths[item]! >= lengths[row[0]!]!).reduce(
            (sum, item) => sum + lengths[item]!,
            0,
          )
        );
        assert.ok(before.every((total) => total + lengths[row[0]!]! > capacity));
      }
    },
  ));
});

Deno.test("packFirstFit() fills rows from the longest on", () => {
  assert.deepEqual(packFirstFit([3, 7, 5, 5], 10), [[1, 0], [2, 3]]);
});

Deno.test("packFirstFit() refuses an item over the capacity", () => {
  assert.throws(() => packFirstFit([3, 11], 10), {
    name: "RangeError",
    message: "Cannot pack a sequence: wanted at most 10 tokens: received 11",
  });
});
