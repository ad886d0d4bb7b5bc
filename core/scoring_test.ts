import assert from "node:assert/strict";
import { createDomain, type DomainProfile } from "./domain.ts";
import type { Rubric, Scorer } from "./rubric.ts";
import { scoreTrajectory, startScoring } from "./scoring.ts";
import { type Score, type Step, type Trajectory, unknownOutcome, unknownUsage } from "./trajectory.ts";

const profile: DomainProfile = {
  name: "test",
  title: "",
  description: "",
  tools: [],
  outcome: ["success"],
  taskFields: {},
  rubricWeights: { a: 0.75, b: 0.25 },
};
const domain = createDomain(profile);

function rubric(name: string, scorer: Scorer, id = `acme/${name}-v1`): Rubric {
  return { id, name, description: "", source: "rule", start: () => scorer };
}

function constant(name: string, ...values: (number | null)[]): Rubric {
  return rubric(name, {
    step: ({ index }) => {
      const value = values[index % values.length]!;
      return value === null ? null : { value, reason: "so", refersTo: null };
    },
  });
}

function ending(name: string, value: number): Rubric {
  return rubric(name, { finish: () => ({ value, reason: "so", refersTo: null }) });
}

function step(index: number, scores: readonly Score[] = []): Step {
  return {
    index,
    thought: "",
    action: { tool: "t", params: {} },
    result: { output: "", exitCode: null, error: null, durationMs: null, truncated: false },
    reward: 7,
    scores,
    timestamp: null,
    tokens: null,
  };
}

function trajectory(steps: readonly Step[]): Trajectory {
  return {
    schema: "gym.trajectory/1",
    id: "sha256:0",
    task: { id: "", description: "" },
    env: null,
    domain: "test",
    agent: "",
    model: null,
    system: null,
    tools: null,
    reset: { observation: "", timestamp: null },
    steps,
    outcome: unknownOutcome,
    scores: [],
    reward: null,
    usage: unknownUsage,
    metadata: { source: "here" },
  };
}

const two = trajectory([step(0), step(1)]);

Deno.test("scoreTrajectory() weighs rubrics by name and shares out the weight of absent ones", async () => {
  const scored = await scoreTrajectory(two, { rubrics: [constant("a", 1, null), constant("b", 0)], domain });
  assert.deepEqual(scored.steps.map(({ reward }) => reward), [0.75, 0]);
  assert.deepEqual(scored.steps[1]!.scores, [
    { rubric: "acme/b-v1", value: 0, source: "rule", reason: "so", refersTo: null },
  ]);
  assert.equal(scored.reward, 0.375);
});

Deno.test("scoreTrajectory() takes the caller's weights first and records what was counted", async () => {
  const rubrics = [constant("a", 1), constant("b", 0), ending("outcome", 1)];
  const scored = await scoreTrajectory(two, { rubrics, domain, weights: { a: 0.25 } });
  assert.deepEqual(scored.metadata, {
    source: "here",
    scoring: {
      domain: "test",
      weights: { "acme/a-v1": 0.25, "acme/b-v1": 0.25 },
      parts: {
        outcome: { weight: 0.4, value: 1 },
        process: { weight: 0.5, value: 0.5 },
        efficiency: { weight: 0.1, value: null },
      },
    },
  });
  assert.equal(scored.reward, (0.4 + 0.25) / 0.9);
});

Deno.test("scoreTrajectory() records a rubric without weight and does not count it", async () => {
  const scored = await scoreTrajectory(two, { rubrics: [constant("a", 1), constant("c", 0)], domain });
  assert.deepEqual(scored.steps[0]!.scores.map(({ value }) => value), [1, 0]);
  assert.equal(scored.reward, 1);
});

Deno.test("scoreTrajectory() weighs all the same when none has a weight", async () => {
  const scored = await scoreTrajectory(two, { rubrics: [constant("c", 1), constant("d", 0)], domain });
  assert.equal(scored.reward, 0.5);
});

Deno.test("scoreTrajectory() shares a weight among rubrics of one name", async () => {
  const judge = rubric(
    "a",
    { step: () => Promise.resolve({ value: 0, reason: "", refersTo: null }) },
    "acme/judge-v1",
  );
  const scored = await scoreTrajectory(two, { rubrics: [constant("a", 1), judge, constant("b", 1)], domain });
  assert.equal(scored.steps[0]!.reward, 0.625);
});

Deno.test("scoreTrajectory() counts a verdict on the whole episode in the process", async () => {
  const scored = await scoreTrajectory(two, { rubrics: [constant("a", 1), ending("b", 0)], domain });
  assert.equal(scored.reward, 0.75);
});

Deno.test("scoreTrajectory() leaves an unknown reward absent and keeps scores of others", async () => {
  const human: Score = { rubric: "acme/human-v1", value: 0.2, source: "human", reason: "", refersTo: null };
  const scored = await scoreTrajectory(trajectory([step(0, [human])]), {
    rubrics: [constant("a", null)],
    domain,
  });
  assert.equal(scored.reward, null);
  assert.deepEqual(scored.steps[0], step(0, [human]));
});

Deno.test("scoreTrajectory() scores twice to the same record", async () => {
  const options = { rubrics: [constant("a", 0.3, 0.9), ending("outcome", 1)], domain };
  const once = await scoreTrajectory(two, options);
  assert.deepEqual(await scoreTrajectory(once, options), once);
});

Deno.test("startScoring() scores a step without a promise and finishes what it has not seen", async () => {
  const scoring = startScoring({
    rubrics: [constant("a", 1, 0)],
    domain,
    task: two.task,
    tools: null,
    resetObservation: "",
  });
  assert.equal((scoring.step(step(0)) as { reward: number }).reward, 1);
  assert.equal((await scoring.finish(two)).reward, 0.5);
});

Deno.test("scoreTrajectory() refuses a number outside [0, 1]", async () => {
  await assert.rejects(scoreTrajectory(two, { rubrics: [constant("a", NaN)], domain }), {
    code: "INVALID_DATA",
    message: 'Cannot use score of rubric "acme/a-v1" on step 0: wanted a number in [0, 1]: received NaN',
  });
});

for (
  const [how, scorer] of [
    ["throws", {
      step: () => {
        throw new Error("no model");
      },
    }],
    ["rejects", { step: () => Promise.reject(new Error("no model")) }],
  ] as const
) {
  Deno.test(`scoreTrajectory() names a rubric that ${how}`, async () => {
    await assert.rejects(scoreTrajectory(two, { rubrics: [rubric("a", scorer)], domain }), {
      code: "PLUGIN_FAILED",
      message: 'Cannot step rubric "acme/a-v1" of plugin "(none)": no model',
    });
  });
}

Deno.test("startScoring() refuses wrong weights and a rubric given twice", () => {
  const options = { domain, task: two.task, tools: null, resetObservation: "" };
  assert.throws(() => startScoring({ ...options, rubrics: [], processWeight: -1 }), {
    code: "INVALID_OPTIONS",
    message: "Cannot start scoring: processWeight: wanted a number of at least 0: received -1",
  });
  assert.throws(() => startScoring({ ...options, rubrics: [constant("a", 1), constant("a", 0)] }), {
    code: "INVALID_OPTIONS",
    message: 'Cannot start scoring: rubrics: wanted each rubric once: received "acme/a-v1" twice',
  });
});
