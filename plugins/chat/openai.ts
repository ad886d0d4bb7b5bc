/**
 * The wire form of the OpenAI chat API: arguments of a call are a JSON text, and a tool message names its call only.
 *
 * @module
 */
import { parseObject } from "./_json_text.ts";
import type { ChatMessage, ChatToolCall } from "./messages.ts";

/** A call as the API has it. */
export type OpenAiToolCall = {
  readonly id: string;
  readonly type: "function";
  /** `arguments` is JSON as text, or what the model wrote instead. */
  readonly function: { readonly name: string; readonly arguments: string };
};

/** A message as the API has it. */
export type OpenAiMessage = {
  readonly role: "system" | "developer" | "user" | "assistant" | "tool";
  /** Null when an assistant only called tools. */
  readonly content: string | null;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly OpenAiToolCall[];
  /** Which call this answers. Tool messages only. */
  readonly tool_call_id?: string;
};

/** Messages in the form of the OpenAI API. */
export function toOpenAi(messages: readonly ChatMessage[]): OpenAiMessage[] {
  return messages.map(({ role, content, tool_calls, reasoning_content, tool_call_id }) => ({
    role,
    content: content === "" && tool_calls !== undefined ? null : content,
    ...(reasoning_content !== undefined && { reasoning_content }),
    ...(tool_calls !== undefined && { tool_calls: tool_calls.map(withTextArguments) }),
    ...(tool_call_id !== undefined && { tool_call_id }),
  }));
}

/**
 * Messages in the dialect of training libraries. `developer` becomes `system`; a tool message gets the name of the
 * call it answers; arguments that are not a JSON object stay text.
 */
export function fromOpenAi(messages: readonly OpenAiMessage[]): ChatMessage[] {
  const names = new Map<string, string>();
  return messages.map(({ role, content, tool_calls, reasoning_content, tool_call_id }) => {
    for (const call of tool_calls ?? []) names.set(call.id, call.function.name);
    const name = tool_call_id === undefined ? undefined : names.get(tool_call_id);
    return {
      role: role === "developer" ? "system" : role,
      content: content ?? "",
      ...(reasoning_content !== undefined && { reasoning_content }),
      ...(tool_calls !== undefined && { tool_calls: tool_calls.map(withObjectArguments) }),
      ...(name !== undefined && { name }),
      ...(tool_call_id !== undefined && { tool_call_id }),
    };
  });
}

/** A call with its arguments as JSON text. */
export function withTextArguments(call: ChatToolCall): OpenAiToolCall {
  const { name, arguments: given } = call.function;
  return {
    ...call,
    function: { name, arguments: typeof given === "string" ? given : JSON.stringify(given) },
  };
}

function withObjectArguments(call: OpenAiToolCall): ChatToolCall {
  const { name, arguments: text } = call.function;
  return { ...call, function: { name, arguments: parseObject(text) ?? text } };
}
