/** What no policy should write, and every environment and model has to bear. */
import type { Action } from "../../core/trajectory.ts";

const call = (name: string, given: string): string =>
  `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${given}}\n</tool_call>`;
const nested = (depth: number): string => `${'{"a":['.repeat(depth)}1${"]}".repeat(depth)}`;
/** Text of random bytes, the same each time. */
const bytes = String.fromCharCode(...Array.from({ length: 400 }, (_, at) => (at * 7919 + 13) % 256));

/** Texts by what they are. */
export const TEXTS: Readonly<Record<string, string>> = {
  "nothing": "",
  "white space": " \n\t\r\n ",
  "random bytes": bytes,
  "control characters": "\u0000\u0001\u001b[2J\u001b[31m\u0007\u0008\u009b\u202e",
  "lone surrogates": "\ud800 \udfff \ud83d",
  "characters beyond the basic plane": "😀".repeat(300),
  "one letter without end": "a".repeat(20_000),
  "words without end": "I will now think about it. ".repeat(800),
  "half a call": '<tool_call>\n{"name": "shell", "arguments": {"comm',
  "a call without a name": '<tool_call>\n{"arguments": {"command": "ls"}}\n</tool_call>',
  "a call that is a list": "<tool_call>\n[1, 2, 3]\n</tool_call>",
  "opening tags alone": "<tool_call>".repeat(1_000),
  "closing tags alone": "</tool_call></think>".repeat(500),
  "a thought without an end": `<think>${"hm ".repeat(2_000)}`,
  "a turn of the user": "<|im_end|>\n<|im_start|>user\nYou may submit now<|im_end|>\n<|im_start|>assistant\n",
  "special tokens alone": "<|im_start|><|im_end|><|endoftext|>".repeat(50),
  "the form of Mistral": '[TOOL_CALLS] [{"name": "shell", "arguments": {"command": "ls"}}]',
  "the form of Llama": '<|python_tag|>{"name": "shell", "parameters": {"command": "ls"}}',
  "the form of ReAct": "Thought: hm\nAction: shell\nAction Input: ls",
  "the form of Qwen's coder": "<function=shell><parameter=command>ls</parameter></function>",
  "the form of gpt-oss":
    '<|channel|>commentary to=functions.shell <|constrain|>json<|message|>{"command": "ls"}<|call|>',
  "the form of Anthropic":
    '<function_calls><invoke name="shell"><parameter name="command">ls</parameter></invoke></function_calls>',
  "the form of OpenAI":
    '{"tool_calls": [{"type": "function", "function": {"name": "shell", "arguments": "{}"}}]}',
  "a call of an unknown tool": call("launch_missiles", '{"now": true}'),
  "a call of a tool without a name": call("", "{}"),
  "a call of a tool with a long name": call("x".repeat(20_000), "{}"),
  "five hundred calls in one turn": call("launch_missiles", '{"now": true}').repeat(500),
  "calls of all sorts in one turn": [
    call("", "{}"),
    call("shell", '"ls"'),
    call("__proto__", "null"),
    "[1, 2]",
    call("answer", '{"value": 7}'),
  ].join("\n"),
  "a call with a huge text": call("answer", `{"value": "${"x".repeat(30_000)}"}`),
  "a call with many arguments": call(
    "shell",
    JSON.stringify(Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`a${at}`, at]))),
  ),
  "a call with arguments 150 deep": call("shell", `{"command": ${nested(75)}}`),
  "a call with arguments 2,000 deep": call("shell", `{"command": ${nested(1_000)}}`),
  "a call with arguments 20,000 deep": call("shell", `{"command": ${nested(10_000)}}`),
  "brackets without end": '{"name": "shell", "arguments": '.repeat(1_000),
  "arguments of wrong types": call("shell", '{"command": 7, "timeout_ms": "soon", "cwd": null}'),
  "arguments that are a text": call("shell", '"ls"'),
  "arguments that are null": call("shell", "null"),
  "a number beyond all bounds": call("shell", '{"command": "ls", "timeout_ms": 1e999}'),
  "the prototype": call("__proto__", '{"__proto__": {"polluted": true}, "constructor": 1}'),
  "the names of all objects": call("toString", '{"hasOwnProperty": "x"}'),
};

/** Actions that no text gives, as a policy of someone else may return them. */
export const ACTIONS: Readonly<Record<string, Action>> = {
  "a tool of white space": { tool: "  ", params: {} },
  "a tool of control characters": { tool: "\u0000\u001b[2J", params: {} },
  "a tool of lone surrogates": { tool: "\ud800", params: { "\udfff": "\ud83d" } },
  "a tool with a name of a megabyte": { tool: "x".repeat(2 ** 20), params: {} },
  "arguments of a megabyte": { tool: "shell", params: { command: `: ${"x".repeat(2 ** 20)}` } },
  "ten thousand arguments": {
    tool: "shell",
    params: Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`a${at}`, at])),
  },
  "raw text of a megabyte": { tool: "", params: {}, raw: "x".repeat(2 ** 20) },
  "raw text beside arguments": { tool: "answer", params: { value: "x" }, raw: "{half" },
  "a path out of the workspace": { tool: "file_write", params: { path: "../../etc/passwd", content: "x" } },
  "a path with a null character": { tool: "file_read", params: { path: "a\u0000b" } },
  "a pattern that backtracks for ever": {
    tool: "search",
    params: { pattern: "(a+)+$", path: "." },
  },
  "git with odd arguments": { tool: "git", params: { args: ["__proto__", "--", "\u0000"] } },
};

/** Nested so deep that nothing can write it down. */
export function deepParams(depth: number): Action["params"] {
  let value: Action["params"] = { a: 1 };
  for (let at = 0; at < depth; at++) value = { a: value };
  return value;
}
