/**
 * The four shapes of knowlyr trajectories, with that project's own leniency: numbers and truth values may be texts,
 * most fields may be left out, unknown ones are kept.
 */
import { z } from "zod";

const TRUTH = new Map<unknown, boolean>(
  [["true", "yes", "on", "y", "t", "1", 1], ["false", "no", "off", "n", "f", "0", 0]]
    .flatMap((words, no) => words.map((word): [unknown, boolean] => [word, no === 0])),
);

const truth = z.preprocess(
  (value) => TRUTH.get(typeof value === "string" ? value.toLowerCase() : value) ?? value,
  z.boolean(),
);
const whole = z.preprocess(numeric, z.number().int());
const number = z.preprocess(numeric, z.number());
const text = z.string().default("");
const fields = z.record(z.string(), z.unknown()).default({});

function numeric(value: unknown): unknown {
  return typeof value === "string" && /^\s*[+-]?\d+(?:\.\d+)?\s*$/.test(value) ? Number(value) : value;
}

const task = z.looseObject({ task_id: text, description: text, domain: text });
const taskOrText = z.union([task, z.string().transform((description) => task.parse({ description }))]);

const outcome = z.looseObject({
  success: truth.nullish(),
  score: number.nullish(),
  tests_passed: whole.nullish(),
  tests_failed: whole.nullish(),
  tests_total: whole.nullish(),
  total_steps: whole.nullish(),
  total_tokens: whole.nullish(),
  terminated: truth.nullish(),
  truncated: truth.nullish(),
  outcome_metadata: fields,
});

const recorder = z.looseObject({
  task,
  agent: z.string(),
  model: text,
  steps: z.array(z.looseObject({
    step_id: whole,
    thought: z.string(),
    tool_call: z.looseObject({ name: z.string(), parameters: fields }),
    tool_result: z.looseObject({
      output: text,
      exit_code: whole.default(0),
      error: z.string().nullable().default(null),
    }),
    timestamp: z.string(),
    token_count: whole.nullish(),
  })).default([]),
  outcome: outcome.extend({ success: truth }),
  metadata: fields,
});

const flatStep = z.looseObject({
  thought: text,
  tool: z.string(),
  params: z.record(z.string(), z.unknown()).nullable().default({}),
  output: z.unknown(),
  exit_code: whole.nullish(),
  reward: number.nullish(),
  timestamp: z.string().nullish(),
});

const flat = z.looseObject({
  task: taskOrText.default(() => task.parse({})),
  agent: text,
  model: text,
  steps: z.array(flatStep),
  outcome: outcome.default(() => outcome.parse({})),
  metadata: fields,
});

const replay = z.looseObject({
  steps: z.array(z.looseObject({
    tool_name: z.string(),
    params: fields,
    expected_output: z.string().nullish(),
  })),
  metadata: fields,
});

const hub = z.looseObject({
  content_hash: text,
  task_id: text,
  agent_framework: text,
  agent_model: text,
  steps: z.array(z.looseObject({})).default([]),
  success: truth.nullish(),
  reward: number.nullish(),
  step_rewards: z.array(z.union([number, z.looseObject({ total_score: number })])).default([]),
  duration_seconds: number.nullish(),
  metadata: fields,
});

/** Schema of each shape. */
export const KNOWLYR_SHAPES = { recorder, flat, replay, hub };

/** Name of a shape. */
export type KnowlyrShape = keyof typeof KNOWLYR_SHAPES;

/** A record of one shape, parsed. */
export type KnowlyrRecord<S extends KnowlyrShape> = z.infer<(typeof KNOWLYR_SHAPES)[S]>;
