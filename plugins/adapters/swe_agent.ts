/**
 * Trajectories of SWE-agent (`.traj`): thought and action as text or function calls, old and new, retries, and files
 * that have a history only.
 *
 * Success is unknown unless a report of the evaluation is given: `submitted` only says that a patch was handed in.
 * Exit codes are not in these logs, so none is claimed.
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
import { GymError } from "../../core/errors.ts";
import type { Contribution } from "../../core/kind.ts";
import { noOptions } from "../../core/schema.ts";
import type { Json } from "../../core/schema.ts";
import {
  type Outcome,
  type Step,
  type Trajectory,
  TRAJECTORY_SCHEMA,
  unknownOutcome,
} from "../../core/trajectory.ts";
import { withId } from "../../core/trajectory_id.ts";
import { documents } from "./_documents.ts";
import {
  argumentsOf,
  booleanOf,
  contentText,
  type Fields,
  fieldsOf,
  isFields,
  known,
  listOf,
  numberOf,
  textOf,
} from "./_fields.ts";
import { splitCommand } from "./_swe_command.ts";

/** Trajectories of SWE-agent, with a trajectory, a history or attempts. */
export const sweAgent: Contribution<Adapter> = adapter("knowlyr/swe-agent-v1", {
  description: "Trajectories of SWE-agent: thought and action, function calls, retries, history only",
  options: noOptions,
  create: () => ({ name: "swe-agent", detect, read }),
});

// Quotes inside a JSON text are escaped, so these patterns match fields and never something quoted.
function detect({ head }: LogSample): number {
  const steps =
    /"trajectory"\s*:\s*\[\s*\{\s*"(?:action|observation|response|thought|state|messages|query|execution_time|extra_info)"\s*:/;
  if (steps.test(head) && /"(?:response|thought|execution_time|state|query|messages)"\s*:/.test(head)) {
    return 0.95;
  }
  const history = /"(?:history|query|messages)"\s*:\s*\[\s*\{/.test(head) &&
    /"role"\s*:\s*"(?:system|user|assistant)"/.test(head);
  if (history && /"(?:message_type|is_demo|agent)"\s*:/.test(head)) return 0.85;
  if (/"exit_status"\s*:/.test(head) && /"model_stats"\s*:/.test(head)) return 0.6;
  return /"replay_config"\s*:/.test(head) ? 0.6 : 0;
}

async function* read(source: LogSource, options: ReadOptions = {}): AsyncIterable<Trajectory> {
  const { onIssue, signal } = options;
  let found = 0;
  let received = "nothing";
  for (const file of source.files?.filter(({ name }) => /\.(?:traj|jsonl?)$/.test(name)) ?? [source]) {
    for await (const batch of documents(file, { onIssue, signal })) {
      for (const { value } of batch) {
        const runs = runsOf(value);
        for (const run of runs) yield trajectoryOf(run, file.name, options);
        found += runs.length;
        if (runs.length > 0) continue;
        received = isFields(value)
          ? `an object with ${Object.keys(value).slice(0, 6).join(", ") || "no fields"}`
          : "another value";
        onIssue?.({ what: "unknown document", detail: received, file: file.name });
      }
    }
  }
  if (found > 0) return;
  throw new GymError(
    "INVALID_DATA",
    `Cannot read SWE-agent log "${source.name}": wanted an object with trajectory, history or attempts: ` +
      `received ${received}`,
    { file: source.name },
  );
}

interface Run {
  readonly data: Fields;
  /** Number of the attempt from 0, or null when there was one only. */
  readonly attempt: number | null;
  /** Whether this is what the agent handed in. */
  readonly chosen: boolean;
  /** Fields of the file around an attempt. */
  readonly around: Fields;
}

/** An episode each: the attempts of a retrying agent, or the one that the file is. */
function runsOf(value: unknown): readonly Run[] {
  if (!isFields(value)) return [];
  const attempts = listOf(value["attempts"]).filter(isRun);
  if (attempts.length === 0) {
    return isRun(value) ? [{ data: value, attempt: null, chosen: true, around: {} }] : [];
  }
  const info = fieldsOf(value["info"]);
  const best = numberOf(info["best_attempt_idx"]) ?? attempts.findIndex((attempt) => {
    const submission = textOf(fieldsOf(attempt["info"])["submission"]);
    return submission !== null && submission === textOf(info["submission"]);
  });
  return attempts.map((data, attempt) => ({ data, attempt, chosen: attempt === best, around: value }));
}

function isRun(value: unknown): value is Fields {
  if (!isFields(value)) return false;
  return listOf(value["trajectory"]).some((step) => isFields(step) && typeof step["action"] === "string") ||
    listOf(value["history"]).some((message) => isFields(message) && typeof message["role"] === "string");
}

function trajectoryOf(
  { data, attempt, chosen, around }: Run,
  file: string,
  options: ReadOptions,
): Trajectory {
  const info = fieldsOf(data["info"]);
  const config = argumentsOf(data["replay_config"] ?? around["replay_config"]) ?? {};
  const problem = fieldsOf(config["problem_statement"]);
  const repo = fieldsOf(fieldsOf(config["env"])["repo"]);
  const history = historyOf(data);
  const description = contentText(history.find(({ role }) => role === "user")?.["content"]) ||
    (textOf(problem["text"]) ?? "");
  const id = [problem["id"], info["instance_id"], data["instance_id"], around["instance_id"]].map(textOf)
    .find((found) => found !== null) ?? "";
  const steps = stepsOf(data, history, file, options);
  const stats = fieldsOf(info["model_stats"]);
  return withId({
    schema: TRAJECTORY_SCHEMA,
    task: {
      id,
      description,
      ...known({
        repo: textOf(repo["github_url"]) ?? textOf(repo["repo_name"]),
        baseCommit: textOf(repo["base_commit"]),
        problemStatement: textOf(problem["text"]),
      }),
    },
    env: null,
    domain: "coding",
    agent: "swe-agent",
    model: modelOf(config) ?? textOf(info["model_name"]) ?? textOf(data["model_name_or_path"]),
    system: textOf(contentText(history.find(({ role }) => role === "system")?.["content"])),
    tools: null,
    reset: { observation: description, timestamp: null },
    steps,
    outcome: outcomeOf(info, steps, chosen ? reported(options, id, file) : null),
    scores: [],
    reward: null,
    usage: {
      promptTokens: numberOf(stats["tokens_sent"]),
      completionTokens: numberOf(stats["tokens_received"]),
      costUsd: numberOf(stats["instance_cost"]) ?? numberOf(stats["total_cost"]),
      durationMs: null,
    },
    metadata: known({
      source: "swe-agent",
      version: textOf(info["swe_agent_version"]),
      environment: textOf(data["environment"]),
      apiCalls: numberOf(stats["api_calls"]),
      attempt,
      chosen: attempt === null ? null : chosen,
    }),
  });
}

/** Messages without demonstrations. Without a history, those that the first model call was asked with. */
function historyOf(data: Fields): readonly Fields[] {
  const first = fieldsOf(listOf(data["trajectory"])[0]);
  const messages = [data["history"], first["query"], first["messages"]].map(listOf).find((list) =>
    list.length > 0
  );
  return (messages ?? []).filter(isFields).filter((message) => booleanOf(message["is_demo"]) !== true);
}

function modelOf(config: Fields): string | null {
  const agent = fieldsOf(config["agent"]);
  const agents = [agent, ...listOf(agent["agent_configs"]).map(fieldsOf)];
  return agents.map((one) => textOf(fieldsOf(one["model"])["name"])).find((name) => name !== null) ?? null;
}

/** Files are named after their instance, which helps where nothing inside names it. */
function reported({ report }: ReadOptions, id: string, file: string): boolean | null {
  const stem = file.replace(/^.*\//, "").replace(/\.[^.]*$/, "");
  return report?.get(id) ?? (id === "" ? report?.get(stem) : undefined) ?? null;
}

function stepsOf(
  data: Fields,
  history: readonly Fields[],
  file: string,
  options: ReadOptions,
): readonly Step[] {
  const written = listOf(data["trajectory"]).filter(isFields);
  const acts = history.filter((message) => message["role"] === "assistant");
  if (written.length === 0) {
    return acts.map((act, index) => stepOf(index, {}, act, resultAfter(history, act), file, options));
  }
  let next = 0;
  return written.map((step, index) => {
    // Replies that could not be used stand in the history alone, so the two lists may drift apart.
    const at = acts.findIndex((act, position) =>
      position >= next && sameAction(act["action"], step["action"])
    );
    if (at >= 0) next = at + 1;
    return stepOf(index, step, at < 0 ? {} : acts[at]!, contentText(step["observation"]), file, options);
  });
}

function sameAction(a: unknown, b: unknown): boolean {
  return typeof a === "string" && typeof b === "string" && a.trim() === b.trim();
}

/** What the agent read next, as the history has it: with the prompt of its shell. */
function resultAfter(history: readonly Fields[], act: Fields): string | null {
  const next = history[history.indexOf(act) + 1];
  return next === undefined || next["role"] === "assistant" ? null : contentText(next["content"]);
}

function stepOf(
  index: number,
  step: Fields,
  act: Fields,
  output: string | null,
  file: string,
  { onIssue }: ReadOptions,
): Step {
  const seconds = numberOf(step["execution_time"]);
  const state = argumentsOf(step["state"]);
  const action = actionOf(step, act);
  if (action.raw !== undefined) {
    onIssue?.({
      what: "unparsed arguments",
      detail: `step ${index}, ${action.tool}: its text is kept`,
      file,
    });
  }
  if (output === null) {
    const detail = `step ${index}, ${action.tool}: no observation follows; its result is empty`;
    onIssue?.({ what: "unpaired action", detail, file });
  }
  const extra = {
    ...(state === null ? {} : { state: state as Json }),
    ...(output === null ? { unpaired: true } : {}),
  };
  return {
    index,
    thought: textOf(step["thought"]) ?? textOf(act["thought"]) ?? textOf(step["response"]) ??
      contentText(act["content"]),
    action,
    result: {
      output: output ?? "",
      exitCode: null,
      error: null,
      durationMs: seconds === null ? null : Math.round(seconds * 1000),
      truncated: false,
    },
    reward: null,
    scores: [],
    timestamp: null,
    tokens: null,
    turn: null,
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

/** The call as the model wrote it, or else the command string taken apart. */
function actionOf(step: Fields, act: Fields): Step["action"] {
  const call = fieldsOf(listOf(act["tool_calls"])[0]);
  const { name, arguments: source } = fieldsOf(call["function"]);
  const callId = textOf(call["id"]);
  if (typeof name === "string") {
    const params = argumentsOf(source);
    if (params === null) return { tool: name, params: {}, callId, raw: String(source) };
    return { tool: name, params: params as Readonly<Record<string, Json>>, callId };
  }
  const command = textOf(step["action"]) ?? textOf(act["action"]) ?? "";
  // A reply without a command, for example because a limit was hit.
  if (command.trim() === "") return { tool: "none", params: {}, callId };
  return { ...splitCommand(command), callId };
}

function outcomeOf(info: Fields, steps: readonly Step[], success: boolean | null): Outcome {
  const reason = textOf(info["exit_status"]);
  const handedIn = reason === "submitted" || reason === "exit_forfeit";
  // `submitted (exit_cost)`: a limit ended the episode and what was there was handed in.
  const stopped = reason !== null && !handedIn && /exit_|^early_exit/.test(reason);
  return {
    ...unknownOutcome,
    success,
    source: success === null ? null : "harness",
    terminated: handedIn ? true : stopped ? false : null,
    truncated: handedIn ? false : stopped ? true : null,
    reason: reason ?? (steps.at(-1)?.action.tool === "submit" ? "submit" : null),
    submission: textOf(info["submission"]),
  };
}
