/**
 * One OpenHands episode being put together: actions open steps, observations close them, in whatever order the log
 * has them. Both generations of events are translated into calls of this class, which keeps of each event only what
 * the trajectory needs.
 *
 * @module
 */
import type { LogIssue, ReadOptions } from "../../core/adapter.ts";
import type { Json } from "../../core/schema.ts";
import type {
  Outcome,
  Step,
  StepResult,
  StepTokens,
  ToolDefinition,
  Trajectory,
} from "../../core/trajectory.ts";
import { TRAJECTORY_SCHEMA, unknownOutcome } from "../../core/trajectory.ts";
import { withId } from "../../core/trajectory_id.ts";
import { booleanOf, elapsedMs, type Fields, fieldsOf, known, numberOf, textOf } from "./_fields.ts";
import { isTestCommand, type TestSummary, testSummary } from "../test_output/mod.ts";

/** An action of the agent. */
export interface OpenHandsCall {
  /** Id of the event, by which observations refer to it. */
  readonly eventId: string | null;
  readonly callId: string | null;
  readonly tool: string;
  readonly params: Fields;
  /** Text of arguments that could not be parsed. */
  readonly raw?: string;
  readonly thought: string;
  readonly timestamp: string | null;
  /** Id of the model response that made the call; parallel calls share it. */
  readonly responseId: string | null;
  readonly tokens: StepTokens | null;
  /** Name of the action, which the observation may repeat. */
  readonly name: string;
  /** Whether a log normally has no observation for it, as for the last word of an agent. */
  readonly closed: boolean;
}

/** What came of an action. */
export interface OpenHandsResult {
  /** Event id of the action, or null when the log does not refer. */
  readonly cause: string | null;
  readonly callId: string | null;
  /** Name of the observation. */
  readonly name: string;
  readonly output: string;
  readonly exitCode: number | null;
  readonly error: string | null;
  readonly timestamp: string | null;
}

/** Totals of the model calls. */
export interface OpenHandsUsage {
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly costUsd: number | null;
}

interface OpenStep {
  readonly call: OpenHandsCall;
  result: StepResult | null;
  extra: Record<string, Json> | null;
}

const NO_RESULT: StepResult = { output: "", exitCode: null, error: null, durationMs: null, truncated: false };
const TRUNCATED = "[... Observation truncated due to length ...]";

/** Puts one episode together. */
export class OpenHandsEpisode {
  /** What the log says of the whole episode; the first word counts, except where noted. */
  readonly said: {
    taskId: string | null;
    description: string | null;
    began: string | null;
    system: string | null;
    tools: readonly ToolDefinition[] | null;
    model: string | null;
    agentClass: string | null;
    version: string | null;
    /** The last word counts. */
    usage: OpenHandsUsage | null;
    /** The last word counts: `finished`, `stopped`, `error` … */
    state: string | null;
    /** Why the last state came. */
    stateReason: string | null;
    /** What the agent said of its own success when it finished. */
    finish: Fields | null;
    /** Token counts by response id, where the log keeps them apart from the calls. */
    readonly responses: Map<string, StepTokens>;
  } = {
    taskId: null,
    description: null,
    began: null,
    system: null,
    tools: null,
    model: null,
    agentClass: null,
    version: null,
    usage: null,
    state: null,
    stateReason: null,
    finish: null,
    responses: new Map(),
  };
  /** Events understood so far. */
  events = 0;
  readonly #steps: OpenStep[] = [];
  /** Steps without a result, oldest first. */
  readonly #open = new Set<OpenStep>();
  readonly #byEvent = new Map<string, OpenStep>();
  readonly #byCall = new Map<string, OpenStep>();
  /** Response ids whose tokens are counted already. */
  readonly #counted = new Set<string>();
  #pendingMessages: string[] = [];
  #first: string | null = null;
  #last: string | null = null;

  /** Steps so far. */
  get length(): number {
    return this.#steps.length;
  }

  /** Takes note of when something happened. */
  at(timestamp: string | null): void {
    if (timestamp === null) return;
    this.#first ??= timestamp;
    this.#last = timestamp;
  }

  /** Opens a step. */
  call(call: OpenHandsCall): void {
    const again = call.responseId !== null && this.#counted.has(call.responseId);
    if (call.responseId !== null && call.tokens !== null) this.#counted.add(call.responseId);
    const step: OpenStep = { call: again ? { ...call, tokens: null } : call, result: null, extra: null };
    if (this.#pendingMessages.length > 0) {
      step.extra = { userMessages: this.#pendingMessages };
      this.#pendingMessages = [];
    }
    this.#steps.push(step);
    this.#open.add(step);
    if (call.eventId !== null) this.#byEvent.set(call.eventId, step);
    if (call.callId !== null) this.#byCall.set(call.callId, step);
  }

  /** Closes the step that a result belongs to. False when there is none. */
  result(result: OpenHandsResult): boolean {
    const step = this.#find(result);
    if (step === undefined) return false;
    step.result = {
      output: result.output,
      exitCode: result.exitCode,
      error: result.error,
      durationMs: elapsedMs(step.call.timestamp, result.timestamp),
      truncated: result.output.includes(TRUNCATED),
    };
    this.#close(step);
    return true;
  }

  #find({ cause, callId, name }: OpenHandsResult): OpenStep | undefined {
    if (cause !== null || callId !== null) {
      return (cause === null ? undefined : this.#byEvent.get(cause)) ??
        (callId === null ? undefined : this.#byCall.get(callId));
    }
    // Old logs do not refer: the newest open action of the same name, else the newest open one.
    const open = [...this.#open].reverse();
    return open.find((step) => step.call.name === name) ?? open.find((step) => !step.call.closed);
  }

  #close(step: OpenStep): void {
    this.#open.delete(step);
    const { eventId, callId } = step.call;
    if (eventId !== null && this.#byEvent.get(eventId) === step) this.#byEvent.delete(eventId);
    if (callId !== null && this.#byCall.get(callId) === step) this.#byCall.delete(callId);
  }

  /** A message of the user: the task, the answer to a message of the agent, or a word in between. */
  userMessage(content: string, timestamp: string | null): void {
    if (this.said.description === null && this.#steps.length === 0) {
      this.said.description = content;
      this.said.began = timestamp;
      return;
    }
    const asked = [...this.#open].findLast((step) => step.call.tool === "message");
    if (asked === undefined) {
      this.#pendingMessages.push(content);
      return;
    }
    const durationMs = elapsedMs(asked.call.timestamp, timestamp);
    asked.result = { ...NO_RESULT, output: content, durationMs };
    this.#close(asked);
  }

  /**
   * The trajectory.
   *
   * @param row The row of an evaluation output that the events were in, if any.
   */
  finish(row: Fields, file: string, options: ReadOptions): Trajectory {
    const said = this.said;
    const instance = fieldsOf(row["instance"]);
    const about = fieldsOf(row["metadata"]);
    const taskId = textOf(row["instance_id"]) ?? textOf(instance["instance_id"]) ?? said.taskId ?? "";
    const description = said.description ?? textOf(row["instruction"]) ?? "";
    const agentClass = said.agentClass ?? textOf(about["agent_class"]);
    const configured = textOf(fieldsOf(about["llm_config"])["model"]);
    const steps = this.#finishSteps(file, options.onIssue);
    return withId({
      schema: TRAJECTORY_SCHEMA,
      task: {
        id: taskId,
        description,
        ...known({ repo: textOf(instance["repo"]), baseCommit: textOf(instance["base_commit"]) }),
      },
      env: null,
      domain: "coding",
      agent: agentClass === null ? "openhands" : `openhands/${agentClass}`,
      model: configured ?? said.model,
      system: said.system,
      tools: said.tools,
      reset: { observation: description, timestamp: said.began },
      steps,
      outcome: this.#outcome(row, steps, options.report?.get(taskId) ?? null),
      scores: [],
      reward: null,
      usage: this.#usage(fieldsOf(row["metrics"]), steps),
      metadata: known({
        source: "openhands",
        agentClass,
        version: said.version,
        maxIterations: numberOf(about["max_iterations"]),
        gitCommit: textOf(about["git_commit"]),
        dataset: textOf(about["dataset"]),
        responseModel: configured !== null && said.model !== configured ? said.model : null,
        userMessagesAfterLastStep: this.#pendingMessages.length === 0 ? null : this.#pendingMessages,
      }),
    });
  }

  #finishSteps(file: string, onIssue?: (issue: LogIssue) => void): Step[] {
    const { said } = this;
    const shared = new Map<string, number>();
    for (const { call } of this.#steps) {
      if (call.responseId !== null) shared.set(call.responseId, (shared.get(call.responseId) ?? 0) + 1);
    }
    const parallel = [...shared.values()].some((count) => count > 1);
    const turns = new Map<string, number>();
    let turn = -1;
    return this.#steps.map(({ call, result, extra }, index): Step => {
      const seen = call.responseId === null ? undefined : turns.get(call.responseId);
      if (seen === undefined) turn++;
      if (call.responseId !== null && seen === undefined) turns.set(call.responseId, turn);
      const unpaired = result === null && !call.closed;
      if (unpaired) {
        const detail = `step ${index}, ${call.tool}: no observation follows; its result is empty`;
        onIssue?.({ what: "unpaired action", detail, file });
      }
      const more = { ...extra, ...(unpaired ? { unpaired: true } : {}) };
      return {
        index,
        thought: call.thought,
        action: {
          tool: call.tool,
          params: call.params as Readonly<Record<string, Json>>,
          callId: call.callId,
          ...(call.raw === undefined ? {} : { raw: call.raw }),
        },
        result: result ?? NO_RESULT,
        reward: null,
        scores: [],
        timestamp: call.timestamp,
        tokens: call.tokens ??
          (seen === undefined && call.responseId !== null
            ? said.responses.get(call.responseId) ?? null
            : null),
        turn: parallel ? seen ?? turn : null,
        ...(Object.keys(more).length === 0 ? {} : { extra: more }),
      };
    });
  }

  #usage(metrics: Fields, steps: readonly Step[]): Trajectory["usage"] {
    const row = usageOf(metrics);
    const total = (pick: "promptTokens" | "completionTokens") => {
      const counts = steps.flatMap((step) => step.tokens?.[pick] ?? []);
      const sum = counts.length === 0 ? null : counts.reduce((a, b) => a + b, 0);
      // The agent's own totals include calls that made no step; zero there means that it did not count.
      return row?.[pick] || this.said.usage?.[pick] ||
        (sum ?? row?.[pick] ?? this.said.usage?.[pick] ?? null);
    };
    return {
      promptTokens: total("promptTokens"),
      completionTokens: total("completionTokens"),
      costUsd: row?.costUsd ?? this.said.usage?.costUsd ?? null,
      durationMs: elapsedMs(this.#first, this.#last),
    };
  }

  #outcome(row: Fields, steps: readonly Step[], reported: boolean | null): Outcome {
    const result = fieldsOf(row["test_result"]);
    const finish = fieldsOf(this.said.finish);
    const outputs = fieldsOf(finish["outputs"]);
    const claimed = fieldsOf(outputs["test_result"]);
    const tests = lastTestRun(steps);
    const harness = reported ?? resolved(row["report"]) ?? resolved(result["report"]) ??
      booleanOf(result["resolved"]) ?? booleanOf(row["resolved"]);
    const claim = booleanOf(claimed["success"]) ?? booleanOf(outputs["success"]) ??
      booleanOf(finish["task_completed"]);
    const [success, source] = harness !== null
      ? [harness, "harness" as const]
      : tests !== null
      ? [tests.ok, "tests" as const]
      : claim !== null
      ? [claim, "finish" as const]
      : [null, null];
    return {
      ...unknownOutcome,
      success,
      source,
      ...this.#ending(textOf(row["error"])),
      testsPassed: tests?.passed ?? numberOf(claimed["tests_passed"]),
      testsFailed: tests?.failed ?? numberOf(claimed["tests_failed"]),
      submission: textOf(result["git_patch"]) ?? textOf(row["git_patch"]),
    };
  }

  #ending(failure: string | null): Pick<Outcome, "terminated" | "truncated" | "reason" | "error"> {
    const { state, stateReason, finish } = this.said;
    const error = failure ?? (state === "error" || state === "stuck" ? stateReason : null);
    if (failure !== null || state === "error" || state === "stuck") {
      const reason = [error ?? "", state ?? ""].map(limitOf).find((found) => found !== null) ?? "error";
      return { terminated: false, truncated: true, reason, error };
    }
    if (finish !== null) return { terminated: true, truncated: false, reason: "finish", error: null };
    if (state === "finished" || state === "rejected") {
      return {
        terminated: true,
        truncated: false,
        reason: state === "finished" ? "finish" : "reject",
        error: null,
      };
    }
    if (state === "stopped") return { terminated: false, truncated: true, reason: "stopped", error: null };
    return { terminated: null, truncated: null, reason: null, error: null };
  }
}

/** Totals in the metrics of a row or of an event; null when there are none. */
export function usageOf(metrics: Fields): OpenHandsUsage | null {
  const tokens = fieldsOf(metrics["accumulated_token_usage"]);
  const usage = {
    promptTokens: numberOf(tokens["prompt_tokens"]),
    completionTokens: numberOf(tokens["completion_tokens"]),
    costUsd: numberOf(metrics["accumulated_cost"]),
  };
  return usage.promptTokens === null && usage.costUsd === null ? null : usage;
}

function resolved(report: unknown): boolean | null {
  return booleanOf(report) ?? booleanOf(fieldsOf(report)["resolved"]);
}

const LIMITS: readonly (readonly [RegExp, string])[] = [
  [/maximum iteration|max(?:imum)?[ _]?(?:iterations|steps)/i, "max_steps"],
  [/budget|max(?:imum)? (?:task )?budget/i, "exit_cost"],
  [/context.?window|context length/i, "exit_context"],
  [/stuck/i, "stuck"],
  [/time[d ]?-?out/i, "timeout"],
];

function limitOf(message: string): string | null {
  return LIMITS.find(([pattern]) => pattern.test(message))?.[1] ?? null;
}

function lastTestRun(steps: readonly Step[]): TestSummary | null {
  const run = steps.findLast(({ action }) => {
    const { command } = action.params;
    return typeof command === "string" && isTestCommand(command);
  });
  if (run === undefined) return null;
  const summary = testSummary(run.result.output);
  const { exitCode } = run.result;
  return summary === null ? null : { ...summary, ok: summary.ok && (exitCode ?? 0) === 0 };
}
