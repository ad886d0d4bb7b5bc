import assert from "node:assert/strict";
import fc from "fast-check";
import { splitByGroup } from "./split.ts";

const items = (groups: readonly string[]) => groups.map((group, at) => ({ group, at }));
const names = fc.array(fc.string({ maxLength: 3 }), { minLength: 1, maxLength: 40 });

Deno.test("splitByGroup() puts each item on one side and each group on one side", () => {
  fc.assert(fc.property(names, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (groups, share) => {
    const { train, evaluation } = splitByGroup(items(groups), { share });
    assert.equal(train.length + evaluation.length, groups.length);
    const apart = new Set(evaluation.map(({ group }) => group));
    assert.ok(train.every(({ group }) => !apart.has(group)));
    assert.equal(evaluation.length > 0, new Set(groups).size > 1);
    assert.ok(train.length > 0);
  }));
});

Deno.test("splitByGroup() keeps groups where they are when data are added", () => {
  const groups = Array.from({ length: 300 }, (_, at) => `task-${at}`);
  const before = splitByGroup(items(groups.slice(0, 200)), { share: 0.1 });
  const after = splitByGroup(items(groups), { share: 0.1 });
  const apart = new Set(after.evaluation.map(({ group }) => group));
  assert.ok(before.evaluation.every(({ group }) => apart.has(group)));
  assert.ok(before.train.every(({ group }) => !apart.has(group)));
  // 300 draws at 0.1: outside 10 to 55 with a probability below 1e-4, and fixed by the hash.
  assert.ok(apart.size > 10 && apart.size < 55, `${apart.size}`);
});

Deno.test("splitByGroup() sets others apart for another seed", () => {
  const data = items(Array.from({ length: 50 }, (_, at) => `${at}`));
  assert.notDeepEqual(
    splitByGroup(data, { share: 0.3, seed: 1 }).evaluation,
    splitByGroup(data, { share: 0.3, seed: 2 }).evaluation,
  );
});

Deno.test("splitByGroup() refuses a share that leaves a side empty", () => {
  assert.throws(() => splitByGroup(items(["a"]), { share: 1 }), {
    name: "RangeError",
    message: "Cannot split data: wanted a share between 0 and 1: received 1",
  });
});
