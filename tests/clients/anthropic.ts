/** The policy over the `@anthropic-ai/sdk` package against a server that plays the protocol; run by clients_test.ts. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { createKernel } from "../../core/kernel.ts";
import { rollout } from "../../core/rollout.ts";
import { ToyEnv } from "../../core/testing/_toy_env.ts";
import type { Policy } from "../../core/policy.ts";
import policies from "../../plugins/policies/mod.ts";
import { events, failureOf, rolled, scripted, unansweredUses, viewOf } from "./_testing.ts";
import { type AnthropicOptions, anthropicPolicy } from "../../plugins/policies/chat_client/anthropic.ts";

const gym = createKernel({ plugins: [policies] });
const KEY = "sk-ant-secret-1234567890";

function make(url: string, options: Partial<AnthropicOptions> = {}): Promise<Policy> {
  return gym.make(anthropicPolicy, { model: "m", baseUrl: url, apiKey: () => KEY, ...options });
}

const event = (type: string, fields: object) => [type, { type, ...fields }] as const;
const start = event("message_start", {
  message: {
    id: "1",
    role: "assistant",
    content: [],
    stop_reason: null,
    usage: { input_tokens: 7, cache_read_input_tokens: 4, output_tokens: 1 },
  },
});
const open = (index: number, content_block: object) => event("content_block_start", { index, content_block });
const delta = (index: number, given: object) => event("content_block_delta", { index, delta: given });
const close = (index: number) => event("content_block_stop", { index });
const end = (stop_reason: string) => [
  event("message_delta", { delta: { stop_reason }, usage: { output_tokens: 9 } }),
  event("message_stop", {}),
];
const text = (...parts: string[]) => [
  open(0, { type: "text", text: "" }),
  ...parts.map((part) => delta(0, { type: "text_delta", text: part })),
  close(0),
];
const hello = () => events([start, event("ping", {}), ...text("Hel", "lo"), ...end("end_turn")]);
const status = (code: number, type: string, headers: Record<string, string> = {}) => () =>
  Response.json({ type: "error", error: { type, message: "no" } }, { status: code, headers });

Deno.test("anthropic streams text, counts cached tokens, and sends turns, tools and its key", async () => {
  await using server = scripted(hello);
  const policy = await make(server.url, { system: "Be brief", temperature: 0.5, topK: 3, stop: ["X"] });
  const { action, tokens } = await policy.act(viewOf([rolled(0, "4"), {
    ...rolled(1, ""),
    thought: "",
    action: { tool: "roll", params: {}, raw: '{"sides' },
  }]));
  assert.deepEqual(action, { tool: "", params: {}, raw: "Hello" });
  assert.deepEqual([tokens?.promptTokens, tokens?.completionTokens], [11, 9]);
  const [{ path, headers, body }] = server.seen as [typeof server.seen[0]];
  assert.equal(path, "/v1/messages");
  assert.equal(headers.get("authorization"), `Bearer ${KEY}`);
  assert.deepEqual(body, {
    model: "m",
    max_tokens: 2048,
    system: "Be brief",
    messages: [
      { role: "user", content: [{ type: "text", text: "Roll a die\n\nReady" }] },
      {
        role: "assistant",
        content: [
          { type: "text", text: "hm" },
          { type: "tool_use", id: "call00000", name: "roll", input: { sides: 6 } },
        ],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "call00000", content: "4" }] },
      {
        role: "assistant",
        content: [{ type: "tool_use", id: "call00001", name: "roll", input: { unreadable: '{"sides' } }],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "call00001", content: "" }] },
    ],
    tools: [{
      name: "roll",
      description: "Rolls a die",
      input_schema: { type: "object", properties: { sides: { type: "integer" } } },
    }],
    temperature: 0.5,
    top_k: 3,
    stop_sequences: ["X"],
    stream: true,
  });
});

Deno.test("anthropic puts thinking and a call together wherever they are cut", async () => {
  const json = '{"sides": 6, "note": "é\\"{}"}';
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: json.length }), { maxLength: 6 }),
      fc.integer({ min: 1, max: 40 }),
      async (cuts, size) => {
        const at = [0, ...cuts.sort((a, b) => a - b), json.length];
        const parts = at.slice(1).map((to, n) =>
          delta(2, { type: "input_json_delta", partial_json: json.slice(at[n], to) })
        );
        await using server = scripted(() =>
          events([
            start,
            open(0, { type: "thinking", thinking: "", signature: "" }),
            delta(0, { type: "thinking_delta", thinking: "Six is " }),
            delta(0, { type: "thinking_delta", thinking: "fair" }),
            delta(0, { type: "signature_delta", signature: "abc" }),
            close(0),
            open(1, { type: "text", text: "" }),
            delta(1, { type: "text_delta", text: "I roll" }),
            close(1),
            open(2, { type: "tool_use", id: "toolu_1", name: "roll", input: {} }),
            ...parts,
            close(2),
            ...end("tool_use"),
          ], size)
        );
        const decision = await (await make(server.url)).act(viewOf());
        assert.deepEqual(decision.action, {
          tool: "roll",
          params: { sides: 6, note: 'é"{}' },
          callId: "toolu_1",
        });
        assert.equal(decision.thought, "Six is fair\nI roll");
      },
    ),
    { numRuns: 25 },
  );
});

Deno.test("anthropic keeps half a call's arguments as text, and says that a turn was cut or refused", async () => {
  const half = [
    open(0, { type: "tool_use", id: "a", name: "roll", input: {} }),
    delta(0, { type: "input_json_delta", partial_json: '{"si' }),
  ];
  await using server = scripted(
    () => events([start, ...half, ...end("max_tokens")]),
    () => events([start, ...text("I will not"), ...end("refusal")]),
    () =>
      events([
        start,
        open(0, { type: "tool_use", id: "b", name: "roll", input: {} }),
        close(0),
        ...end("tool_use"),
      ]),
  );
  const policy = await make(server.url);
  const cut = await policy.act(viewOf());
  assert.deepEqual([cut.action, cut.extra], [{ tool: "roll", params: {}, raw: '{"si', callId: "a" }, {
    cut: true,
  }]);
  const refused = await policy.act(viewOf());
  assert.deepEqual([refused.action, refused.extra], [{ tool: "", params: {}, raw: "I will not" }, {
    refused: true,
  }]);
  assert.deepEqual((await policy.act(viewOf())).action, { tool: "roll", params: {}, callId: "b" });
});

Deno.test("anthropic reads whole answers as it reads streams", async () => {
  await using server = scripted(() =>
    Response.json({
      content: [{ type: "text", text: "I roll" }, {
        type: "tool_use",
        id: "a",
        name: "roll",
        input: { sides: 6 },
      }],
      stop_reason: "tool_use",
      usage: { input_tokens: 3, output_tokens: 2 },
    })
  );
  const { action, thought, tokens } = await (await make(server.url, { stream: false })).act(viewOf());
  assert.deepEqual(action, { tool: "roll", params: { sides: 6 }, callId: "a" });
  assert.equal(thought, "I roll");
  assert.deepEqual([tokens?.promptTokens, tokens?.completionTokens], [3, 2]);
});

for (
  const [fault, answer] of [
    ["429 with a wait", status(429, "rate_limit_error", { "retry-after-ms": "1" })],
    ["529", status(529, "overloaded_error", { "retry-after": "0" })],
    [
      "an error inside the stream",
      () => events([start, event("error", { error: { type: "overloaded_error", message: "Overloaded" } })]),
    ],
    ["a stream cut before its end", () => events([start, ...text("Hal")])],
    ["a stream that is not JSON", () => events([start, ["content_block_delta", '{"type": ']])],
    ["an answer in another form", () => events([start, event("content_block_delta", { index: "none" })])],
  ] as const
) {
  Deno.test(`anthropic asks again after ${fault}`, async () => {
    await using server = scripted(answer, hello);
    const { action, extra } = await (await make(server.url)).act(viewOf());
    assert.deepEqual(action, { tool: "", params: {}, raw: "Hello" });
    assert.deepEqual(extra, { attempts: 2 });
  });
}

Deno.test("anthropic fails at once when asking again cannot help, without the key", async () => {
  await using server = scripted(() =>
    Response.json({ type: "error", error: { type: "invalid_request_error", message: `bad ${KEY}` } }, {
      status: 400,
    })
  );
  const error = await failureOf(await make(server.url));
  assert.equal(error.code, "SERVICE_FAILED");
  assert.ok(!Deno.inspect(error).includes(KEY));
  assert.match(error.message, /^Cannot ask anthropic for "m": 400 .*bad \[key\]/);
  assert.equal(server.seen.length, 1);
});

Deno.test("anthropic carries out all calls of a turn, and answers each of them in the next request", async () => {
  const turns = [
    [["a", "roll", '{"sides": 6}'], ["b", "roll", '{"sides": 8}']],
    [["a", "none", ""], ["c", "roll", '{"si'], ["d", "stop", ""], ["e", "roll", ""]],
  ] as const;
  await using server = scripted(...turns.map((calls) => () => {
    const wrong = unansweredUses(server.seen.at(-1)!.body.messages);
    if (wrong.length > 0) return status(400, `unanswered: ${wrong}`)();
    const uses = calls.flatMap(([id, name, json], at) => [
      open(at + 1, { type: "tool_use", id, name, input: {} }),
      delta(at + 1, { type: "input_json_delta", partial_json: json }),
      close(at + 1),
    ]);
    return events([start, ...text("Now"), ...uses, ...end("tool_use")]);
  }));
  const task = { id: "t", description: "Roll" };
  const { steps, outcome, usage } = await rollout(new ToyEnv(), await make(server.url), { task });
  assert.deepEqual([outcome.error, outcome.terminated], [null, true]);
  assert.deepEqual(steps.map(({ action }) => [action.tool, action.callId]), [
    ["roll", "a"],
    ["roll", "b"],
    ["none", "a"],
    ["roll", "c"],
    ["stop", "d"],
  ]);
  assert.deepEqual(steps.map(({ turn }) => turn), [0, 0, 1, 1, 1]);
  assert.deepEqual(steps.at(-1)!.extra, { unplayed: 1 });
  assert.deepEqual([usage.promptTokens, usage.completionTokens], [22, 18]);
  const { messages } = server.seen[1]!.body;
  assert.deepEqual(
    messages.map(({ role, content }: { role: string; content: { type: string }[] }) => [
      role,
      content.map(({ type }) => type),
    ]),
    [
      ["user", ["text"]],
      ["assistant", ["text", "tool_use", "tool_use"]],
      ["user", ["tool_result", "tool_result"]],
    ],
  );
});
