/**
 * Trajectories in the recorder shape of the Python knowlyr packages, key order included.
 *
 * The shape has no place for rewards, scores, tools, the reset observation and an unknown exit code (written as 0): these are
 * left out. An outcome it cannot say, unknown success among it, is written as failure and told right under
 * `outcome_metadata.gym`, where the knowlyr adapter finds it.
 *
 * @module
 */
import { type Exporter, exporter, type ExportRow } from "../../core/exporter.ts";
import type { Contribution } from "../../core/kind.ts";
import { type Json, noOptions } from "../../core/schema.ts";
import type { Outcome, Step, Trajectory } from "../../core/trajectory.ts";
import { perTrajectory } from "./_rows.ts";

/** Writes the recorder shape of the Python packages, one row a trajectory. */
export const knowlyrRecorder: Contribution<Exporter, Record<string, never>> = exporter(
  "knowlyr/knowlyr-recorder-v1",
  {
    description: "Trajectories in the recorder shape of the Python knowlyr packages",
    options: noOptions,
    create: () => perTrajectory("knowlyr", rowOf),
  },
);

type Fields = Readonly<Record<string, Json>>;

function rowOf({ task, domain, agent, model, steps, outcome, usage, metadata }: Trajectory): ExportRow {
  const { outcome_metadata: extras, total_tokens: total, ...rest } = metadata;
  const counted = usage.promptTokens === null && usage.completionTokens === null
    ? null
    : (usage.promptTokens ?? 0) + (usage.completionTokens ?? 0);
  return {
    task: taskRow(task, domain),
    agent,
    model: model ?? "",
    steps: steps.map(stepRow),
    outcome: {
      success: outcome.success ?? false,
      score: outcome.score ?? 0,
      tests_passed: outcome.testsPassed ?? 0,
      tests_failed: outcome.testsFailed ?? 0,
      total_steps: steps.length,
      total_tokens: total ?? counted ?? 0,
      outcome_metadata: { ...fieldsOf(extras), ...outcomeExtras(outcome) },
    },
    metadata: rest,
  };
}

function taskRow(task: Trajectory["task"], domain: string): Fields {
  const text = (key: string): string => (typeof task[key] === "string" ? task[key] : "");
  return {
    task_id: task.id,
    description: task.description,
    type: text("type"),
    language: text("language"),
    difficulty: text("difficulty"),
    repo: text("repo"),
    base_commit: text("baseCommit"),
    test_command: text("testCommand"),
    domain,
    success_criteria: text("successCriteria"),
    metadata: fieldsOf(task["metadata"]),
  };
}

function stepRow({ index, thought, action, result, timestamp, tokens, extra }: Step): Fields {
  const { promptTokens = null, completionTokens = null } = tokens ?? {};
  const counted = promptTokens === null && completionTokens === null
    ? null
    : (promptTokens ?? 0) + (completionTokens ?? 0);
  return {
    step_id: index,
    thought,
    tool_call: { name: action.tool, parameters: action.params },
    tool_result: { output: result.output, exit_code: result.exitCode ?? 0, error: result.error },
    timestamp: timestamp ?? "",
    token_count: extra?.["token_count"] ?? counted,
  };
}

/** What the shape cannot say of an outcome, without what is unknown; `success: null` says that success is. */
function outcomeExtras(
  { success, source, terminated, truncated, reason, submission, error }: Outcome,
): Fields {
  const said = Object.entries({ source, terminated, truncated, reason, submission, error })
    .filter(([, value]) => value !== null);
  if (success === null) said.unshift(["success", null]);
  return said.length === 0 ? {} : { gym: Object.fromEntries(said) };
}

function fieldsOf(value: Json | undefined): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Fields : {};
}
