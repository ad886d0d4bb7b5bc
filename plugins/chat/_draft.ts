/**
 * Messages as the template gets them, made of segments that remember which message they came from.
 *
 * A template that knows no tools, thoughts or system messages gets them as text: calls in Hermes form, results as user
 * messages, the system text in front of the first user message.
 */
import type { ChatMessage, ChatRole, ChatTool, ChatToolCall } from "./messages.ts";
import { renderThought, TOOL_CALL_FORMS } from "./tool_call_text.ts";
import { spacedJson } from "./_json_text.ts";

/** Kind of text inside a message. */
export type SpanPart = "header" | "thought" | "content" | "tool_call" | "end" | "other";

/** Where text came from. */
export interface Source {
  /** Index of the message; -1 for text of the template. */
  readonly message: number;
  readonly role: ChatRole | "template";
  readonly part: SpanPart;
  /** Index of the tool call. */
  readonly call?: number;
}

/** A piece of content and where it came from. */
export interface Segment extends Source {
  readonly text: string;
}

/** A message for the template. */
export interface Draft {
  readonly role: ChatRole;
  readonly content: readonly Segment[];
  /** Only when the template renders thoughts itself. */
  readonly thought: Segment | null;
  /** Only when the template renders calls itself. */
  readonly calls: readonly ChatToolCall[];
  /** Name and call id of a tool message. */
  readonly answers: Pick<ChatMessage, "name" | "tool_call_id">;
  /** Index of the message that thought and calls belong to. */
  readonly message: number;
}

/** What a template can render itself. */
export interface TemplateSupport {
  readonly tools: boolean;
  readonly thoughts: boolean;
  readonly system: boolean;
}

/** Drafts of a conversation, for a template that can do what `support` says. */
export function draftsOf(
  messages: readonly ChatMessage[],
  tools: readonly ChatTool[] | null,
  support: TemplateSupport,
): Draft[] {
  const drafts = mergeResults(messages.map((message, index) => draftOf(message, index, support)));
  const offered = support.tools || tools === null || tools.length === 0 ? drafts : withTools(drafts, tools);
  return support.system ? offered : withoutSystem(offered);
}

/** The text of a draft's content. */
export function contentOf(draft: Draft): string {
  return draft.content.map(({ text }) => text).join("");
}

/** A draft as the template takes it. @param thoughtField Name under which it looks for thoughts. */
export function templateMessage(draft: Draft, thoughtField: string): object {
  return {
    role: draft.role,
    content: contentOf(draft),
    ...(draft.thought !== null && { [thoughtField]: draft.thought.text }),
    ...(draft.calls.length > 0 && { tool_calls: draft.calls }),
    ...draft.answers,
  };
}

function draftOf(message: ChatMessage, index: number, support: TemplateSupport): Draft {
  const { role, name, tool_call_id } = message;
  const source = { message: index, role };
  const thought = message.reasoning_content === undefined || message.reasoning_content === ""
    ? null
    : { ...source, part: "thought", text: message.reasoning_content } as const;
  const calls = message.tool_calls ?? [];
  const asUser = role === "tool" && !support.tools;
  const text = asUser ? `<tool_response>\n${message.content}\n</tool_response>` : message.content;
  return {
    role: asUser ? "user" : role,
    content: [
      ...(thought === null || support.thoughts ? [] : [{ ...thought, text: renderThought(thought.text) }]),
      { ...source, part: "content", text },
      ...(support.tools ? [] : calls.map((call, at) => callSegment(call, at, source, text === ""))),
    ],
    thought: support.thoughts ? thought : null,
    calls: support.tools ? calls : [],
    answers: asUser
      ? {}
      : { ...(name !== undefined && { name }), ...(tool_call_id !== undefined && { tool_call_id }) },
    message: index,
  };
}

function callSegment(
  call: ChatToolCall,
  at: number,
  source: Pick<Source, "message" | "role">,
  first: boolean,
): Segment {
  const text = TOOL_CALL_FORMS.hermes.calls([call.function]);
  return { ...source, part: "tool_call", call: at, text: at === 0 && first ? text : `\n${text}` };
}

/** Results in a row become one user message, because many templates want roles to alternate. */
function mergeResults(drafts: readonly Draft[]): Draft[] {
  const merged: Draft[] = [];
  for (const draft of drafts) {
    const last = merged.at(-1);
    const results = draft.role === "user" && isResult(draft) && last?.role === "user" && isResult(last);
    if (!results) merged.push(draft);
    else {merged[merged.length - 1] = {
        ...last,
        content: [...last.content, separator("\n"), ...draft.content],
      };}
  }
  return merged;
}

function isResult(draft: Draft): boolean {
  return draft.content.some(({ role }) => role === "tool");
}

function separator(text: string): Segment {
  return { message: -1, role: "template", part: "other", text };
}

function withTools(drafts: readonly Draft[], tools: readonly ChatTool[]): Draft[] {
  const prompt = separator(toolPrompt(tools));
  const [first, ...rest] = drafts;
  if (first?.role === "system") {
    return [{ ...first, content: [...first.content, separator("\n\n"), prompt] }, ...rest];
  }
  return [
    { role: "system", content: [prompt], thought: null, calls: [], answers: {}, message: -1 },
    ...drafts,
  ];
}

function withoutSystem(drafts: readonly Draft[]): Draft[] {
  const [first, second, ...rest] = drafts;
  if (first?.role !== "system") return [...drafts];
  if (second?.role !== "user") return [{ ...first, role: "user" }, ...drafts.slice(1)];
  return [{ ...second, content: [...first.content, separator("\n\n"), ...second.content] }, ...rest];
}

/** How Hermes models are told about tools. */
function toolPrompt(tools: readonly ChatTool[]): string {
  return [
    "# Tools",
    "",
    "You may call one or more functions to assist with the user query.",
    "",
    "You are provided with function signatures within <tools></tools> XML tags:",
    "<tools>",
    ...tools.map((tool) => spacedJson(tool)),
    "</tools>",
    "",
    "For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:",
    "<tool_call>",
    '{"name": <function-name>, "arguments": <args-json-object>}',
    "</tool_call>",
  ].join("\n");
}
