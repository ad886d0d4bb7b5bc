/**
 * Events of the OpenHands SDK (V1): a `kind`, ids as text, calls and results by `tool_call_id`.
 *
 * @module
 */
import {
  argumentsOf,
  contentText,
  countOf,
  type Fields,
  fieldsOf,
  integerOf,
  isFields,
  listOf,
  textOf,
  tokenCounts,
  toolsOf,
  utcOf,
} from "./_fields.ts";
import { type OpenHandsEpisode, usageOf } from "./_openhands_episode.ts";
import type { Report } from "./_openhands_v0.ts";

/** Whether a value is an event of V1. */
export function isV1Event(value: unknown): value is Fields {
  return isFields(value) && typeof value["kind"] === "string" &&
    (Object.hasOwn(EVENTS, value["kind"]) || /(?:Event|Condensation|Observation)$/.test(value["kind"]));
}

/** Whether a value is the `base_state.json` of a V1 conversation. */
export function isV1State(value: unknown): value is Fields {
  return isFields(value) && value["kind"] === undefined &&
    (isFields(value["stats"]) || typeof value["execution_status"] === "string");
}

/** Adds an event of V1 to its episode. */
export function addV1Event(episode: OpenHandsEpisode, event: Fields, report: Report): void {
  episode.events++;
  episode.at(utcOf(event["timestamp"]));
  const kind = String(event["kind"]);
  const add = Object.hasOwn(EVENTS, kind) ? EVENTS[kind] : undefined;
  if (add === undefined) report("unknown event", `event of kind "${kind}"`);
  else add(episode, event, report);
}

/** Takes model, totals and status from the state of a V1 conversation. */
export function addV1State({ said }: OpenHandsEpisode, state: Fields): void {
  addStats(said, fieldsOf(state["stats"]));
  const agent = fieldsOf(state["agent"]);
  said.model ??= textOf(fieldsOf(agent["llm"])["model"]);
  said.agentClass ??= textOf(agent["kind"]);
  said.state ??= textOf(state["execution_status"]) ?? textOf(state["agent_status"]);
}

type Add = (episode: OpenHandsEpisode, event: Fields, report: Report) => void;

const ignore: Add = () => {};

const EVENTS: Readonly<Record<string, Add>> = {
  SystemPromptEvent({ said }, event) {
    said.system ??= textOf(contentText(fieldsOf(event["system_prompt"])["text"] ?? event["system_prompt"]));
    said.tools ??= toolsOf(event["tools"]);
  },
  MessageEvent: addMessage,
  ActionEvent: addAction,
  ObservationEvent: addObservation,
  AgentErrorEvent(episode, event, report) {
    settle(episode, event, report, contentText(event["error"]), contentText(event["error"]) || "error", null);
  },
  UserRejectObservation(episode, event, report) {
    const reason = contentText(event["rejection_reason"]) || "rejected by the user";
    settle(episode, event, report, reason, reason, null);
  },
  ConversationStateUpdateEvent({ said }, event) {
    const value = event["value"];
    if (event["key"] === "stats") addStats(said, fieldsOf(value));
    const status = event["key"] === "full_state"
      ? fieldsOf(value)["execution_status"]
      : event["key"] === "execution_status"
      ? value
      : undefined;
    if (event["key"] === "full_state") addStats(said, fieldsOf(fieldsOf(value)["stats"]));
    said.state = textOf(status) ?? said.state;
  },
  ConversationErrorEvent({ said }, event) {
    said.state = "error";
    said.stateReason = [textOf(event["code"]), textOf(event["detail"])].filter((part) => part !== null).join(
      ": ",
    );
  },
  PauseEvent: ignore,
  Condensation: ignore,
  CondensationRequest: ignore,
  CondensationSummaryEvent: ignore,
  LLMCompletionLogEvent: ignore,
  TokenEvent: ignore,
  HookExecutionEvent: ignore,
};

function addMessage(episode: OpenHandsEpisode, event: Fields): void {
  const message = fieldsOf(event["llm_message"]);
  const content = [message["content"], event["extended_content"]].map(contentText).filter((part) =>
    part !== ""
  );
  const timestamp = utcOf(event["timestamp"]);
  if (event["source"] !== "agent") return episode.userMessage(content.join("\n"), timestamp);
  episode.call({
    eventId: textOf(event["id"]),
    callId: null,
    tool: "message",
    params: { content: content.join("\n") },
    thought: textOf(message["reasoning_content"]) ?? "",
    timestamp,
    responseId: textOf(event["llm_response_id"]),
    tokens: null,
    name: "message",
    closed: true,
  });
}

function addAction(episode: OpenHandsEpisode, event: Fields, report: Report): void {
  const action = fieldsOf(event["action"]);
  const call = fieldsOf(event["tool_call"]);
  const source = call["arguments"] ?? fieldsOf(call["function"])["arguments"];
  const tool = textOf(event["tool_name"]) ?? textOf(call["name"]) ?? textOf(action["kind"]) ?? "unknown";
  const { kind: _, ...own } = action;
  const params = source === undefined ? own : argumentsOf(source);
  const callId = textOf(event["tool_call_id"]) ?? textOf(call["id"]);
  if (params === null) {
    report("unparsed arguments", `call "${callId}" of ${tool}: wanted a JSON object; its text is kept`);
  }
  const last = tool === "finish" || action["kind"] === "FinishAction";
  if (last) episode.said.finish = { ...params };
  episode.call({
    eventId: textOf(event["id"]),
    callId,
    tool,
    params: params ?? {},
    ...(params === null ? { raw: String(source) } : {}),
    thought: textOf(contentText(event["thought"])) ?? textOf(event["reasoning_content"]) ??
      textOf(
        listOf(event["thinking_blocks"]).map((block) => textOf(fieldsOf(block)["thinking"]) ?? "").join("\n"),
      ) ??
      "",
    timestamp: utcOf(event["timestamp"]),
    responseId: textOf(event["llm_response_id"]),
    tokens: null,
    name: textOf(action["kind"]) ?? tool,
    closed: last,
  });
}

function addObservation(episode: OpenHandsEpisode, event: Fields, report: Report): void {
  const observation = fieldsOf(event["observation"]);
  const output = contentText(observation["content"]) || contentText(observation["output"]);
  const exitCode = integerOf(observation["exit_code"]) ??
    integerOf(fieldsOf(observation["metadata"])["exit_code"]);
  const failed = observation["is_error"] === true || observation["error"] === true;
  const error = textOf(observation["error"]) ?? (failed ? output || "error" : null);
  settle(episode, event, report, output || (error ?? ""), error, exitCode);
}

function settle(
  episode: OpenHandsEpisode,
  event: Fields,
  report: Report,
  output: string,
  error: string | null,
  exitCode: number | null,
): void {
  const cause = textOf(event["action_id"]);
  const callId = textOf(event["tool_call_id"]);
  const timestamp = utcOf(event["timestamp"]);
  const name = String(event["kind"]);
  if (!episode.result({ cause, callId, name, output, error, exitCode, timestamp })) {
    report(
      "unpaired observation",
      `"${name}" of call ${callId ?? cause ?? "unknown"} belongs to no open action`,
    );
  }
}

/** Sums the metrics of all uses that the agent made of models. */
function addStats(said: OpenHandsEpisode["said"], stats: Fields): void {
  const uses = Object.values(fieldsOf(stats["usage_to_metrics"] ?? stats["service_to_metrics"])).map(
    fieldsOf,
  );
  if (uses.length === 0) return;
  const totals = uses.map(usageOf);
  const sum = (pick: "promptTokens" | "completionTokens" | "costUsd") => {
    const values = totals.flatMap((usage) => usage?.[pick] ?? []);
    return values.length === 0 ? null : values.reduce((a, b) => a + b, 0);
  };
  said.model ??=
    uses.map((use) => textOf(use["model_name"])).find((name) => name !== null && name !== "default") ?? null;
  said.usage = {
    promptTokens: sum("promptTokens"),
    completionTokens: sum("completionTokens"),
    costUsd: sum("costUsd"),
  };
  for (const usage of uses.flatMap((use) => listOf(use["token_usages"])).map(fieldsOf)) {
    const id = textOf(usage["response_id"]);
    const tokens = tokenCounts(countOf(usage["prompt_tokens"]), countOf(usage["completion_tokens"]));
    if (id !== null && tokens !== null) said.responses.set(id, tokens);
  }
}
