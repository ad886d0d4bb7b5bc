import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { parseTrajectory, trajectoryJsonSchema } from "./trajectory_schema.ts";
import { jsonObjects, trajectories } from "./trajectory_arbitrary_test.ts";
import type { Trajectory } from "./trajectory.ts";

const [sample] = fc.sample(trajectories.filter((t) => t.steps.length === 4 && t.outcome.success !== null), {
  numRuns: 1,
  seed: 7,
}) as [Trajectory];

/** A copy with one change, made by a person with an editor. */
function edited(
  change: (copy: Record<string, unknown> & { steps: never[]; outcome: never }) => void,
): unknown {
  const copy = structuredClone(sample) as never;
  change(copy);
  return copy;
}

const message = (value: unknown, place = {}): string => {
  try {
    parseTrajectory(value, place);
  } catch (thrown) {
    return (thrown as Error).message;
  }
  return "accepted";
};

Deno.test("parseTrajectory() takes what was written, unknown keys at every level included", () => {
  fc.assert(fc.property(trajectories, jsonObjects, (t, extra) => {
    const record = {
      ...extra,
      ...t,
      note: extra,
      outcome: { ...t.outcome, note: extra },
      steps: t.steps.map((step) => ({ ...step, note: 1, action: { ...step.action, note: [2] } })),
    };
    const text = JSON.stringify(record);
    equal(JSON.stringify(parseTrajectory(JSON.parse(text))), text);
  }));
});

const CASES: readonly (readonly [string, unknown, string])[] = [
  [
    "a wrong type",
    edited((t) => Object.assign(t.steps[3]!, { action: { tool: 3, params: {} } })),
    "steps.3.action.tool: expected string: received 3",
  ],
  ["a missing field", edited((t) => delete t["outcome"]), "outcome: expected object: received nothing"],
  [
    "a gap in the steps",
    edited((t) => Object.assign(t.steps[2]!, { index: 5 })),
    "steps.2.index: expected 2: received 5",
  ],
  [
    "success without a source",
    edited((t) => Object.assign(t.outcome, { success: true, source: null })),
    "outcome.source: expected null exactly when success is null: received null",
  ],
  [
    "a source without success",
    edited((t) => Object.assign(t.outcome, { success: null, source: "env" })),
    'outcome.source: expected null exactly when success is null: received "env"',
  ],
  [
    "a local time",
    edited((t) => Object.assign(t.steps[0]!, { timestamp: "2026-01-31T12:00:00" })),
    'steps.0.timestamp: expected a UTC time like 2026-01-31T12:00:00.000Z: received "2026-01-31T12:00:00"',
  ],
  [
    "another schema",
    edited((t) => t["schema"] = "gym.trajectory/2"),
    'schema: expected "gym.trajectory/1": received "gym.trajectory/2"',
  ],
  ["a bad id", edited((t) => t["id"] = "x"), 'id: expected sha256: and 64 hex digits: received "x"'],
  [
    "what is not JSON",
    edited((t) => t["metadata"] = { a: [Infinity] }),
    "metadata.a.0: expected a JSON value: received Infinity",
  ],
  ["no object", 3, "expected object: received 3"],
];

for (const [name, value, expected] of CASES) {
  Deno.test(`parseTrajectory() refuses ${name}`, () => {
    equal(message(value, { file: "a.jsonl", line: 3 }), `Cannot read trajectory a.jsonl:3: ${expected}`);
  });
}

Deno.test("parseTrajectory() names file, line and first field as data", () => {
  const value = edited((t) => Object.assign(t.outcome, { score: 3 }));
  throws(() => parseTrajectory(value, { file: "a.jsonl", line: 3 }), {
    code: "INVALID_DATA",
    data: {
      file: "a.jsonl",
      line: 3,
      field: "outcome.score",
      issues: ["outcome.score: too big: expected number to be <=1: received 3"],
    },
  });
});

Deno.test("parseTrajectory() survives nesting made to overflow the stack", () => {
  const deep = JSON.parse("[".repeat(100_000) + "]".repeat(100_000));
  equal(
    message(edited((t) => t["metadata"] = { deep })),
    "Cannot read trajectory: metadata.deep.0.0.0.0.0.0: expected at most 200 levels: received more",
  );
});

Deno.test("trajectoryJsonSchema() requires the fields of the record and allows others", () => {
  const schema = trajectoryJsonSchema() as { required: string[]; additionalProperties: unknown };
  deepEqual(schema.required, [
    "schema",
    "id",
    "task",
    "env",
    "domain",
    "agent",
    "model",
    "system",
    "tools",
    "reset",
    "steps",
    "outcome",
    "scores",
    "reward",
    "usage",
    "metadata",
  ]);
  deepEqual(schema.additionalProperties, {});
});
