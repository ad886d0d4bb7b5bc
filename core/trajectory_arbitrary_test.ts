/** Arbitrary trajectories for property tests. */
import fc from "fast-check";
import type { Json } from "./schema.ts";
import type { Outcome, Score, Step, Trajectory } from "./trajectory.ts";
import { withId } from "./trajectory_id.ts";

type Record_ = Record<string, Json>;
const orNull = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(one, { nil: null });
const real = fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0);
const unit = fc.double({ min: 0, max: 1, noNaN: true }).map((x) => x + 0);
const time = fc.integer({ min: 0, max: 4e12 }).map((ms) => new Date(ms).toISOString());
const json: fc.Arbitrary<Json> = fc.jsonValue({ maxDepth: 3 })
  .map((value) => JSON.parse(JSON.stringify(value)) as Json); // -0 is 0 in JSON

/** Objects of JSON values. */
export const jsonObjects: fc.Arbitrary<Record_> = fc.dictionary(
  fc.string().filter((key) => key !== "__proto__"),
  json,
  {
    maxKeys: 3,
    noNullPrototype: true,
  },
);

const scores: fc.Arbitrary<Score> = fc.record({
  rubric: fc.constant("knowlyr/loops-v1"),
  value: unit,
  source: fc.constantFrom("rule", "model", "human"),
  reason: fc.string(),
  refersTo: orNull(fc.nat(5)),
});

const steps: fc.Arbitrary<Step> = fc.record({
  index: fc.constant(0),
  thought: fc.string(),
  action: fc.record({ tool: fc.string(), params: jsonObjects }),
  result: fc.record({
    output: fc.string({ unit: "grapheme" }),
    exitCode: orNull(fc.integer({ min: -128, max: 255 })),
    error: orNull(fc.string()),
    durationMs: orNull(fc.nat()),
    truncated: fc.boolean(),
  }),
  reward: orNull(real),
  scores: fc.array(scores, { maxLength: 2 }),
  timestamp: orNull(time),
  tokens: fc.constant(null),
});

const outcomes: fc.Arbitrary<Outcome> = fc.record({
  success: fc.boolean(),
  source: fc.constantFrom("verifier", "harness", "tests", "finish", "env"),
  score: orNull(unit),
  terminated: orNull(fc.boolean()),
  truncated: orNull(fc.boolean()),
  reason: orNull(fc.constantFrom("submit", "max_steps")),
  testsPassed: orNull(fc.nat(99)),
  testsFailed: orNull(fc.nat(99)),
  submission: orNull(fc.string()),
  error: orNull(fc.string()),
}).chain((known): fc.Arbitrary<Outcome> =>
  fc.constantFrom<Outcome>(known as Outcome, { ...known, success: null, source: null } as Outcome)
);

/** Valid trajectories of up to four steps. */
export const trajectories: fc.Arbitrary<Trajectory> = fc.record({
  task: fc.record({ id: fc.string(), description: fc.string(), repo: fc.string() }),
  domain: fc.constantFrom("coding", "browser", "generic"),
  agent: fc.string(),
  model: orNull(fc.string({ minLength: 1 })),
  system: orNull(fc.string()),
  reset: fc.record({ observation: fc.string(), timestamp: orNull(time) }),
  steps: fc.array(steps, { maxLength: 4 })
    .map((list) => list.map((one, index) => ({ ...one, index }))),
  outcome: outcomes,
  scores: fc.array(scores, { maxLength: 2 }),
  reward: orNull(real),
  usage: fc.record({
    promptTokens: orNull(fc.nat()),
    completionTokens: orNull(fc.nat()),
    costUsd: orNull(fc.nat()),
    durationMs: orNull(fc.nat()),
  }),
  metadata: jsonObjects,
}).map((rest) => withId({ schema: "gym.trajectory/1", env: null, tools: null, ...rest }));
