/** Parts of knowlyr records → parts of a trajectory. Where the old shapes have a default that means nothing, it is null. */
import type { Json } from "../../core/schema.ts";
import type { Action, Outcome, Step, Task } from "../../core/trajectory.ts";
import {
  type Fields,
  fieldsOf,
  integerOf,
  isFields,
  jsonOf,
  known,
  numberOf,
  textOf,
  utcOf,
} from "./_fields.ts";
import type { KnowlyrRecord } from "./_knowlyr_schemas.ts";

/** Names of task fields in a knowlyr record and in a trajectory. */
const TASK_FIELDS: readonly (readonly [string, string])[] = [
  ["type", "type"],
  ["language", "language"],
  ["difficulty", "difficulty"],
  ["repo", "repo"],
  ["base_commit", "baseCommit"],
  ["test_command", "testCommand"],
  ["success_criteria", "successCriteria"],
];

/** The task. Empty texts say nothing and are left out. */
export function taskOf({ task_id, description, domain: _, ...rest }: Fields): Task {
  const renamed = Object.entries(rest).map(([key, value]): [string, Json] => [
    TASK_FIELDS.find(([old]) => old === key)?.[1] ?? key,
    value as Json,
  ]).filter(([, value]) => value !== "" && value !== null && !isEmpty(value));
  return {
    ...Object.fromEntries(renamed),
    id: textOf(task_id) ?? "",
    description: textOf(description) ?? "",
  };
}

function isEmpty(value: unknown): boolean {
  return isFields(value) && Object.keys(value).length === 0;
}

/** The domain a record names; coding where repository or tests give it away; else generic. */
export function domainNameOf(named: readonly unknown[], task: Task, outcome: Outcome): string {
  const name = named.map(textOf).find((one) => one !== null);
  if (name !== null && name !== undefined) return name;
  const coding = ["repo", "baseCommit", "testCommand"].some((key) => task[key] !== undefined) ||
    outcome.testsPassed !== null;
  return coding ? "coding" : "generic";
}

/**
 * How it ended. These logs never tell who judged: test counts are taken as the judge where there are any, else the
 * agent's own finishing. An episode that finished on its last permitted step was recorded as failed, so it is unknown.
 */
export function outcomeOf(record: KnowlyrRecord<"flat">["outcome"]): Outcome {
  const { tests_passed: passed, tests_failed: failed, tests_total: total } = record;
  const more = fieldsOf(record.outcome_metadata["gym"]); // what this library put there, see the exporter
  const tests = testCounts(passed ?? null, failed ?? null, total ?? null);
  const terminated = record.terminated ?? boolean(more["terminated"]);
  const truncated = record.truncated ?? boolean(more["truncated"]);
  const doubtful = more["success"] === null ||
    (record.terminated === true && record.truncated === true && tests === null);
  const success = doubtful ? null : record.success ?? null;
  const score = record.score ?? 0; // never set by the programs that wrote these logs: 0 says nothing
  return {
    success,
    source: success === null ? null : sourceOf(more["source"]) ?? (tests === null ? "finish" : "tests"),
    score: score > 0 && score <= 1 ? score : null,
    terminated,
    truncated,
    reason: textOf(more["reason"]),
    testsPassed: tests?.passed ?? null,
    testsFailed: tests?.failed ?? null,
    submission: text(more["submission"]),
    error: text(more["error"]),
  };
}

/** Passed and failed tests; where one is missing, the total is their sum. Null when no test is known to have run. */
function testCounts(
  passed: number | null,
  failed: number | null,
  total: number | null,
): { readonly passed: number; readonly failed: number } | null {
  const good = Math.max(0, passed ?? 0);
  const bad = Math.max(0, total === null || (failed ?? 0) > 0 ? failed ?? 0 : total - good);
  return good + bad === 0 ? null : { passed: good, failed: bad };
}

function sourceOf(value: unknown): Outcome["source"] {
  const sources = ["verifier", "harness", "tests", "finish", "env"] as const;
  return sources.find((source) => source === value) ?? null;
}

/** What a step is made of, whatever it was called. */
export interface StepParts {
  readonly thought?: unknown;
  readonly action: Action;
  readonly output: unknown;
  readonly exitCode?: unknown;
  readonly error?: unknown;
  readonly reward?: unknown;
  readonly timestamp?: unknown;
  /** Fields without a place of their own. */
  readonly extra: Fields;
}

/** A step at a position; the id it had is kept when it was another. */
export function stepOf(parts: StepParts, index: number): Step {
  const { step_id: id, ...rest } = parts.extra;
  const extra = known(jsonOf({ ...rest, ...(id === index ? {} : { step_id: id }) }));
  return {
    index,
    thought: text(parts.thought) ?? "",
    action: parts.action,
    result: {
      output: outputText(parts.output),
      exitCode: integerOf(parts.exitCode),
      error: text(parts.error),
      durationMs: null,
      truncated: false,
    },
    reward: numberOf(parts.reward),
    scores: [],
    timestamp: utcOf(parts.timestamp),
    tokens: null,
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

/** A call from a name and its arguments. */
export function actionOf(tool: string, params: Fields | null): Action {
  return { tool, params: jsonOf(params ?? {}) };
}

/** A call written as text, `read_file({"path": "a"})`; what cannot be read as such is kept as `raw`. */
export function writtenAction(written: string): Action {
  const [, tool, args] = /^\s*([\w./-]+)\s*(?:\((.*)\))?\s*$/s.exec(written) ?? [];
  if (tool === undefined) return { tool: "", params: {}, raw: written };
  if (args === undefined || args.trim() === "") return { tool, params: {} };
  try {
    const parsed: unknown = JSON.parse(args);
    if (isFields(parsed)) return actionOf(tool, parsed);
  } catch {
    // kept as it stands
  }
  return { tool, params: {}, raw: written };
}

/** Steps of the hub, which come in three dialects. */
export function hubStep(step: Fields, index: number, reward: number | null): Step {
  const { thought, tool, params, output, exit_code, error, timestamp, reward: own, ...rest } = step;
  const { action, observation, tool_call, tool_result, ...extra } = rest;
  const called = fieldsOf(tool_call ?? action);
  const result = fieldsOf(tool_result);
  const name = textOf(tool) ?? textOf(called["name"]) ?? textOf(called["tool"]);
  const given = params ?? called["parameters"] ?? called["params"];
  return stepOf({
    thought,
    action: name === null ? writtenAction(text(action) ?? "") : actionOf(name, fieldsOf(given)),
    output: output ?? observation ?? result["output"],
    exitCode: exit_code ?? result["exit_code"],
    error: error ?? result["error"],
    reward: reward ?? own,
    timestamp,
    extra,
  }, index);
}

function outputText(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : JSON.stringify(value);
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function boolean(value: unknown): boolean | null {
  return typeof value === "boolean" ? value : null;
}
