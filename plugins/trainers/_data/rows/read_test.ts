import assert from "node:assert/strict";
import type { ChatMessage } from "../../../chat/mod.ts";
import { readRow, readRows } from "./read.ts";
import type { ConversationRow, PlainRow } from "./row.ts";

const at = { file: "data.jsonl", line: 3, row: 2 };

function chat(value: unknown): ConversationRow {
  const row = readRow(value, at);
  assert.ok(row.kind === "conversation");
  return row;
}

function plain(value: unknown): PlainRow {
  const row = readRow(value, at);
  assert.ok(row.kind === "plain");
  return row;
}

const asked: ChatMessage = { role: "user", content: "Fix it" };
const call = (id: string, name: string, given: Record<string, number>) => ({
  id,
  type: "function" as const,
  function: { name, arguments: given },
});

Deno.test("readRow() reads our own rows: messages, tools, weights, head", () => {
  const row = chat({
    messages: [
      { ...asked, train: false, weight: 0 },
      {
        role: "assistant",
        content: "",
        tool_calls: [{ id: "c1", type: "function", function: { name: "ls", arguments: '{"a":1}' } }],
        train: true,
        weight: 1.5,
      },
      { role: "tool", content: "a.ts", name: "ls", tool_call_id: "c1", train: false, weight: 0 },
      { role: "assistant", content: "done", train: true, weight: 0.5 },
    ],
    tools:
      '[{"type":"function","function":{"name":"ls","description":"Lists","parameters":{"type":"object"}}}]',
    task_id: "t1",
    reward: 0.75,
  });
  assert.deepEqual(row, {
    kind: "conversation",
    row: 2,
    origin: "data.jsonl:3",
    group: "t1",
    reward: 0.75,
    messages: [
      asked,
      { role: "assistant", content: "", tool_calls: [call("c1", "ls", { a: 1 })] },
      { role: "tool", content: "a.ts", name: "ls", tool_call_id: "c1" },
      { role: "assistant", content: "done" },
    ],
    tools: [{
      type: "function",
      function: { name: "ls", description: "Lists", parameters: { type: "object" } },
    }],
    weights: [0, 1.5, 0, 0.5],
    weighted: true,
    stepOf: [-1, 0, 0, 1],
    stepRewards: [null, null],
  });
});

Deno.test("readRow() takes the padding of columnar files out", () => {
  const row = chat({
    messages: [
      { ...asked, tool_calls: null, name: null, train: null },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ function: { name: "ls", arguments: { a: 1, b: null, c: null } } }],
      },
      { role: "tool", content: "x", tool_calls: null },
    ],
    tools: [{
      function: {
        name: "ls",
        parameters: { properties: { a: { type: "number", enum: null }, b: {} }, required: null },
      },
    }],
    text: null,
  });
  assert.deepEqual(row.messages.slice(1), [
    {
      role: "assistant",
      content: "",
      tool_calls: [call("call00000", "ls", { a: 1, b: null as unknown as number })],
    },
    { role: "tool", content: "x", name: "ls", tool_call_id: "call00000" },
  ]);
  assert.deepEqual(row.tools?.[0]?.function.parameters, { properties: { a: { type: "number" }, b: {} } });
});

Deno.test("readRow() reads axolotl's flags, developers, and content in parts", () => {
  const row = chat({
    messages: [
      { role: "developer", content: "Be brief" },
      {
        role: "user",
        content: [{ type: "text", text: "Fix " }, { type: "text", text: "it" }],
        training: true,
      },
      { role: "assistant", content: "no", training: false },
    ],
  });
  assert.deepEqual(row.messages.slice(0, 2), [{ role: "system", content: "Be brief" }, asked]);
  assert.deepEqual(row.weights, [0, 1, 0]);
  assert.equal(row.weighted, false);
});

Deno.test("readRow() reads ShareGPT with calls and observations", () => {
  const row = chat({
    conversations: [
      { from: "human", value: "Fix it" },
      { from: "function_call", value: '{"name": "ls", "arguments": {"a": 1}}' },
      { from: "observation", value: "a.ts" },
      { from: "gpt", value: "done", weight: 0 },
    ],
    system: "Be brief",
    tools: "",
  });
  assert.deepEqual(row.messages, [
    { role: "system", content: "Be brief" },
    asked,
    { role: "assistant", content: "", tool_calls: [call("call00000", "ls", { a: 1 })] },
    { role: "tool", content: "a.ts", name: "ls", tool_call_id: "call00000" },
    { role: "assistant", content: "done" },
  ]);
  assert.deepEqual(row.weights, [0, 0, 1, 0, 0]);
});

Deno.test("readRow() matches unnamed answers to parallel calls in order", () => {
  const row = chat({
    messages: [
      asked,
      { role: "assistant", tool_calls: [{ function: { name: "a" } }, { function: { name: "b" } }] },
      { role: "tool", content: "1" },
      { role: "tool", content: "2" },
    ],
    step_rewards: [0.2, 0.4],
  });
  assert.deepEqual(row.messages.slice(2).map(({ name }) => name), ["a", "b"]);
  assert.deepEqual(row.stepRewards, [0.30000000000000004]);
});

Deno.test("readRow() trains a completion, not the prompt before it", () => {
  const earlier = { role: "assistant", content: "What?" };
  const row = chat({ prompt: [asked, earlier], completion: [{ role: "assistant", content: "done" }] });
  assert.deepEqual(row.weights, [0, 0, 1]);
  assert.deepEqual(row.stepOf, [-1, 0, 1]);
  assert.deepEqual(plain({ prompt: "2+2=", completion: "4" }).segments, [
    { text: "2+2=", train: false },
    { text: "4", train: true },
  ]);
  const asChat = readRow({ prompt: "Fix it", completion: "done" }, at, { strings: "chat" });
  assert.deepEqual(asChat.kind === "conversation" && asChat.messages, [asked, {
    role: "assistant",
    content: "done",
  }]);
});

Deno.test("readRow() reads plain text and labelled segments", () => {
  assert.deepEqual(plain({ text: "Once" }).segments, [{ text: "Once", train: true }]);
  assert.deepEqual(plain({ segments: [{ label: false, text: "Q" }, { label: true, text: "A" }] }).segments, [
    { text: "Q", train: false },
    { text: "A", train: true },
  ]);
});

Deno.test("readRow() reads Alpaca with input, system and history", () => {
  const row = chat({
    instruction: "Fix",
    input: "it",
    output: "done",
    system: "Be brief",
    history: [["Hi", "Hello"]],
  });
  assert.deepEqual(row.messages.map(({ role, content }) => `${role}: ${content}`), [
    "system: Be brief",
    "user: Hi",
    "assistant: Hello",
    "user: Fix\n\nit",
    "assistant: done",
  ]);
});

Deno.test("readRow() reads steps as calls when every action is one", () => {
  const row = chat({
    instruction: "Fix it",
    input: "",
    response: "unused",
    steps: [
      { thought: "look", action: 'ls({"a": 1})', observation: "a.ts", reward: 0.5 },
      { thought: "", action: "", observation: "hint", reward: 0.9 },
      { thought: "", action: { tool: "done", params: {} }, result: { output: "" }, reward: null },
    ],
  });
  assert.deepEqual(row.messages.slice(1), [
    { role: "assistant", content: "look", tool_calls: [call("call00000", "ls", { a: 1 })] },
    { role: "tool", content: "a.ts", name: "ls", tool_call_id: "call00000" },
    { role: "user", content: "hint" },
    { role: "assistant", content: "", tool_calls: [call("call00002", "done", {})] },
  ]);
  assert.deepEqual(row.stepRewards, [0.5, null]); // the silent step takes its reward with it
});

Deno.test("readRow() reads steps as text when an action is no call", () => {
  const row = chat({
    instruction: "Fix it",
    steps: [{ thought: "look", action: "search for it", observation: "a.ts" }, {
      action: "submit",
      observation: "",
    }],
  });
  assert.deepEqual(row.messages.slice(1), [
    { role: "assistant", content: "Thought: look\nAction: search for it" },
    { role: "user", content: "Observation: a.ts" },
    { role: "assistant", content: "Action: submit" },
  ]);
});

Deno.test("readRow() takes a response apart that tells steps, and is not fooled by what an observation quotes", () => {
  const row = chat({
    instruction: "Fix it",
    response: 'Step 1:\nThought: look\nand see\nAction: cat({"a":1})\nObservation: Step 9:\nAction: rm\n\n' +
      "Step 2:\nAction: done",
  });
  assert.deepEqual(row.messages.slice(1), [
    { role: "assistant", content: "look\nand see", tool_calls: [call("call00000", "cat", { a: 1 })] },
    { role: "tool", content: "Step 9:\nAction: rm", name: "cat", tool_call_id: "call00000" },
    { role: "assistant", content: "", tool_calls: [call("call00001", "done", {})] },
  ]);
  const told = chat({ instruction: "How?", response: "Easy.\nStep 1: open the door" });
  assert.equal(told.messages.length, 2);
});

Deno.test("readRow() refuses what it cannot read, naming file, line and field", () => {
  const refusals: [unknown, string, string | undefined][] = [
    [5, "data.jsonl:3: wanted an object: received 5", undefined],
    [
      { foo: 1, bar: null },
      "data.jsonl:3: wanted columns messages; or conversations; or prompt and completion; or segments; " +
      'or instruction with steps, response or output; or text: received ["foo","bar"]',
      undefined,
    ],
    [{ messages: "hi" }, 'data.jsonl:3: messages: wanted a list: received "hi"', "messages"],
    [{ messages: [] }, "data.jsonl:3: messages: wanted at least one element: received []", "messages"],
    [
      { messages: [{ role: "robot", content: "x" }] },
      "data.jsonl:3: messages.0.role: wanted one of system, developer, user, human, assistant, gpt, tool, " +
      'observation, function_response, function_call: received "robot"',
      "messages.0.role",
    ],
    [
      { messages: [{ role: "user", content: 5 }] },
      "data.jsonl:3: messages.0.content: wanted text: received 5",
      "messages.0.content",
    ],
    [
      { messages: [{ role: "user", content: [{ type: "image" }] }] },
      'data.jsonl:3: messages.0.content.0.type: wanted "text": received "image"',
      "messages.0.content.0.type",
    ],
    [
      { messages: [{ role: "assistant", content: "x", weight: -1 }] },
      "data.jsonl:3: messages.0.weight: wanted a weight of at least 0: received -1",
      "messages.0.weight",
    ],
    [
      { messages: [{ role: "assistant", content: "x", weight: NaN }] },
      "data.jsonl:3: messages.0.weight: wanted a finite number: received NaN",
      "messages.0.weight",
    ],
    [
      { text: "x", reward: Infinity },
      "data.jsonl:3: reward: wanted a finite number: received Infinity",
      "reward",
    ],
    [
      { messages: [{ role: "assistant", content: "x" }], step_rewards: [1, 2] },
      "data.jsonl:3: step_rewards: wanted 1 rewards, one a step: received [1,2]",
      "step_rewards",
    ],
    [
      { instruction: "x", steps: [{ thought: "y", reward: NaN }] },
      "data.jsonl:3: steps.0.reward: wanted a finite number: received NaN",
      "steps.0.reward",
    ],
    [
      { messages: [asked], tools: "{" },
      'data.jsonl:3: tools: wanted tools as a list or JSON text of one: received "{"',
      "tools",
    ],
    [
      { conversations: [{ from: "function_call", value: "ls" }] },
      'data.jsonl:3: conversations.0.value: wanted JSON text of a call: name and arguments: received "ls"',
      "conversations.0.value",
    ],
    [
      { instruction: "x", output: "y", history: [["a"]] },
      'data.jsonl:3: history.0: wanted a question and an answer: received ["a"]',
      "history.0",
    ],
  ];
  for (const [value, message, field] of refusals) {
    assert.throws(() => readRow(value, at), {
      name: "GymError",
      code: "INVALID_DATA",
      message: `Cannot read ${message}`,
      data: { file: "data.jsonl", line: 3, ...(field !== undefined && { field }) },
    });
  }
});

Deno.test("readRows() counts rows and lines", async () => {
  async function* values(): AsyncIterable<unknown> {
    yield { text: "a" };
    yield { text: "b" };
  }
  const rows = await Array.fromAsync(readRows(values(), "d.jsonl"));
  assert.deepEqual(rows.map(({ row, origin, group }) => [row, origin, group]), [
    [0, "d.jsonl:1", "d.jsonl:1"],
    [1, "d.jsonl:2", "d.jsonl:2"],
  ]);
});
