/**
 * Events of OpenHands V0: an `action` or an `observation` by name, with `args` or `content` and `extras`.
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
import { type OpenHandsCall, type OpenHandsEpisode, usageOf } from "./_openhands_episode.ts";

/** Says what was found wrong: what it is, and the detail. */
export type Report = (what: string, detail: string) => void;

/** Actions that are the agent's own and get a step. */
const TOOLS: ReadonlySet<string> = new Set(
  ("run run_ipython read write edit browse browse_interactive call_tool_mcp mcp delegate think finish reject " +
    "task_tracking add_task modify_task save_plan").split(" "),
);

/** Actions of the frame around the agent. */
const FRAME: ReadonlySet<string> = new Set(
  ("recall change_agent_state condensation condensation_request start null pause resume stop push send_pr initialize " +
    "loop_recovery summarize").split(" "),
);

/** Observations that tell of the frame and are a result only of an action that asked for them. */
const NOTICES: ReadonlySet<string> = new Set(
  "recall null condense chat message loop_detection download".split(" "),
);

const RESULTS: ReadonlySet<string> = new Set(
  "run run_ipython read write edit browse mcp delegate think error success user_rejected task_tracking".split(
    " ",
  ),
);

/** Fields of `args` that OpenHands adds to what the model wrote. */
const ADDED: ReadonlySet<string> = new Set(
  "thought hidden confirmation_state blocking is_static security_risk task_id wait_for_response".split(" "),
);

/** Whether a value is an event of V0. */
export function isV0Event(value: unknown): value is Fields {
  return isFields(value) && (typeof value["action"] === "string" || typeof value["observation"] === "string");
}

/** Adds an event of V0 to its episode. */
export function addV0Event(episode: OpenHandsEpisode, event: Fields, report: Report): void {
  episode.events++;
  episode.at(utcOf(event["timestamp"]));
  const metrics = usageOf(fieldsOf(event["llm_metrics"]));
  if (metrics !== null) episode.said.usage = metrics;
  notice(episode, event);
  if (typeof event["observation"] === "string") addObservation(episode, event, event["observation"], report);
  else addAction(episode, event, String(event["action"]), report);
}

/** Facts about the episode that old logs put anywhere. */
function notice({ said }: OpenHandsEpisode, event: Fields): void {
  const extras = fieldsOf(event["extras"]);
  const args = fieldsOf(event["args"]);
  said.model ??= textOf(fieldsOf(fieldsOf(event["tool_call_metadata"])["model_response"])["model"]) ??
    textOf(extras["model"]) ?? textOf(event["model"]);
  said.agentClass ??= textOf(extras["agent_class"]) ??
    (event["action"] === "system" ? textOf(args["agent_class"]) : null);
  said.taskId ??= textOf(extras["instance_id"]);
}

function addAction(episode: OpenHandsEpisode, event: Fields, name: string, report: Report): void {
  const args = fieldsOf(event["args"]);
  const { said } = episode;
  if (name === "system") {
    said.system ??= textOf(args["content"]);
    said.tools ??= toolsOf(args["tools"]);
    said.version ??= textOf(args["openhands_version"]);
  } else if (event["source"] === "user" || event["source"] === "environment") {
    if (name === "message") {
      said.taskId ??= textOf(args["task_id"]);
      episode.userMessage(contentText(args["content"]), utcOf(event["timestamp"]));
    } else if (TOOLS.has(name)) {
      report("action of another", `"${name}" by the ${event["source"]} is no step of the agent`);
    }
  } else if (!FRAME.has(name)) {
    if (name !== "message" && !TOOLS.has(name)) report("unknown event", `action "${name}" is kept as a step`);
    if (name === "finish") said.finish = args;
    if (name === "reject") said.state = "rejected";
    episode.call(callOf(event, name, args, report));
  }
}

function callOf(event: Fields, name: string, args: Fields, report: Report): OpenHandsCall {
  const meta = fieldsOf(event["tool_call_metadata"]);
  const response = fieldsOf(meta["model_response"]);
  const message = fieldsOf(fieldsOf(listOf(response["choices"])[0])["message"]);
  const usage = fieldsOf(response["usage"]);
  const callId = textOf(meta["tool_call_id"]);
  return {
    eventId: idOf(event["id"]),
    callId,
    ...toolOf(meta, message, callId, name, args, report),
    thought: textOf(contentText(args["thought"])) ?? textOf(contentText(event["thought"])) ??
      textOf(contentText(message["content"])) ?? textOf(message["reasoning_content"]) ?? "",
    timestamp: utcOf(event["timestamp"]),
    responseId: textOf(response["id"]),
    tokens: tokenCounts(countOf(usage["prompt_tokens"]), countOf(usage["completion_tokens"])) ??
      tokenCounts(null, countOf(fieldsOf(event["extras"])["token_count"])),
    name,
    closed: name === "finish" || name === "reject" || name === "message",
  };
}

/** The call as the model wrote it, or else the event's own name and arguments. */
function toolOf(
  meta: Fields,
  message: Fields,
  callId: string | null,
  name: string,
  args: Fields,
  report: Report,
): Pick<OpenHandsCall, "tool" | "params" | "raw"> {
  const tool = textOf(meta["function_name"]) ?? name;
  const written = listOf(message["tool_calls"]).map(fieldsOf).find((call) =>
    callId !== null && call["id"] === callId
  );
  const source = written === undefined ? undefined : fieldsOf(written["function"])["arguments"];
  if (source !== undefined) {
    const params = argumentsOf(source);
    if (params !== null) return { tool, params };
    report("unparsed arguments", `call "${callId}" of ${tool}: wanted a JSON object; its text is kept`);
    return { tool, params: {}, raw: String(source) };
  }
  const own = Object.entries(args).filter(([key]) =>
    !ADDED.has(key) || (key === "thought" && name === "think")
  );
  return { tool, params: Object.fromEntries(own) };
}

function addObservation(episode: OpenHandsEpisode, event: Fields, name: string, report: Report): void {
  const extras = fieldsOf(event["extras"]);
  if (name === "agent_state_changed") {
    episode.said.state = textOf(extras["agent_state"]) ?? episode.said.state;
    episode.said.stateReason = textOf(extras["reason"]);
    return;
  }
  const cause = idOf(event["cause"]);
  const callId = textOf(fieldsOf(event["tool_call_metadata"])["tool_call_id"]);
  if (NOTICES.has(name) && cause === null && callId === null) return;
  if (!NOTICES.has(name) && !RESULTS.has(name)) report("unknown event", `observation "${name}"`);
  const output = contentText(event["content"]);
  const paired = episode.result({
    cause,
    callId,
    name,
    output,
    exitCode: integerOf(fieldsOf(extras["metadata"])["exit_code"]) ?? integerOf(extras["exit_code"]),
    error: errorOf(name, output, extras),
    timestamp: utcOf(event["timestamp"]),
  });
  if (!paired && RESULTS.has(name)) {
    report(
      "unpaired observation",
      `"${name}" of event ${cause ?? "unknown"} belongs to no open action of the agent`,
    );
  }
}

function errorOf(name: string, output: string, extras: Fields): string | null {
  if (name === "error") return output === "" ? "error" : output;
  if (name === "user_rejected") return output === "" ? "rejected by the user" : output;
  const given = textOf(extras["error"]);
  if (given !== null) return given;
  if (extras["error"] === true) return textOf(extras["last_browser_action_error"]) ?? "browser action failed";
  // The file editor tells of a failed read or edit in its text alone.
  return (name === "edit" || name === "read") && output.startsWith("ERROR:\n") ? output.slice(7) : null;
}

function idOf(value: unknown): string | null {
  return typeof value === "number" ? String(value) : textOf(value);
}
