import assert from "node:assert/strict";
import fc from "fast-check";
import { sequence } from "./_testing_test.ts";
import { type Plan, type PlanOptions, planRun } from "./plan.ts";

const base = { epochs: 1, batchSize: 2, maxLength: 64, seed: 7 } satisfies PlanOptions;

const lengths = fc.array(fc.integer({ min: 2, max: 40 }), { minLength: 1, maxLength: 60 });
const options = fc.record({
  epochs: fc.integer({ min: 1, max: 3 }),
  batchSize: fc.integer({ min: 1, max: 5 }),
  accumulation: fc.integer({ min: 1, max: 4 }),
  maxLength: fc.integer({ min: 40, max: 90 }),
  packing: fc.boolean(),
  shuffle: fc.boolean(),
  seed: fc.integer(),
  curriculum: fc.option(fc.record({ startRatio: fc.constantFrom(0.2, 0.5, 1) })),
});

function indicesOf(plan: Plan, epoch: number): number[] {
  return plan.steps.filter((step) => step.epoch === epoch)
    .flatMap(({ microBatches }) => microBatches.flatMap(({ rows }) => rows.flat()));
}

Deno.test("planRun() draws each sequence of an epoch exactly once", () => {
  fc.assert(fc.property(lengths, options, (sizes, given) => {
    const plan = planRun(sizes.map((size) => sequence(size)), given);
    for (const { epoch, sequences } of plan.epochs) {
      const drawn = indicesOf(plan, epoch);
      assert.equal(drawn.length, sequences);
      assert.equal(new Set(drawn).size, sequences);
      if (given.curriculum === null || epoch > 0) assert.equal(sequences, sizes.length);
    }
  }));
});

Deno.test("planRun() keeps rows in maxLength, batches in batchSize and totals exact", () => {
  fc.assert(fc.property(lengths, options, (sizes, given) => {
    const plan = planRun(sizes.map((size) => sequence(size, { trained: size >> 1 })), given);
    for (const { microBatches, tokens, totalWeight, trainedTokens } of plan.steps) {
      assert.ok(microBatches.length >= 1 && microBatches.length <= given.accumulation);
      for (const { rows, length } of microBatches) {
        assert.ok(rows.length >= 1 && rows.length <= given.batchSize);
        const used = rows.map((row) => row.reduce((sum, index) => sum + sizes[index]!, 0));
        assert.ok(used.every((total) => total <= length && total > 0) && length <= given.maxLength);
        assert.ok(length % 8 === 0 || length === given.maxLength);
        assert.ok(given.packing || rows.every((row) => row.length === 1));
      }
      const drawn = microBatches.flatMap(({ rows }) => rows.flat());
      assert.equal(tokens, drawn.reduce((sum, index) => sum + sizes[index]!, 0));
      assert.equal(trainedTokens, drawn.reduce((sum, index) => sum + (sizes[index]! >> 1), 0));
      assert.equal(totalWeight, trainedTokens);
    }
  }));
});

Deno.test("planRun() counts its steps: only the last of an epoch is smaller", () => {
  const plan = planRun(Array.from({ length: 11 }, () => sequence(5)), {
    ...base,
    epochs: 2,
    accumulation: 2,
  });
  assert.deepEqual(plan.epochs, [
    { epoch: 0, sequences: 11, firstStep: 0, steps: 3 },
    { epoch: 1, sequences: 11, firstStep: 3, steps: 3 },
  ]);
  assert.deepEqual(plan.steps.map(({ microBatches }) => microBatches.length), [2, 2, 2, 2, 2, 2]);
  const small = planRun([sequence(5), sequence(6), sequence(7)], { ...base, accumulation: 4 });
  assert.deepEqual(small.steps.map(({ microBatches }) => microBatches.length), [2]);
});

Deno.test("planRun() plans the same for a seed, otherwise for another, and each epoch anew", () => {
  const data = Array.from({ length: 50 }, (_, at) => sequence(2 + at % 7));
  const plan = planRun(data, { ...base, epochs: 2 });
  assert.deepEqual(planRun(data, { ...base, epochs: 2 }), plan);
  assert.notDeepEqual(planRun(data, { ...base, epochs: 2, seed: 8 }).steps, plan.steps);
  assert.notDeepEqual(indicesOf(plan, 0), indicesOf(plan, 1));
});

Deno.test("planRun() plans an epoch the same however many follow", () => {
  const data = Array.from({ length: 30 }, (_, at) => sequence(2 + at % 7));
  const long = planRun(data, { ...base, epochs: 3 });
  const short = planRun(data, { ...base, epochs: 1 });
  assert.deepEqual(long.steps.slice(0, short.steps.length), short.steps);
});

Deno.test("planRun() without shuffling keeps the order of the data", () => {
  const plan = planRun([9, 3, 7, 5, 4].map((size) => sequence(size)), { ...base, shuffle: false });
  assert.deepEqual(indicesOf(plan, 0), [0, 1, 2, 3, 4]);
});

Deno.test("planRun() begins with the easiest under a curriculum", () => {
  const data = [9, 1, 8, 2, 7, 3].map((steps) =>
    sequence(5, { features: { steps, reward: null, length: 5 } })
  );
  const plan = planRun(data, { ...base, epochs: 2, curriculum: { startRatio: 0.5 } });
  assert.deepEqual(indicesOf(plan, 0).sort(), [1, 3, 5]);
  assert.deepEqual(indicesOf(plan, 1).sort(), [0, 1, 2, 3, 4, 5]);
});

Deno.test("planRun() batches like lengths, so that little is padding", () => {
  const data = Array.from({ length: 400 }, (_, at) => sequence(2 + (at * 37) % 60));
  const plan = planRun(data, { ...base, batchSize: 8 });
  const cells = plan.steps.flatMap(({ microBatches }) => microBatches)
    .reduce((sum, { rows, length }) => sum + rows.length * length, 0);
  const tokens = plan.steps.reduce((sum, step) => sum + step.tokens, 0);
  assert.ok(tokens / cells > 0.85, `${tokens / cells}`);
});

Deno.test("planRun() refuses what cannot be planned", () => {
  const refusals: [Parameters<typeof planRun>, string][] = [
    [[[], base], "Cannot plan a run: wanted at least one sequence: received none"],
    [[[sequence(5)], { ...base, epochs: 0 }], "Cannot plan a run: wanted epochs of at least 1: received 0"],
    [
      [[sequence(5)], { ...base, accumulation: 1.5 }],
      "Cannot plan a run: wanted accumulation of at least 1: received 1.5",
    ],
    [
      [[sequence(5), sequence(65)], base],
      "Cannot plan a run: wanted at most 64 tokens in sequence 1: received 65",
    ],
    [
      [[sequence(5, { trained: 0 })], base],
      "Cannot plan a run: wanted a trained token in sequence 0: received none",
    ],
  ];
  for (const [given, message] of refusals) {
    assert.throws(() => planRun(...given), { name: "RangeError", message });
  }
});
