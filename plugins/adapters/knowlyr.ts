/**
 * Trajectories of the Python knowlyr packages, in the four shapes they came in: the recorder's, the flat one of its
 * wrapper, the replay's and the hub's. JSON Lines, or one JSON document. Fields without a place are kept in metadata.
 *
 * @module
 */
import {
  type Adapter,
  adapter,
  type LogSample,
  type LogSource,
  type ReadOptions,
} from "../../core/adapter.ts";
import { GymError, type Place, placeText } from "../../core/errors.ts";
import type { Contribution } from "../../core/kind.ts";
import { describeIssues, noOptions } from "../../core/schema.ts";
import {
  type Outcome,
  type Step,
  type Trajectory,
  TRAJECTORY_SCHEMA,
  unknownOutcome,
  unknownUsage,
} from "../../core/trajectory.ts";
import { withId } from "../../core/trajectory_id.ts";
import { type Fields, fieldsOf, isFields, jsonOf, textOf } from "./_fields.ts";
import { firstValue } from "./_first_value.ts";
import { actionOf, domainNameOf, hubStep, outcomeOf, stepOf, taskOf } from "./_knowlyr_parts.ts";
import { KNOWLYR_SHAPES, type KnowlyrRecord, type KnowlyrShape } from "./_knowlyr_schemas.ts";
import { type Placed, records } from "./_records.ts";

/** Reads the four shapes of the Python packages. */
export const knowlyr: Contribution<Adapter, Record<string, never>> = adapter("knowlyr/knowlyr-v1", {
  description: "Trajectories of the Python knowlyr packages: recorder, flat, replay and hub shapes",
  options: noOptions,
  create: () => Object.freeze({ name: "knowlyr", detect, read }),
});

function detect({ head, files }: LogSample): number {
  if (files !== null) return 0; // a folder of such files is read file by file
  const value = firstValue(head);
  return shapeOf(fieldsOf(Array.isArray(value) ? value[0] : value))?.sure ?? 0;
}

async function* read(source: LogSource, options: ReadOptions = {}): AsyncGenerator<Trajectory> {
  for (const file of source.files ?? [source]) {
    for await (const record of records(file, options)) yield trajectoryOf(record, options);
  }
}

interface Guess {
  readonly shape: KnowlyrShape;
  readonly sure: number;
}

/** Keys of a first step that give the shape away. */
const STEP_KEYS: readonly (readonly [string, KnowlyrShape])[] = [
  ["tool_call", "recorder"],
  ["tool_result", "recorder"],
  ["tool_name", "replay"],
  ["tool", "flat"],
];

const HUB_KEYS = ["content_hash", "agent_framework", "agent_model", "step_rewards"];

function shapeOf(record: Fields): Guess | null {
  if (["schema", "schema_version", "info"].some((key) => record[key] !== undefined)) return null;
  if (HUB_KEYS.some((key) => record[key] !== undefined)) return { shape: "hub", sure: 0.95 };
  const step = fieldsOf(Array.isArray(record["steps"]) ? record["steps"][0] : undefined);
  const key = STEP_KEYS.find(([name]) => step[name] !== undefined);
  if (key !== undefined) return { shape: key[1], sure: 0.9 };
  const named = record["agent"] !== undefined || record["outcome"] !== undefined ||
    record["steps"] !== undefined;
  const task = fieldsOf(record["task"]);
  if (named && isFields(record["task"])) return { shape: "recorder", sure: 0.6 };
  return task["task_id"] === undefined ? null : { shape: "recorder", sure: 0.3 };
}

function trajectoryOf({ value, place }: Placed, { onIssue }: ReadOptions): Trajectory {
  const shape = isFields(value) ? shapeOf(value)?.shape : undefined;
  if (shape === undefined) {
    throw invalid(place, [`wanted a knowlyr trajectory: received ${summary(value)}`], place.field);
  }
  const parsed = KNOWLYR_SHAPES[shape].safeParse(value);
  if (!parsed.success) {
    const issues = describeIssues(parsed.error.issues, value);
    throw invalid(place, issues, issues[0]?.split(": ")[0]);
  }
  // Sound: the record was parsed by the schema of that very shape.
  const made = READERS[shape](parsed.data as never);
  if (made.steps.some((step) => step.extra?.["step_id"] !== undefined)) {
    const { file, line } = place;
    onIssue?.({
      what: "renumbered steps",
      detail: "ids of steps had gaps or another order",
      ...(file === undefined ? {} : { file }),
      ...(line === undefined ? {} : { line }),
    });
  }
  return made;
}

type Reader<S extends KnowlyrShape> = (record: KnowlyrRecord<S>) => Trajectory;

const READERS: { readonly [S in KnowlyrShape]: Reader<S> } = {
  recorder: ({ task, agent, model, steps, outcome, metadata, ...rest }) =>
    episode({
      task,
      agent,
      model,
      outcome,
      metadata: { ...rest, ...metadata },
      steps: steps.map(({ thought, tool_call, tool_result, timestamp, ...extra }, index) =>
        stepOf({
          thought,
          action: actionOf(tool_call.name, tool_call.parameters),
          output: tool_result.output,
          exitCode: tool_result.exit_code,
          error: tool_result.error,
          timestamp,
          extra,
        }, index)
      ),
    }),
  flat: ({ task, agent, model, steps, outcome, metadata, ...rest }) =>
    episode({
      task,
      agent,
      model,
      outcome,
      metadata: { ...rest, ...metadata },
      steps: steps.map((
        { thought, tool, params, output, exit_code, error, reward, timestamp, ...extra },
        index,
      ) =>
        stepOf({
          thought,
          action: actionOf(tool, params),
          output,
          exitCode: exit_code,
          error,
          reward,
          timestamp,
          extra,
        }, index)
      ),
    }),
  replay: ({ steps, metadata, ...rest }) =>
    episode({
      task: { task_id: metadata["task_id"], description: metadata["description"] },
      agent: textOf(metadata["agent"]) ?? "",
      model: textOf(metadata["model"]) ?? "",
      outcome: null,
      metadata: { ...rest, ...metadata },
      steps: steps.map(({ tool_name, params, expected_output, ...extra }, index) =>
        stepOf({ action: actionOf(tool_name, params), output: expected_output, extra }, index)
      ),
    }),
  hub: ({ task_id, agent_framework, agent_model, steps, success, reward, step_rewards, ...rest }) => {
    const { duration_seconds: seconds, metadata, total_steps: _, ...more } = rest;
    const { task_description: description, repo, base_commit, test_command, domain } = metadata;
    const made = episode({
      task: { task_id, description, repo, base_commit, test_command, domain },
      agent: agent_framework,
      model: agent_model,
      outcome: { success, outcome_metadata: {} },
      metadata: { ...more, ...metadata },
      steps: steps.map((step, index) => {
        const given = step_rewards[index];
        return hubStep(step, index, typeof given === "object" ? given.total_score : given ?? null);
      }),
    });
    const scored = step_rewards.length > 0 || (reward ?? 0) !== 0; // 0 is also what an unscored record has
    const durationMs = (seconds ?? 0) > 0 ? (seconds ?? 0) * 1000 : null;
    return { ...made, reward: scored ? reward ?? null : null, usage: { ...made.usage, durationMs } };
  },
};

interface Parts {
  readonly task: Fields;
  readonly agent: string;
  readonly model: string;
  readonly steps: readonly Step[];
  /** Null when the shape has none. */
  readonly outcome: KnowlyrRecord<"flat">["outcome"] | null;
  readonly metadata: Fields;
}

function episode({ task: named, agent, model, steps, outcome: ended, metadata }: Parts): Trajectory {
  const task = taskOf(named);
  const outcome: Outcome = ended === null ? unknownOutcome : outcomeOf(ended);
  const { gym: _, ...extras } = ended?.outcome_metadata ?? {};
  const tokens = ended?.total_tokens ?? 0;
  return withId({
    schema: TRAJECTORY_SCHEMA,
    task,
    env: null,
    domain: domainNameOf([named["domain"], metadata["domain"]], task, outcome),
    agent,
    model: textOf(model),
    system: null,
    tools: null,
    reset: { observation: "", timestamp: null },
    steps,
    outcome,
    scores: [],
    reward: null,
    usage: unknownUsage,
    metadata: {
      ...jsonOf(metadata),
      ...(tokens === 0 ? {} : { total_tokens: tokens }),
      ...(Object.keys(extras).length === 0 ? {} : { outcome_metadata: jsonOf(extras) }),
    },
  });
}

function invalid(place: Place, issues: readonly string[], field: string | undefined): GymError {
  const { file, line } = place;
  return new GymError("INVALID_DATA", `Cannot read trajectory ${placeText(place)}: ${issues.join("; ")}`, {
    file,
    line,
    field,
    issues,
  });
}

function summary(value: unknown): string {
  if (!isFields(value)) return Array.isArray(value) ? "an array" : typeof value;
  return `an object with ${Object.keys(value).slice(0, 6).join(", ") || "no fields"}`;
}
