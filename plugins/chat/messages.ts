/**
 * A trajectory as chat messages, in the dialect that training libraries read: arguments of a call are an object and
 * a tool message carries the name of its tool.
 *
 * @module
 */
import type { Json } from "../../core/schema.ts";
import type { Step, ToolDefinition, Trajectory } from "../../core/trajectory.ts";

/** Who speaks. */
export type ChatRole = "system" | "user" | "assistant" | "tool";

/** A call of a tool inside an assistant message. */
export type ChatToolCall = {
  /** Unique inside one conversation. */
  readonly id: string;
  readonly type: "function";
  readonly function: {
    readonly name: string;
    /** An object, or the text that the model wrote when that could not be parsed. */
    readonly arguments: { readonly [key: string]: Json } | string;
  };
};

/** One message of a conversation. */
export type ChatMessage = {
  readonly role: ChatRole;
  /** Empty when an assistant only called tools. */
  readonly content: string;
  /** Reasoning that the model gave apart from its answer. */
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly ChatToolCall[];
  /** Name of the tool. Tool messages only. */
  readonly name?: string;
  /** Which call this answers. Tool messages only. */
  readonly tool_call_id?: string;
};

/** A tool as chat templates and model servers take it. */
export type ChatTool = {
  readonly type: "function";
  readonly function: {
    readonly name: string;
    readonly description: string;
    /** JSON Schema of the parameters. */
    readonly parameters: { readonly [key: string]: Json };
  };
};

/** A conversation, and which steps each message came from. */
export interface Conversation {
  readonly messages: readonly ChatMessage[];
  /** Tools the agent was offered; null when the source does not tell. */
  readonly tools: readonly ChatTool[] | null;
  /**
   * For each message the indices of the steps it shows: none for the prompt, every parallel call's for an assistant
   * message, one for a tool message.
   */
  readonly steps: readonly (readonly number[])[];
}

/** What of a trajectory a conversation is made of. */
export type Told = Pick<Trajectory, "system" | "task" | "reset" | "tools" | "steps">;

/** What {@linkcode messagesOf} takes beside the trajectory. */
export interface ConversationOptions {
  /**
   * `log` keeps the ids that the model gave its calls; `position` numbers the calls, so that equal episodes give equal
   * messages.
   *
   * @default "log"
   */
  readonly callIds?: "log" | "position";
}

/**
 * The conversation of an episode: the system prompt, one user message with the task and what reset showed, then for
 * each turn an assistant message (thought as content, calls) and a tool message for each call.
 *
 * Steps in a row with the same turn number are parallel calls of one turn. A step without a tool name is plain text: its
 * raw text stays in the content and what came back is a user message. A call whose arguments could not be parsed
 * keeps their text.
 *
 * A call without an id, or with an id that was used before, gets {@linkcode callId} of its step.
 */
export function messagesOf(trajectory: Told, options: ConversationOptions = {}): Conversation {
  const { callIds = "log" } = options;
  const messages: ChatMessage[] = promptOf(trajectory);
  const steps: (readonly number[])[] = messages.map(() => []);
  const used = new Set<string>();
  for (const turn of turnsOf(trajectory.steps)) {
    const ids = turn.map((step) => idOf(step, callIds, used));
    messages.push(assistantMessage(turn, ids));
    steps.push(turn.map((step) => step.index));
    for (const [at, step] of turn.entries()) {
      const reply = replyOf(step, ids[at]!);
      if (reply === null) continue;
      messages.push(reply);
      steps.push([step.index]);
    }
  }
  return { messages, tools: trajectory.tools?.map(chatTool) ?? null, steps };
}

/**
 * The id of a call that has none: `call` and five base-36 digits, so nine letters and digits as Mistral's template
 * demands, and the same whenever the same trajectory is rendered.
 */
export function callId(stepIndex: number): string {
  return `call${stepIndex.toString(36).padStart(5, "0")}`;
}

/** Groups steps that are parallel calls of one turn. */
export function turnsOf(steps: readonly Step[]): readonly (readonly Step[])[] {
  const turns: Step[][] = [];
  for (const step of steps) {
    const last = turns.at(-1);
    const turn = step.turn ?? null;
    if (last !== undefined && turn !== null && last[0]?.turn === turn) last.push(step);
    else turns.push([step]);
  }
  return turns;
}

/** A tool definition in the form of chat templates. */
export function chatTool(tool: ToolDefinition): ChatTool {
  const { name, description, parameters } = tool;
  // Sound: parameters were read from JSON or are written as a JSON Schema literal.
  return {
    type: "function",
    function: { name, description, parameters: parameters as ChatTool["function"]["parameters"] },
  };
}

function promptOf(trajectory: Told): ChatMessage[] {
  const { system, task, reset } = trajectory;
  const seen = reset.observation.trim();
  const wanted = task.description.trim();
  const content = seen === "" || wanted.includes(seen)
    ? task.description
    : seen.includes(wanted)
    ? reset.observation
    : `${task.description}\n\n${reset.observation}`;
  const user: ChatMessage = { role: "user", content };
  return system === null || system === "" ? [user] : [{ role: "system", content: system }, user];
}

function idOf(step: Step, source: "log" | "position", used: Set<string>): string {
  const own = source === "log" ? step.action.callId ?? "" : "";
  let id = own !== "" && !used.has(own) ? own : callId(step.index);
  while (used.has(id)) id += "x";
  used.add(id);
  return id;
}

function assistantMessage(turn: readonly Step[], ids: readonly string[]): ChatMessage {
  const texts = turn.flatMap(({ thought, action }) =>
    action.tool === "" && action.raw !== undefined && !thought.includes(action.raw)
      ? [thought, action.raw]
      : [thought]
  );
  const content = [...new Set(texts)].filter((text) => text !== "").join("\n");
  const calls = turn.flatMap(({ action: { tool, params, raw } }, at): ChatToolCall[] =>
    tool === ""
      ? []
      : [{ id: ids[at]!, type: "function", function: { name: tool, arguments: raw ?? params } }]
  );
  return { role: "assistant", content, ...(calls.length > 0 && { tool_calls: calls }) };
}

function replyOf({ action, result }: Step, id: string): ChatMessage | null {
  if (action.tool !== "") {
    return { role: "tool", content: result.output, name: action.tool, tool_call_id: id };
  }
  return result.output === "" ? null : { role: "user", content: result.output };
}
