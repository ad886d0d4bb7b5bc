import assert from "node:assert/strict";
import fc from "fast-check";
import type { Json } from "../../core/schema.ts";
import type { Step } from "../../core/trajectory.ts";
import { sampleStep, sampleTrajectory } from "./_sample.ts";
import { callId, fromOpenAi, messagesOf, toOpenAi } from "./mod.ts";

Deno.test("messagesOf() writes prompt, calls and results in order", () => {
  const steps = [sampleStep(0, { action: { tool: "read_file", params: { path: "a" }, callId: "toolu_1" } })];
  assert.deepEqual(messagesOf(sampleTrajectory({ steps })), {
    messages: [
      { role: "system", content: "You fix code." },
      { role: "user", content: "Fix the sort" },
      {
        role: "assistant",
        content: "Look at file 0.",
        tool_calls: [
          { id: "toolu_1", type: "function", function: { name: "read_file", arguments: { path: "a" } } },
        ],
      },
      { role: "tool", content: "line 0", name: "read_file", tool_call_id: "toolu_1" },
    ],
    tools: [
      {
        type: "function",
        function: {
          name: "read_file",
          description: "Reads.",
          parameters: { type: "object", properties: {} },
        },
      },
    ],
    steps: [[], [], [0], [0]],
  });
});

Deno.test("messagesOf() makes one assistant message of parallel calls", () => {
  const steps = [
    sampleStep(0, { turn: 3 }),
    sampleStep(1, { turn: 3, thought: "" }),
    sampleStep(2, { turn: 4 }),
  ];
  const conversation = messagesOf(sampleTrajectory({ steps, system: null }));
  assert.deepEqual(conversation.messages.map(({ role }) => role), [
    "user",
    "assistant",
    "tool",
    "tool",
    "assistant",
    "tool",
  ]);
  assert.deepEqual(conversation.steps, [[], [0, 1], [0], [1], [2], [2]]);
  assert.equal(conversation.messages[1]?.tool_calls?.length, 2);
  assert.equal(conversation.messages[1]?.content, "Look at file 0.");
});

Deno.test("messagesOf() keeps what could not be parsed", () => {
  const steps = [
    sampleStep(0, { action: { tool: "edit", params: {}, raw: '{"path": ' } }),
    sampleStep(1, { thought: "Hm.", action: { tool: "", params: {}, raw: "<call>" } }),
    sampleStep(2, {
      thought: "Done.",
      action: { tool: "", params: {} },
      result: { ...sampleStep(2).result, output: "" },
    }),
  ];
  const { messages } = messagesOf(sampleTrajectory({ steps, system: null }));
  assert.equal(messages[1]?.tool_calls?.[0]?.function.arguments, '{"path": ');
  assert.deepEqual(messages.slice(3), [
    { role: "assistant", content: "Hm.\n<call>" },
    { role: "user", content: "line 1" },
    { role: "assistant", content: "Done." },
  ]);
});

Deno.test("messagesOf() shows the task and what reset showed, once", () => {
  const first = (description: string, observation: string) =>
    messagesOf(sampleTrajectory({
      system: null,
      task: { id: "t", description },
      reset: { observation, timestamp: null },
    })).messages[0]?.content;
  assert.equal(first("Fix it", ""), "Fix it");
  assert.equal(first("", "a prompt"), "a prompt");
  assert.equal(first("Fix it", "Task: Fix it\nFiles: a"), "Task: Fix it\nFiles: a");
  assert.equal(first("Fix it", "Files: a"), "Fix it\n\nFiles: a");
});

Deno.test("messagesOf() gives missing and repeated call ids nine letters or digits", () => {
  const call = (callId: string | null) => ({ tool: "read_file", params: {}, callId });
  const steps = [
    sampleStep(0, { action: call("x") }),
    sampleStep(1, { action: call("x") }),
    sampleStep(2, { action: call(null) }),
  ];
  const ids = (callIds: "log" | "position") =>
    messagesOf(sampleTrajectory({ steps }), { callIds }).messages.flatMap((m) => m.tool_call_id ?? []);
  assert.deepEqual(ids("log"), ["x", "call00001", "call00002"]);
  assert.deepEqual(ids("position"), ["call00000", "call00001", "call00002"]);
  assert.match(callId(12_345), /^[a-z0-9]{9}$/);
});

const params = fc.dictionary(
  fc.string(),
  fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Json),
);
const action = fc.oneof(
  fc.record({ tool: fc.string({ minLength: 1 }), params, callId: fc.option(fc.string()) }),
  fc.record({
    tool: fc.constantFrom("", "edit"),
    params: fc.constant({}),
    raw: fc.string({ minLength: 1 }).map((text) => `{${text}`),
  }),
);
const drafts = fc.array(
  fc.record({ thought: fc.string(), action, turn: fc.option(fc.nat(2)), output: fc.string() }),
  { maxLength: 6 },
);

Deno.test("toOpenAi() is undone by fromOpenAi()", () => {
  fc.assert(fc.property(drafts, (given) => {
    const steps = given.map(({ output, ...rest }, index): Step =>
      sampleStep(index, { ...rest, result: { ...sampleStep(0).result, output } })
    );
    const { messages, steps: sources } = messagesOf(sampleTrajectory({ steps }));
    assert.equal(sources.length, messages.length);
    const readable = messages.filter(({ tool_calls }) =>
      tool_calls?.some((call) =>
        typeof call.function.arguments === "string" && isObject(call.function.arguments)
      )
    );
    fc.pre(readable.length === 0); // a text that does parse comes back as the object it is
    const wire = JSON.parse(JSON.stringify(toOpenAi(messages)));
    assert.equal(JSON.stringify(fromOpenAi(wire)), JSON.stringify(messages));
  }));
});

Deno.test("toOpenAi() writes arguments as text, and no content as null", () => {
  const steps = [sampleStep(0, { thought: "" })];
  const wire = toOpenAi(messagesOf(sampleTrajectory({ steps, system: null })).messages);
  assert.deepEqual(wire.slice(1), [
    {
      role: "assistant",
      content: null,
      tool_calls: [
        {
          id: "call00000",
          type: "function",
          function: { name: "read_file", arguments: '{"path":"src/f0.ts"}' },
        },
      ],
    },
    { role: "tool", content: "line 0", tool_call_id: "call00000" },
  ]);
});

Deno.test("fromOpenAi() reads developer messages and arguments that are no object", () => {
  assert.deepEqual(
    fromOpenAi([
      { role: "developer", content: "Rules" },
      {
        role: "assistant",
        content: null,
        reasoning_content: "Why",
        tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: "[1]" } }],
      },
    ]),
    [
      { role: "system", content: "Rules" },
      {
        role: "assistant",
        content: "",
        reasoning_content: "Why",
        tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: "[1]" } }],
      },
    ],
  );
});

function isObject(text: string): boolean {
  try {
    return text.startsWith("{") && typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}
