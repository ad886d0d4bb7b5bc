/** Messages: `{role, content}` as TRL and axolotl have them, `{from, value}` as ShareGPT and LLaMA-Factory. */
import type { ChatMessage, ChatRole, ChatTool, ChatToolCall } from "../../../chat/mod.ts";
import type { Field } from "./field.ts";
import { callsOf } from "./tools.ts";
import { type Turn, weightOfMessage } from "./turn.ts";

const ROLE_NAMES: Readonly<Record<string, ChatRole | "call">> = {
  system: "system",
  developer: "system",
  user: "user",
  human: "user",
  assistant: "assistant",
  gpt: "assistant",
  tool: "tool",
  observation: "tool",
  function_response: "tool",
  function_call: "call",
};

/**
 * Turns of messages. A tool message without an id answers the next call that has no answer yet, and has the
 * name of its call.
 *
 * @throws {GymError} `INVALID_DATA`
 */
export function turnsOf(items: readonly Field[], tools: readonly ChatTool[] | null): Turn[] {
  const calls: ChatToolCall[] = [];
  const open: ChatToolCall[] = [];
  return items.map((item) => {
    const role = roleOf(item);
    const message = role === "call"
      ? { role: "assistant" as const, content: "", tool_calls: functionCall(item, tools, calls.length) }
      : role === "tool"
      ? toolMessage(item, calls, open)
      : role === "assistant"
      ? assistantMessage(item, tools, calls.length)
      : { role, content: contentOf(item) };
    if (message.role === "assistant") {
      calls.push(...message.tool_calls ?? []);
      open.splice(0, Infinity, ...message.tool_calls ?? []);
    }
    return { message, weight: weightOfMessage(item) };
  });
}

function roleOf(item: Field): ChatRole | "call" {
  item.object();
  const field = item.first("role", "from");
  const role = Object.hasOwn(ROLE_NAMES, field.text()) ? ROLE_NAMES[field.text()] : undefined;
  return role ?? field.refuse(`one of ${Object.keys(ROLE_NAMES).join(", ")}`);
}

/** Content as text; parts of text are joined, other parts cannot be trained on. */
function contentOf(item: Field): string {
  const content = item.first("content", "value");
  if (!Array.isArray(content.value)) return content.text();
  return content.items().map((part) => {
    if (part.at("type").value !== "text") part.at("type").refuse('"text"');
    return part.at("text").text();
  }).join("");
}

function assistantMessage(item: Field, tools: readonly ChatTool[] | null, before: number): ChatMessage {
  const list = item.at("tool_calls");
  const calls = list.absent ? [] : callsOf(
    list.parsed("calls as a list or JSON text of one").items(),
    { tools, before },
  );
  const reasoning = item.first("reasoning_content", "reasoning").textOrEmpty();
  return {
    role: "assistant",
    content: calls.length > 0 && item.first("content", "value").absent ? "" : contentOf(item),
    ...(reasoning !== "" && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

/** LLaMA-Factory: a turn of its own whose text is the JSON of one call or a list of calls. */
function functionCall(item: Field, tools: readonly ChatTool[] | null, before: number): ChatToolCall[] {
  const value = item.first("value", "content").parsed("JSON text of a call: name and arguments");
  if (Array.isArray(value.value)) return callsOf(value.someItems(), { tools, before });
  value.object();
  return callsOf([value], { tools, before });
}

function toolMessage(item: Field, calls: readonly ChatToolCall[], open: ChatToolCall[]): ChatMessage {
  const given = item.at("tool_call_id").textOrEmpty();
  const call = given === "" ? open[0] : calls.findLast(({ id }) => id === given);
  const waiting = open.indexOf(call!);
  if (waiting >= 0) open.splice(waiting, 1);
  const name = item.at("name").textOrEmpty() || call?.function.name;
  const id = given || call?.id;
  return {
    role: "tool",
    content: contentOf(item),
    ...(name !== undefined && { name }),
    ...(id !== undefined && { tool_call_id: id }),
  };
}
