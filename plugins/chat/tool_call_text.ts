/**
 * Tool calls as the text that models write them in: one table entry a form, each with a renderer and a parser that
 * undo each other.
 *
 * A parser never throws. What it cannot read stays in the content, and `problem` says what was wanted. Parsing takes
 * time in proportion to the text.
 *
 * @module
 */
import type { ChatTool, ChatToolCall } from "./messages.ts";
import { closingOf, isObject, type JsonObject, parseJson, skipSpace, spacedJson } from "./_json_text.ts";
import type { Json } from "../../core/schema.ts";

/** A call without its id: its name, and its arguments as an object or the text that could not be parsed. */
export type TextCall = ChatToolCall["function"];

/** What a model wrote, taken apart. */
export interface ParsedText {
  /** The text outside thoughts and calls. */
  readonly content: string;
  /** Reasoning given apart from the answer; null when there is none. */
  readonly thought: string | null;
  /** Calls in the order of the text. */
  readonly calls: readonly TextCall[];
  /** What was wanted where a call could not be read: that text is part of the content. Null when all was read. */
  readonly problem: string | null;
}

/** What {@linkcode ToolCallForm.render} writes. */
export interface TextMessage {
  /** The text outside thoughts and calls. */
  readonly content: string;
  /** Reasoning; null for none. */
  readonly thought: string | null;
  /** Calls in order. */
  readonly calls: readonly TextCall[];
}

/** A way to write tool calls as text. */
export interface ToolCallForm {
  /** What tells that a text is in this form. */
  readonly marker: RegExp;
  /** The calls as text, without what precedes them. */
  calls(calls: readonly TextCall[]): string;
  /** A whole message as text. */
  render(message: TextMessage): string;
  /** Takes a text apart. @param tools Their schemas tell text from numbers where the form does not. */
  parse(text: string, tools?: readonly ChatTool[] | null): ParsedText;
}

/** Name of a form of {@linkcode TOOL_CALL_FORMS}. */
export type ToolCallFormName = "harmony" | "mistral" | "qwen-xml" | "hermes" | "react" | "llama-json";

/** A call found in a text, and where the text after it goes on. */
interface Found {
  readonly calls: readonly TextCall[];
  readonly end: number;
}

/** What could not be read: what was wanted, and where to look for the next call, so that no text is read twice. */
interface Unread {
  readonly wanted: string;
  readonly end: number;
}

/** Reads calls at a place where {@linkcode Grammar.opening} matched. */
type Reader = (text: string, after: number, tools: readonly ChatTool[] | null) => Found | Unread;

interface Grammar {
  readonly marker: RegExp;
  /** Starts a call; global. */
  readonly opening: RegExp;
  readonly read: Reader;
  readonly calls: (calls: readonly TextCall[]) => string;
}

const BAD_CALL = "wanted a JSON object with name and arguments";
const BAD_LIST = "wanted a JSON array of calls";

/** All forms, the most telling marker first. */
export const TOOL_CALL_FORMS: Readonly<Record<ToolCallFormName, ToolCallForm>> = {
  /** OpenAI's gpt-oss: thoughts, calls and answers in channels. */
  harmony: {
    marker: /<\|channel\|>/,
    calls: (calls) => calls.map(harmonyCall).join("<|start|>assistant"),
    render: renderHarmony,
    parse: parseHarmony,
  },
  /** `[TOOL_CALLS] [{"name", "arguments"}]`; `[TOOL_CALLS]name[ARGS]{…}` is read as well. */
  mistral: form({
    marker: /\[TOOL_CALLS\]/,
    opening: /\n?\[TOOL_CALLS\]/g,
    read: readMistral,
    calls: (calls) => `[TOOL_CALLS] [${calls.map((call) => callJson(call)).join(", ")}]`,
  }),
  /** Qwen3-Coder: a tag a parameter. */
  "qwen-xml": form({
    marker: /<function=/,
    opening: /\n?(?:<tool_call>\s*)?<function=/g,
    read: readXml,
    calls: (calls) => calls.map(xmlCall).join("\n"),
  }),
  /** Hermes, Qwen2.5, Qwen3 and most others. */
  hermes: form({
    marker: /<tool_call>/,
    opening: /\n?<tool_call>/g,
    read: readHermes,
    calls: (calls) => calls.map((call) => `<tool_call>\n${callJson(call)}\n</tool_call>`).join("\n"),
  }),
  /** ReAct. A `Thought:` before it stays in the content, where agents that use this form expect it. */
  react: form({
    marker: /^Action Input:/m,
    opening: /(?:^|\n)Action:/g,
    read: readReAct,
    calls: (calls) => calls.map(reActCall).join("\n"),
  }),
  /** Llama 3: `{"name", "parameters"}`, alone or after `<|python_tag|>`, several divided by semicolons. */
  "llama-json": form({
    marker: /<\|python_tag\|>|"parameters": /,
    opening: /^\s*(?=\{\s*"(?:name|type|function)")|\n?<\|python_tag\|>/g,
    read: readLlama,
    calls: (calls) => `<|python_tag|>${calls.map((call) => callJson(call, "parameters")).join("; ")}`,
  }),
};

/** The form that a text with a call in it is in; null when none is recognised. */
export function formOf(text: string): ToolCallFormName | null {
  // Sound: the keys of the table are its type.
  const names = Object.keys(TOOL_CALL_FORMS) as ToolCallFormName[];
  return names.find((name) => TOOL_CALL_FORMS[name].marker.test(text)) ?? null;
}

/** A thought as text before an answer. */
export function renderThought(thought: string | null): string {
  return thought === null ? "" : `<think>\n${thought}\n</think>\n\n`;
}

/**
 * Takes the thought off a text. The opening tag may be missing, as when the prompt ended with it; a thought without an
 * end is all of the text.
 */
export function parseThought(text: string): { readonly thought: string | null; readonly rest: string } {
  const start = skipSpace(text, 0);
  const opened = text.startsWith("<think>", start);
  const from = opened ? start + "<think>".length : 0;
  const end = text.indexOf("</think>", from);
  if (end < 0 && !opened) return { thought: null, rest: text };
  const thought = text.slice(from, end < 0 ? text.length : end).replace(/^\n+/, "").replace(
    /(?<!\n)\n+$/,
    "",
  );
  const rest = end < 0 ? "" : text.slice(end + "</think>".length).replace(/^\n+/, "");
  return { thought: thought.trim() === "" ? null : thought, rest };
}

function form({ marker, opening, read, calls }: Grammar): ToolCallForm {
  return {
    marker,
    calls,
    render: ({ content, thought, calls: given }) => {
      const text = given.length === 0 ? "" : calls(given);
      return `${renderThought(thought)}${content}${content !== "" && text !== "" ? "\n" : ""}${text}`;
    },
    parse: (text, tools = null) => {
      const { thought, rest } = parseThought(text);
      return { thought, ...scan(rest, opening, read, tools) };
    },
  };
}

/** Everything outside calls is content, but for whitespace between and after them. */
function scan(
  text: string,
  opening: RegExp,
  read: Reader,
  tools: readonly ChatTool[] | null,
): Omit<ParsedText, "thought"> {
  const kept: string[] = [];
  const calls: TextCall[] = [];
  let problem: string | null = null;
  let done = 0;
  const pattern = new RegExp(opening);
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const after = match.index + match[0].length;
    const found = read(text, after, tools);
    if ("wanted" in found) {
      problem ??= `${found.wanted}: received ${
        JSON.stringify(text.slice(match.index, match.index + 80).trim())
      }`;
      pattern.lastIndex = Math.max(found.end, match.index + 1);
      continue;
    }
    kept.push(text.slice(done, match.index));
    calls.push(...found.calls);
    done = pattern.lastIndex = found.end;
  }
  kept.push(text.slice(done));
  const rest = calls.length === 0 ? kept : kept.filter((part, at) => at === 0 || part.trim() !== "");
  return { content: rest.join(""), calls, problem };
}

function callJson(
  { name, arguments: given }: TextCall,
  key: "arguments" | "parameters" = "arguments",
): string {
  return `{"name": ${JSON.stringify(name)}, ${JSON.stringify(key)}: ${spacedJson(given)}}`;
}

/** A call of a parsed object; null when it has no name. */
function callOf(value: Json | undefined): TextCall | null {
  if (!isObject(value)) return null;
  const inner = isObject(value.function) ? value.function : value;
  if (typeof inner.name !== "string") return null;
  return { name: inner.name, arguments: argumentsOf(inner.arguments ?? inner.parameters ?? {}) };
}

/** Arguments as an object where they are one or a text of one. */
function argumentsOf(value: Json): JsonObject | string {
  if (isObject(value)) return value;
  if (typeof value !== "string") return JSON.stringify(value);
  const parsed = parseJson(value);
  return isObject(parsed) ? parsed : value;
}

/** The JSON value that starts at `from`, as text. */
function jsonAt(text: string, from: number): { readonly json: string; readonly end: number } | Unread {
  const end = closingOf(text, from);
  return end < 0
    ? { wanted: "wanted the end of a JSON value", end: text.length }
    : { json: text.slice(from, end), end };
}

function readHermes(text: string, after: number): Found | Unread {
  const from = skipSpace(text, after);
  if (text[from] !== "{") return { wanted: BAD_CALL, end: after };
  const value = jsonAt(text, from);
  if ("wanted" in value) return value;
  const call = callOf(parseJson(value.json));
  return call === null
    ? { wanted: BAD_CALL, end: value.end }
    : { calls: [call], end: skipTag(text, value.end, "</tool_call>") };
}

function skipTag(text: string, from: number, tag: string): number {
  const at = skipSpace(text, from);
  return text.startsWith(tag, at) ? at + tag.length : from;
}

function readLlama(text: string, after: number): Found | Unread {
  const calls: TextCall[] = [];
  let end = after;
  for (let from = skipSpace(text, after); text[from] === "{";) {
    const value = jsonAt(text, from);
    if ("wanted" in value) return value;
    const call = callOf(parseJson(value.json));
    if (call === null && calls.length === 0) return { wanted: BAD_CALL, end: value.end };
    if (call === null) break;
    calls.push(call);
    end = value.end;
    const next = skipSpace(text, end);
    from = text[next] === ";" ? skipSpace(text, next + 1) : text.length;
  }
  return calls.length === 0 ? { wanted: BAD_CALL, end: after } : { calls, end };
}

function readMistral(text: string, after: number): Found | Unread {
  const from = skipSpace(text, after);
  if (text[from] !== "[") return readMistralArgs(text, from);
  const value = jsonAt(text, from);
  if ("wanted" in value) return value;
  const list = parseJson(value.json);
  const calls = Array.isArray(list) ? list.map(callOf) : [null];
  return calls.every((call) => call !== null)
    ? { calls, end: value.end }
    : { wanted: BAD_LIST, end: value.end };
}

function readMistralArgs(text: string, from: number): Found | Unread {
  const name = /([^\s[{]+)(?:\[CALL_ID\][^\s[]*)?(?:\[ARGS\])?\s*(?=\{)/y;
  name.lastIndex = from;
  const match = name.exec(text);
  if (match === null) return { wanted: BAD_LIST, end: from };
  const value = jsonAt(text, name.lastIndex);
  if ("wanted" in value) return value;
  return { calls: [{ name: match[1]!, arguments: argumentsOf(value.json) }], end: value.end };
}

function reActCall({ name, arguments: given }: TextCall): string {
  return `Action: ${name}\nAction Input: ${
    typeof given === "string" ? JSON.stringify(given) : spacedJson(given)
  }`;
}

function readReAct(text: string, after: number): Found | Unread {
  const line = /([^\n]*)\nAction Input:[ \t]*/y;
  line.lastIndex = after;
  const name = line.exec(text)?.[1]?.trim() ?? "";
  if (name === "") return { wanted: 'wanted a name and a line "Action Input:"', end: after };
  const from = line.lastIndex;
  if (text[from] === "{") {
    const value = jsonAt(text, from);
    if ("wanted" in value) return value;
    return { calls: [{ name, arguments: argumentsOf(value.json) }], end: value.end };
  }
  const stop = text.indexOf("\n", from);
  const end = stop < 0 ? text.length : stop;
  const input = text.slice(from, end).trim();
  return { calls: [{ name, arguments: argumentsOf(parseJson(input) ?? input) }], end };
}

function xmlCall({ name, arguments: given }: TextCall): string {
  const entries = Object.entries(typeof given === "string" ? { arguments: given } : given);
  const parameters = entries.map(([key, value]) => `<parameter=${key}>\n${xmlValue(value)}\n</parameter>\n`);
  return `<tool_call>\n<function=${name}>\n${parameters.join("")}</function>\n</tool_call>`;
}

/** Text as it is, unless it would be read as JSON or end its own tag. */
function xmlValue(value: Json): string {
  const plain = typeof value === "string" && parseJson(value) === undefined &&
    !/<\/?(?:parameter|function)/.test(value);
  return plain ? value : spacedJson(value).replaceAll("<", "\\u003c");
}

function readXml(text: string, after: number, tools: readonly ChatTool[] | null): Found | Unread {
  const head = /([^<>\n]+)>\s*/y;
  head.lastIndex = after;
  const name = head.exec(text)?.[1];
  if (name === undefined) return { wanted: "wanted <function=name>", end: after };
  const schema = tools?.find((tool) => tool.function.name === name)?.function.parameters.properties;
  const values: [string, Json][] = [];
  const parameter = /<parameter=([^<>\n]+)>\n?/y;
  let at = head.lastIndex;
  for (;;) {
    parameter.lastIndex = at;
    const key = parameter.exec(text)?.[1];
    if (key === undefined) break;
    const from = parameter.lastIndex;
    const end = text.indexOf("</parameter>", from);
    if (end < 0) return { wanted: "wanted </parameter>", end: text.length };
    values.push([
      key,
      xmlParsed(text.slice(from, end).replace(/\n$/, ""), isObject(schema) ? schema[key] : undefined),
    ]);
    at = skipSpace(text, end + "</parameter>".length);
  }
  if (!text.startsWith("</function>", at)) {
    return { wanted: "wanted </function>", end: at };
  }
  const end = skipTag(text, at + "</function>".length, "</tool_call>");
  return { calls: [{ name, arguments: Object.fromEntries(values) }], end };
}

function xmlParsed(text: string, schema: Json | undefined): Json {
  const wanted = isObject(schema) ? schema.type : undefined;
  const value = parseJson(text);
  if (wanted === "string" && typeof value !== "string") return text;
  return value ?? (value === null ? null : text);
}

function harmonyCall({ name, arguments: given }: TextCall): string {
  const body = typeof given === "string" ? given : spacedJson(given);
  return `<|channel|>commentary to=functions.${name} <|constrain|>json<|message|>${body}<|call|>`;
}

function renderHarmony({ content, thought, calls }: TextMessage): string {
  const parts = [
    ...(thought === null ? [] : [`<|channel|>analysis<|message|>${thought}<|end|>`]),
    ...(content === "" ? [] : [
      calls.length === 0
        ? `<|channel|>final<|message|>${content}<|return|>`
        : `<|channel|>commentary<|message|>${content}<|end|>`,
    ]),
    ...calls.map(harmonyCall),
  ];
  return parts.join("<|start|>assistant");
}

const CHANNEL = "<|channel|>";
const TURN = "<|start|>assistant";
const HARMONY_END = /<\|(?:end|call|return)\|>|(?=<\|start\|>|<\|channel\|>)/g;

function parseHarmony(text: string): ParsedText {
  const content: string[] = [];
  const thoughts: string[] = [];
  const calls: TextCall[] = [];
  let problem: string | null = null;
  let done = 0;
  for (let at = text.indexOf(CHANNEL); at >= 0; at = text.indexOf(CHANNEL, done)) {
    const start = harmonyStart(text, done, at);
    if (start > done) content.push(text.slice(done, start));
    const head = at + CHANNEL.length;
    const body = text.indexOf("<|message|>", head);
    if (body < 0) {
      problem ??= `wanted <|message|> after a channel: received ${
        JSON.stringify(text.slice(head, head + 80))
      }`;
      done = start;
      break;
    }
    const header = text.slice(start, body);
    const from = body + "<|message|>".length;
    HARMONY_END.lastIndex = from;
    const stop = HARMONY_END.exec(text);
    const end = stop?.index ?? text.length;
    const inner = text.slice(from, end);
    const recipient = /to=(?:functions\.)?([^\s<]+)/.exec(header)?.[1];
    if (recipient !== undefined) calls.push({ name: recipient, arguments: argumentsOf(inner) });
    else (text.startsWith("analysis", head) ? thoughts : content).push(inner);
    done = end + (stop?.[0].length ?? 0);
  }
  if (done < text.length) content.push(text.slice(done));
  const thought = thoughts.join("\n");
  return { content: content.join("\n"), thought: thought === "" ? null : thought, calls, problem };
}

/** Where the header of the channel at `at` starts: `<|start|>assistant` and ` to=name` may stand before it. */
function harmonyStart(text: string, from: number, at: number): number {
  let word = at;
  while (word > from && !/[\s<]/.test(text[word - 1]!)) word--;
  const to = text.slice(word, at).indexOf("to=");
  let start = to < 0 || word + to + "to=".length === at ? at : word + to;
  if (start === word && start < at) {
    while (start > from && /[ \t]/.test(text[start - 1]!)) start--;
  }
  const turn = start - TURN.length;
  return turn >= from && text.startsWith(TURN, turn) ? turn : start;
}
