/** The learning curve of a journal. */
import assert from "node:assert/strict";
import { curveOf, curvePicture, type LearningCurve } from "./curve.ts";
import type { JournalEntry } from "./journal.ts";

const finished = (iteration: number, stage: string, facts: JournalEntry["facts"]): JournalEntry => ({
  iteration,
  stage,
  event: "finished",
  ...(facts === undefined ? {} : { facts }),
});

const JOURNAL = [
  finished(0, "judge", { decision: "promote", success: 0.2, successLow: 0.1, successHigh: 0.3 }),
  finished(1, "collect", { success: 0.25, reward: 0.5 }),
  finished(1, "collect-2", { success: 0.9, reward: 0.9 }),
  finished(1, "train", { loss: 1 }),
  finished(2, "collect", { success: 0.5, reward: 0.75 }),
  finished(2, "judge", { decision: "roll_back", success: 0.4, successLow: 0.3, successHigh: 0.5, p: 0.01 }),
];

Deno.test("curveOf() reads tries and evaluations off the journal", () => {
  assert.deepEqual(curveOf(JOURNAL, { measure: "success", iterations: 4 }), {
    schema: "gym.learning-curve/1",
    measure: "success",
    iterations: 4,
    training: [{ iteration: 1, value: 0.25 }, { iteration: 2, value: 0.5 }],
    evaluations: [
      { iteration: 0, value: 0.2, low: 0.1, high: 0.3, decision: "promote", p: null },
      { iteration: 2, value: 0.4, low: 0.3, high: 0.5, decision: "roll_back", p: 0.01 },
    ],
  });
});

Deno.test("curvePicture() places values where they belong, in one well-formed image", () => {
  const picture = curvePicture(curveOf(JOURNAL, { measure: "success", iterations: 4 }));
  const centres = [...picture.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)" r="4.5" stroke="(#\w+)"/g)]
    .map(([, x, y, colour]) => [Number(x), Number(y), colour]).filter(([, y]) => y !== 20);
  // The box is 56 to 704 wide and 40 to 312 high; 0 is at its foot.
  assert.deepEqual(centres, [[56, 257.6, "#1f5fa8"], [380, 203.2, "#b3261e"]]);
  const opened = [...picture.matchAll(/<(\w+)[^>]*[^/]>/g)].length;
  const closed = [...picture.matchAll(/<\/(\w+)>/g)].length;
  assert.equal(opened, closed);
});

Deno.test("curvePicture() shows rewards of any size, and a run without points", () => {
  const curve: LearningCurve = {
    ...curveOf([], { measure: "reward", iterations: 3 }),
    training: [{ iteration: 1, value: -250 }, { iteration: 2, value: 1000 }],
  };
  assert.match(curvePicture(curve), />1000<\/text>/);
  for (
    const empty of [
      curveOf([], { measure: "reward", iterations: 3 }),
      curveOf([], { measure: "success", iterations: 1 }),
    ]
  ) {
    assert.doesNotMatch(curvePicture(empty), /NaN|Infinity|undefined/);
  }
});

Deno.test("curvePicture() shows the tries of a single iteration, and makes room for many evaluations", () => {
  const base = curveOf([], { measure: "success", iterations: 80 });
  const one = curvePicture({ ...base, training: [{ iteration: 40, value: 0.5 }] });
  assert.match(one, /<circle cx="380.0" cy="176.0" r="2" fill="#9ab"\/>/);
  const evaluations = Array.from({ length: 80 }, (_, iteration) => ({
    iteration,
    value: 0.5,
    low: null,
    high: null,
    decision: "keep" as const,
    p: null,
  }));
  const radii = (count: number) =>
    [
      ...curvePicture({ ...base, evaluations: evaluations.slice(0, count) }).matchAll(
        /cy="176.0" r="([\d.]+)"/g,
      ),
    ]
      .map(([, radius]) => radius);
  assert.deepEqual(new Set(radii(40)), new Set(["4.5"]));
  assert.deepEqual(new Set(radii(80)), new Set(["2.5"]));
});
