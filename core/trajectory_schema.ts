/**
 * The shape `gym.trajectory/1` as a schema: strict about types, open to unknown keys, which survive.
 *
 * @module
 */
import { z } from "zod";
import { GymError, type Place, placeText } from "./errors.ts";
import { jsonProblem } from "./json_problem.ts";
import { describeIssues, type Json, type JsonSchema, jsonSchemaOf, type Schema } from "./schema.ts";
import { type Trajectory, TRAJECTORY_SCHEMA } from "./trajectory.ts";

const MAX_ISSUES = 5;

const json = z.custom<Json>(); // that all of a record is JSON is checked once, by jsonProblem
const fields = z.record(z.string(), json);
const count = z.int().min(0);
const unit = z.number().min(0).max(1);
const text = z.string();
const amount = z.number().min(0);
const utcTime = z.string().refine(isUtcTime, "expected a UTC time like 2026-01-31T12:00:00.000Z");

const action = z.looseObject({
  tool: text,
  params: fields,
  callId: text.nullable().exactOptional(),
  raw: text.exactOptional(),
});

const result = z.looseObject({
  output: text,
  exitCode: z.int().nullable(),
  error: text.nullable(),
  durationMs: amount.nullable(),
  truncated: z.boolean(),
});

const score = z.looseObject({
  rubric: text,
  value: unit,
  source: z.enum(["rule", "model", "human"]),
  reason: text,
  refersTo: count.nullable(),
});

const sampling = z.looseObject({
  temperature: amount,
  topK: count.nullable(),
  topP: z.number().nullable(),
  minP: z.number().nullable(),
  repetitionPenalty: z.number().nullable(),
  seed: text.nullable(),
  constraint: text.exactOptional(),
});

const tokens = z.looseObject({
  promptIds: z.array(count).nullable(),
  completionIds: z.array(count).nullable(),
  logProbs: z.array(z.number()).nullable(),
  sampling: sampling.nullable(),
  promptTokens: count.nullable(),
  completionTokens: count.nullable(),
  reencoded: z.boolean(),
}).refine(
  ({ completionIds, logProbs }) => logProbs === null || logProbs.length === completionIds?.length,
  { path: ["logProbs"], message: "expected one number a completion id" },
);

const step = z.looseObject({
  index: count,
  thought: text,
  action,
  result,
  reward: z.number().nullable(),
  scores: z.array(score),
  timestamp: utcTime.nullable(),
  tokens: tokens.nullable(),
  turn: count.nullable().exactOptional(),
  extra: fields.exactOptional(),
});

const outcome = z.looseObject({
  success: z.boolean().nullable(),
  source: z.enum(["verifier", "harness", "tests", "finish", "env"]).nullable(),
  score: unit.nullable(),
  terminated: z.boolean().nullable(),
  truncated: z.boolean().nullable(),
  reason: text.nullable(),
  testsPassed: count.nullable(),
  testsFailed: count.nullable(),
  submission: text.nullable(),
  error: text.nullable(),
}).refine(({ success, source }) => (success === null) === (source === null), {
  path: ["source"],
  message: "expected null exactly when success is null",
});

const spec = z.looseObject({ id: text, options: json });

/** Zod schema of a trajectory. Its output has the same type as {@linkcode Trajectory}. */
export const trajectorySchema: Schema<Trajectory> = z.looseObject({
  schema: z.literal(TRAJECTORY_SCHEMA),
  id: text.regex(/^sha256:[0-9a-f]{64}$/, "expected sha256: and 64 hex digits"),
  task: z.object({ id: text, description: text }).catchall(json),
  env: spec.extend({ wrappers: z.array(spec), seed: text.nullable() }).nullable(),
  domain: text,
  agent: text,
  model: text.nullable(),
  system: text.nullable(),
  tools: z.array(z.looseObject({ name: text, description: text, parameters: z.record(text, z.unknown()) }))
    .nullable(),
  reset: z.looseObject({ observation: text, timestamp: utcTime.nullable() }),
  steps: z.array(step).superRefine((steps, context) => {
    const index = steps.findIndex((one, position) => one.index !== position);
    if (index === -1) return;
    context.addIssue({ code: "custom", path: [index, "index"], message: `expected ${index}` });
  }),
  outcome,
  scores: z.array(score),
  reward: z.number().nullable(),
  usage: z.looseObject({
    promptTokens: count.nullable(),
    completionTokens: count.nullable(),
    costUsd: amount.nullable(),
    durationMs: amount.nullable(),
  }),
  metadata: fields,
});

/**
 * Checks that a value is a trajectory and returns the value itself, unknown keys and key order included.
 *
 * @param place Where the value comes from, for the message; its `field` is put before the fields of the record.
 * @throws {GymError} `INVALID_DATA` naming file, line and dotted fields, the first of them in `data.field`.
 */
export function parseTrajectory(value: unknown, place: Place = {}): Trajectory {
  const problem = jsonProblem(value);
  if (problem !== null) throw invalid([problem], place);
  const parsed = trajectorySchema.safeParse(value);
  if (!parsed.success) throw invalid(describeIssues(parsed.error.issues, value), place);
  return value as Trajectory; // sound: the schema neither transforms nor fills in
}

/** The shape of a trajectory as JSON Schema, draft 2020-12. */
export function trajectoryJsonSchema(): JsonSchema {
  return { $id: TRAJECTORY_SCHEMA, title: "Trajectory", ...jsonSchemaOf(trajectorySchema) };
}

function invalid(found: readonly string[], { file, line, field }: Place): GymError {
  const issues = found.map((issue) => (field === undefined ? issue : `${field}.${issue}`));
  const where = placeText({
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
  });
  const more = issues.length > MAX_ISSUES ? `; and ${issues.length - MAX_ISSUES} more` : "";
  return new GymError(
    "INVALID_DATA",
    `Cannot read trajectory${where === "" ? "" : ` ${where}`}: ${
      issues.slice(0, MAX_ISSUES).join("; ")
    }${more}`,
    { file, line, field: issues[0]?.split(": ")[0], issues },
  );
}

function isUtcTime(time: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(time) && !Number.isNaN(Date.parse(time));
}
