import assert from "node:assert/strict";
import { seeded } from "../../../core/prng.ts";
import { type ChatCodec, loadChatCodec, TOOL_CALL_FORMS } from "../../chat/mod.ts";
import type { ChatModel } from "../../models/generation/acting_model.ts";
import type { GenerateRequest, Generation, Generator } from "../../models/generation/generator.ts";
import { openChatModel } from "../../models/generation/open_chat_model.ts";
import { initModel } from "../../models/init.ts";
import { createHandler, type Handler, type HandlerOptions } from "./handler.ts";

const folder = await Deno.makeTempDir();
await initModel(folder, { seed: 11n, contextLength: 2048 });
const codec: ChatCodec = await loadChatCodec(folder);
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** A model that writes what it is told. With `held` it waits before each token. */
function writing(text: string, { maxLength = 2048, held = Promise.resolve() } = {}) {
  const asked: GenerateRequest[] = [];
  const generate = async (request: GenerateRequest): Promise<Generation> => {
    asked.push(request);
    const ids: number[] = [];
    let reason: Generation["reason"] = "length";
    for (const id of [...codec.tokenizer.encode(text), codec.stopIds[0]!]) {
      await held;
      if (request.signal?.aborted === true) reason = "aborted";
      if (reason === "aborted" || ids.length === request.maxNewTokens) break;
      ids.push(id);
      if (request.stopIds?.includes(id) === true) reason = "stop";
      else if (request.onToken?.(id) === true) reason = "caller";
      if (reason !== "length") break;
    }
    const values = Float32Array.from(ids, () => -0.5);
    return { ids: Int32Array.from(ids), logProbabilities: values, drawnLogProbabilities: values, reason };
  };
  // Sound: the endpoint uses these two of a generator.
  const generator = { maxLength, generate } as unknown as Generator;
  return { asked, model: { codec, generator } satisfies ChatModel };
}

function handlerOf(model: ChatModel, options: Partial<HandlerOptions> = {}): Handler {
  const never = new AbortController().signal;
  return createHandler({
    model,
    name: "nano",
    token: null,
    hosts: null,
    maxBody: 10_000,
    bodyMs: 30_000,
    maxConcurrent: 2,
    now: () => 1_700_000_000_000,
    prng: seeded(0),
    stopping: never,
    ended: never,
    ...options,
  });
}

function asking(body: object | string, headers: Record<string, string> = {}, signal?: AbortSignal): Request {
  return new Request("http://127.0.0.1:8000/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

const hi = { model: "nano", messages: [{ role: "user", content: "Hi" }] };
const roll = {
  type: "function",
  function: { name: "roll", parameters: { type: "object", properties: { sides: { type: "integer" } } } },
};
const called = `I roll\n${TOOL_CALL_FORMS.hermes.calls([{ name: "roll", arguments: { sides: 6 } }])}`;

// deno-lint-ignore no-explicit-any -- tests look at whatever came
type Any = any;

async function ask(handler: Handler, body: object | string, headers?: Record<string, string>) {
  const response = await handler(asking(body, headers));
  return { status: response.status, headers: response.headers, body: await response.json() as Any };
}

/** Events of a stream, without [DONE]. */
async function stream(handler: Handler, body: object): Promise<Any[]> {
  const response = await handler(asking({ ...body, stream: true }));
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  const lines = (await response.text()).split("\n\n").filter((line) => line !== "");
  assert.equal(lines.pop(), "data: [DONE]");
  return lines.map((line) => JSON.parse(line.slice("data: ".length)));
}

Deno.test("an answer has OpenAI's form, with counts and the chosen tokens' log-probabilities", async () => {
  const { model } = writing("Hé");
  const { status, body } = await ask(handlerOf(model), { ...hi, logprobs: true });
  assert.equal(status, 200);
  const { id, ...rest } = body;
  assert.match(id, /^chatcmpl-\w+$/);
  const prompt = codec.encode([{ role: "user", content: "Hi" }], { generationPrompt: true }).ids.length;
  assert.deepEqual(rest, {
    created: 1_700_000_000,
    model: "nano",
    object: "chat.completion",
    choices: [{
      index: 0,
      message: { role: "assistant", content: "Hé" },
      logprobs: {
        content: ["H", "\ufffd", "\ufffd"].map((token) => ({
          token,
          logprob: -0.5,
          bytes: null,
          top_logprobs: [],
        })),
      },
      finish_reason: "stop",
    }],
    usage: { prompt_tokens: prompt, completion_tokens: 4, total_tokens: prompt + 4 },
  });
});

Deno.test("fields of a request reach the model", async () => {
  const { model, asked } = writing("Hi");
  await ask(handlerOf(model), {
    ...hi,
    temperature: 0.5,
    top_p: 0.9,
    top_k: 3,
    min_p: 0.1,
    repetition_penalty: 1.2,
    max_tokens: 9,
    max_completion_tokens: 7,
    seed: 5,
    stop: null,
    n: 1,
    user: "someone",
  });
  const [{ maxNewTokens, sampling, seed }] = asked as [GenerateRequest];
  assert.deepEqual({ maxNewTokens, sampling, seed }, {
    maxNewTokens: 7,
    sampling: { temperature: 0.5, topP: 0.9, topK: 3, minP: 0.1, repetitionPenalty: 1.2 },
    seed: 5,
  });
});

Deno.test("requests without a seed get one each", async () => {
  const { model, asked } = writing("Hi");
  const handler = handlerOf(model);
  await ask(handler, hi);
  await ask(handler, hi);
  assert.notEqual(asked[0]!.seed, asked[1]!.seed);
});

Deno.test("a call is a call where tools are offered, with an id of its own, and text where they are not", async () => {
  const handler = handlerOf(writing(called).model);
  const { body } = await ask(handler, { ...hi, tools: [roll] });
  const [{ message, finish_reason }] = body.choices;
  assert.equal(finish_reason, "tool_calls");
  const call = (id: string) => ({
    id,
    type: "function",
    function: { name: "roll", arguments: '{"sides":6}' },
  });
  assert.deepEqual(message, { role: "assistant", content: "I roll", tool_calls: [call("call00000")] });
  const messages = [...hi.messages, message, { role: "tool", tool_call_id: "call00000", content: "4" }];
  const next = await ask(handler, { ...hi, messages, tools: [roll], tool_choice: "auto" });
  assert.deepEqual(next.body.choices[0].message.tool_calls, [call("call00001")]);
  for (const more of [{}, { tools: [] }, { tools: [roll], tool_choice: "none" }]) {
    const plain = (await ask(handler, { ...hi, ...more })).body.choices[0];
    assert.deepEqual([plain.message, plain.finish_reason], [{ role: "assistant", content: called }, "stop"]);
  }
});

Deno.test("a stream gives text as it comes, calls whole, the usage when asked, and adds up to the answer", async () => {
  const handler = handlerOf(writing(`<think>\nSix\n</think>\n\n${called}`).model);
  const request = { ...hi, tools: [roll], stream_options: { include_usage: true }, logprobs: true };
  const events = await stream(handler, request);
  const { choices: [{ message, logprobs, finish_reason }], usage } = (await ask(handler, request)).body;
  const last = events.pop();
  assert.deepEqual([last.choices, last.usage], [[], usage]);
  const deltas = events.map(({ choices }) => choices[0]);
  assert.deepEqual(deltas[0].delta, { role: "assistant", content: "" });
  assert.deepEqual(deltas.at(-1), { index: 0, delta: {}, logprobs, finish_reason });
  const text = (field: string) => deltas.map(({ delta }) => delta[field] ?? "").join("");
  assert.equal(text("content"), message.content);
  assert.equal(text("reasoning_content"), message.reasoning_content);
  assert.ok(deltas.filter(({ delta }) => delta.content).length >= 5, "piece by piece");
  const calls = deltas.flatMap(({ delta }) => delta.tool_calls ?? []);
  assert.deepEqual(calls, message.tool_calls.map((call: object, index: number) => ({ index, ...call })));
  for (const event of events) assert.equal(event.object, "chat.completion.chunk");
});

Deno.test("an answer ends before a stop text, in a stream as well", async () => {
  const handler = handlerOf(writing("one two three").model);
  const request = { ...hi, stop: ["two", "x"] };
  const { choices: [{ message, finish_reason }], usage } = (await ask(handler, request)).body;
  assert.deepEqual([message.content, finish_reason], ["one ", "stop"]);
  assert.equal(usage.completion_tokens, "one two".length);
  const events = await stream(handler, request);
  assert.equal(events.map(({ choices }) => choices[0].delta.content ?? "").join(""), "one ");
});

Deno.test("an answer that reaches its limit says so", async () => {
  const { body } = await ask(handlerOf(writing("one two three").model), { ...hi, max_completion_tokens: 3 });
  assert.deepEqual([body.choices[0].message.content, body.choices[0].finish_reason], ["one", "length"]);
});

Deno.test("requests that cannot be answered are refused in OpenAI's form, naming the field", async () => {
  const handler = handlerOf(writing("Hi", { maxLength: 100 }).model);
  const long = [{ role: "user", content: "x".repeat(200) }];
  const prompt =
    codec.encode([{ role: "user", content: "x".repeat(200) }], { generationPrompt: true }).ids.length;
  const cases: [object | string, number, string, string | null, string | null][] = [
    ["{", 400, "Cannot read request: wanted JSON", null, null],
    [{ ...hi, n: 2 }, 400, "Cannot use request: n: expected 1: received 2", "n", null],
    [
      { ...hi, messages: [] },
      400,
      "Cannot use request: messages: too small: expected array to have >=1 items: received []",
      "messages",
      null,
    ],
    [
      { ...hi, top_logprobs: 3 },
      400,
      "Cannot use request: top_logprobs: expected 0: received 3",
      "top_logprobs",
      null,
    ],
    [
      { ...hi, tool_choice: "always" },
      400,
      'Cannot use request: tool_choice: expected "none", "auto", "required" or a function: received "always"',
      "tool_choice",
      null,
    ],
    [
      { ...hi, tool_choice: "required" },
      400,
      "Cannot use request: tool_choice: expected tools to call",
      "tool_choice",
      null,
    ],
    [
      { ...hi, tools: [roll], tool_choice: { type: "function", function: { name: "fly" } } },
      400,
      'Cannot use request: tool_choice: expected a tool named "fly"',
      "tool_choice",
      null,
    ],
    [
      { ...hi, messages: [{ role: "user", content: [{ type: "image_url" }] }] },
      400,
      'Cannot use request: messages.0.content: expected text, or parts of type text: received [{"type":"image_url"}]',
      "messages.0.content",
      null,
    ],
    [
      { ...hi, messages: long },
      400,
      `Cannot use request: messages: expected fewer than 100 tokens: received ${prompt}`,
      "messages",
      "context_length_exceeded",
    ],
    [{ ...hi, model: "gpt" }, 404, 'Cannot find model "gpt": there is "nano"', "model", "model_not_found"],
  ];
  for (const [given, status, message, param, code] of cases) {
    const refused = await ask(handler, given);
    assert.deepEqual([refused.status, refused.body], [
      status,
      { error: { message, type: "invalid_request_error", param, code } },
    ]);
  }
});

Deno.test("the token opens every path but health", async () => {
  const handler = handlerOf(writing("Hi").model, { token: "secret" });
  const get = (path: string, headers = {}) => handler(new Request(`http://127.0.0.1${path}`, { headers }));
  assert.equal((await get("/health")).status, 200);
  for (const authorization of ["", "Bearer ", "Bearer secre", "Bearer secret2", "Basic secret"]) {
    const refused = await get("/v1/models", { authorization });
    assert.equal(refused.status, 401);
    assert.equal(refused.headers.get("www-authenticate"), "Bearer");
    const { error } = await refused.json();
    assert.equal(error.message, "Cannot let this request in: wanted the token as Authorization: Bearer");
    assert.equal((await ask(handler, hi, { authorization })).status, 401);
  }
  const models = await get("/v1/models", { authorization: "Bearer secret" });
  const data = [{ id: "nano", object: "model", created: 1_700_000_000, owned_by: "local" }];
  assert.deepEqual(await models.json(), { object: "list", data });
  assert.equal((await ask(handler, hi, { authorization: "bearer secret" })).status, 200);
});

Deno.test("adapters are models of their own: listed, asked for by name, and said in the answer", async () => {
  const { model, asked } = writing("Hi");
  const handler = handlerOf(model, { adapters: ["sft", "grpo"] });
  const listed = await (await handler(new Request("http://x/v1/models"))).json();
  assert.deepEqual(listed.data.map(({ id }: { id: string }) => id), ["nano", "sft", "grpo"]);
  for (const name of ["nano", "sft", "grpo"]) {
    assert.equal((await ask(handler, { ...hi, model: name })).body.model, name);
  }
  assert.equal((await stream(handler, { ...hi, model: "sft" }))[0].model, "sft");
  assert.deepEqual(asked.map(({ adapter }) => adapter), [null, "sft", "grpo", "sft"]);
  const { status, body } = await ask(handler, { ...hi, model: "dpo" });
  assert.deepEqual([status, body.error.code, body.error.message], [
    404,
    "model_not_found",
    'Cannot find model "dpo": there is "nano", "sft", "grpo"',
  ]);
});

Deno.test("other paths, methods, hosts and types of content are refused", async () => {
  const handler = handlerOf(writing("Hi").model, { hosts: new Set(["localhost"]) });
  const status = async (url: string, init: RequestInit = {}) =>
    (await handler(new Request(url, init))).status;
  assert.equal(await status("http://localhost:8000/health"), 200);
  assert.equal(await status("http://evil.example:8000/health"), 403);
  assert.equal(await status("http://localhost/v1/embeddings"), 404);
  assert.equal(await status("http://localhost/v1/chat/completions"), 405);
  const plain = { method: "POST", body: "{}", headers: { "content-type": "text/plain" } };
  assert.equal(await status("http://localhost/v1/chat/completions", plain), 415);
});

Deno.test("a body that is too large is not read to its end, whether it says so or not", async () => {
  const handler = handlerOf(writing("Hi").model);
  assert.equal((await ask(handler, "x".repeat(10_001))).status, 413);
  let given = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      given += 1000;
      controller.enqueue(new Uint8Array(1000));
    },
  });
  const request = new Request("http://localhost/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: endless,
  });
  const refused = await handler(request);
  assert.deepEqual([refused.status, (await refused.json()).error.code], [413, "request_too_large"]);
  assert.ok(given < 20_000, `${given}`);
});

Deno.test("a body that does not come holds no place", async () => {
  const handler = handlerOf(writing("Hi").model, { bodyMs: 20 });
  const request = new Request("http://localhost/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode("{")) }),
  });
  const refused = await handler(request);
  const { error } = await refused.json();
  assert.deepEqual([refused.status, error.message], [
    408,
    "Cannot read request: wanted the whole body in 20 ms",
  ]);
  assert.equal((await (await handler(new Request("http://localhost/health"))).json()).running, 0);
});

Deno.test("more requests than allowed are told when to come again, and places are given back", async () => {
  const { promise: held, resolve: go } = Promise.withResolvers<void>();
  const handler = handlerOf(writing("Hi", { held }).model);
  const first = ask(handler, hi);
  const second = stream(handler, hi);
  await new Promise((resolve) => setTimeout(resolve)); // both have begun
  const third = await ask(handler, hi);
  assert.equal(third.status, 429);
  assert.equal(third.headers.get("retry-after"), "1");
  assert.deepEqual(third.body.error, {
    message: "Cannot answer now: 2 answers are being written: try again in 1 s",
    type: "rate_limit_error",
    param: null,
    code: "rate_limit_exceeded",
  });
  go();
  assert.equal((await first).status, 200);
  await second;
  assert.equal((await ask(handler, { ...hi, n: 2 })).status, 400);
  assert.equal((await ask(handler, { ...hi, n: 2 })).status, 400);
  assert.equal((await ask(handler, hi)).status, 200, "refused requests take no place");
});

Deno.test("an answer ends when its client goes away, streamed or not", async () => {
  const { promise: held, resolve: go } = Promise.withResolvers<void>();
  const { model, asked } = writing("Hi", { held });
  const handler = handlerOf(model);
  const client = new AbortController();
  const response = handler(asking(hi, {}, client.signal));
  const streamed = await handler(asking({ ...hi, stream: true }));
  await streamed.body!.cancel();
  client.abort();
  go();
  await response;
  assert.deepEqual(asked.map(({ signal }) => signal?.aborted), [true, true]);
  assert.equal((await (await handler(new Request("http://x/health"))).json()).running, 0);
});

Deno.test("a server that stops takes no more requests, and ends those that run in the end", async () => {
  const [stopping, ended] = [new AbortController(), new AbortController()];
  const { promise: held, resolve: go } = Promise.withResolvers<void>();
  const handler = handlerOf(writing("Hi", { held }).model, {
    stopping: stopping.signal,
    ended: ended.signal,
  });
  const running = ask(handler, hi);
  const streaming = handler(asking({ ...hi, stream: true }));
  await new Promise((resolve) => setTimeout(resolve)); // both have begun
  stopping.abort();
  const refused = await ask(handler, hi);
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "10"]);
  ended.abort();
  go();
  assert.equal((await running).status, 503);
  assert.match(
    await (await streaming).text(),
    /data: \{"error":\{"message":"Cannot answer now: the server is stopping/,
  );
});

Deno.test("what the engine throws is a server error, in a stream as an event", async () => {
  const failing = { maxLength: 2048, generate: () => Promise.reject(new Error("out of memory")) };
  const handler = handlerOf({ codec, generator: failing as unknown as Generator });
  const { status, body } = await ask(handler, hi);
  const error = { message: "out of memory", type: "server_error", param: null, code: null };
  assert.deepEqual([status, body], [500, { error }]);
  const text = await (await handler(asking({ ...hi, stream: true }))).text();
  assert.equal(text.trim().split("\n\n").at(-1), `data: ${JSON.stringify({ error })}`);
});

Deno.test("the same seed gets the same answer from a real model, alone, among others, and as a stream", async () => {
  const model = await openChatModel({ model: folder, provider: "cpu" });
  try {
    const handler = handlerOf(model, { maxConcurrent: 8 });
    const request = { ...hi, seed: 3, max_tokens: 24 };
    const alone = (await ask(handler, request)).body.choices[0].message.content;
    const [together] = await Promise.all([
      ask(handler, request),
      ask(handler, { ...request, seed: 4 }),
      ask(handler, { ...request, seed: 5 }),
    ]);
    assert.equal(together.body.choices[0].message.content, alone);
    const events = await stream(handler, request);
    assert.equal(events.map(({ choices }) => choices[0].delta.content ?? "").join(""), alone);
    assert.notEqual((await ask(handler, { ...request, seed: 4 })).body.choices[0].message.content, alone);
  } finally {
    await model.generator[Symbol.asyncDispose]();
  }
});

Deno.test("where a call is required a real model writes one, of the tool that was chosen", async () => {
  const model = await openChatModel({ model: folder, provider: "cpu" });
  await using _ = model.generator;
  const handler = handlerOf(model);
  const stand = {
    type: "function",
    function: { name: "stand", parameters: { type: "object", properties: {} } },
  };
  const request = { ...hi, tools: [roll, stand], seed: 1, max_tokens: 120 };
  const called = async (tool_choice: unknown): Promise<[string, unknown]> => {
    const { body } = await ask(handler, { ...request, tool_choice });
    const [{ message, finish_reason }] = body.choices;
    assert.equal(finish_reason, "tool_calls");
    assert.equal(message.tool_calls.length, 1);
    const { name, arguments: given } = message.tool_calls[0].function;
    return [name, JSON.parse(given)];
  };
  assert.ok(["roll", "stand"].includes((await called("required"))[0]));
  assert.deepEqual((await called({ type: "function", function: { name: "stand" } }))[0], "stand");
  const [name, given] = await called({ type: "function", function: { name: "roll" } });
  assert.equal(name, "roll");
  assert.ok(
    (given as { sides?: number }).sides === undefined || Number.isInteger((given as { sides: number }).sides),
  );
});
