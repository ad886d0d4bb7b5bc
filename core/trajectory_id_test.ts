import { equal, notEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { canonicalJson, trajectoryId, withId } from "./trajectory_id.ts";
import { jsonObjects, trajectories } from "./trajectory_arbitrary_test.ts";

Deno.test("canonicalJson() parses back to the value and does not depend on key order", () => {
  fc.assert(fc.property(jsonObjects, (value) => {
    const reversed = Object.fromEntries(Object.entries(value).reverse());
    equal(canonicalJson(reversed), canonicalJson(value));
    equal(canonicalJson(JSON.parse(canonicalJson(value))), canonicalJson(value));
  }));
});

Deno.test("canonicalJson() sorts keys at every level and leaves out undefined", () => {
  equal(
    canonicalJson({ b: [{ d: 1, c: null }], a: "\u00e4", x: undefined }),
    '{"a":"ä","b":[{"c":null,"d":1}]}',
  );
});

Deno.test("canonicalJson() refuses what JSON cannot say", () => {
  throws(() => canonicalJson({ a: Number.NaN }), {
    name: "TypeError",
    message: "Cannot write canonical JSON: wanted a JSON value: received NaN",
  });
});

Deno.test("trajectoryId() stays when an episode is scored, annotated or run at another time", () => {
  fc.assert(fc.property(trajectories, trajectories, jsonObjects, (t, other, metadata) => {
    const scored = {
      ...t,
      scores: other.scores,
      reward: other.reward,
      metadata,
      reset: { ...t.reset, timestamp: other.reset.timestamp },
      usage: { ...t.usage, durationMs: 12 },
      steps: t.steps.map((step) => ({
        ...step,
        reward: 0.5,
        scores: other.scores,
        timestamp: null,
        result: { ...step.result, durationMs: 7 },
      })),
    };
    equal(trajectoryId(scored), t.id);
    equal(withId(scored).id, t.id);
  }));
});

Deno.test("trajectoryId() changes with what was done and how it ended", () => {
  fc.assert(fc.property(trajectories, (t) => {
    notEqual(trajectoryId({ ...t, agent: `${t.agent}2` }), t.id);
    notEqual(
      trajectoryId({ ...t, steps: t.steps.map((step) => ({ ...step, thought: `${step.thought}!` })) }),
      t.steps.length === 0 ? "" : t.id,
    );
    notEqual(trajectoryId({ ...t, outcome: { ...t.outcome, submission: `${t.outcome.submission} ` } }), t.id);
  }));
});

Deno.test("withId() puts schema and id first and replaces an old id", () => {
  fc.assert(fc.property(trajectories, (t) => {
    const again = withId({ ...t, ...{ id: "sha256:old" } });
    equal(again.id, t.id);
    equal(Object.keys(again).slice(0, 2).join(), "schema,id");
  }));
});
