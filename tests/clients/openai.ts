/** The policy over the `openai` package against a server that plays the protocol; run by clients_test.ts. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Policy } from "../../core/policy.ts";
import type { GymError } from "../../core/errors.ts";
import { createKernel } from "../../core/kernel.ts";
import { rollout } from "../../core/rollout.ts";
import { ToyEnv } from "../../core/testing/_toy_env.ts";
import policies from "../../plugins/policies/mod.ts";
import { events, failureOf, rolled, scripted, unansweredCalls, viewOf } from "./_testing.ts";
import { type OpenAiOptions, openAiPolicy } from "../../plugins/policies/chat_client/openai.ts";

const gym = createKernel({ plugins: [policies] });
const KEY = "sk-secret-1234567890";

function make(url: string, options: Partial<OpenAiOptions> = {}): Promise<Policy> {
  return gym.make(openAiPolicy, { model: "m", baseUrl: `${url}/v1`, apiKey: () => KEY, ...options });
}

const piece = (delta: unknown, finish_reason: string | null = null, more: object = {}) =>
  [null, {
    id: "1",
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason, ...more }],
  }] as const;
const usage = [null, {
  choices: [],
  usage: { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16 },
}] as const;
const done = [null, "[DONE]"] as const;
const call = (given: object) => piece({ tool_calls: [given] });

const hello = () =>
  events([
    piece({ role: "assistant", content: "Hel" }),
    piece({ content: "lo" }),
    piece({}, "stop"),
    usage,
    done,
  ]);
const status =
  (code: number, headers: Record<string, string> = {}, error: object = { message: "no" }) => () =>
    Response.json({ error }, { status: code, headers: { "retry-after-ms": "1", ...headers } });

Deno.test("openai streams text, records counts, and sends the conversation with its tools and its key", async () => {
  await using server = scripted(hello);
  const policy = await make(server.url, { system: "Be brief", temperature: 0.5, stop: ["X"] });
  assert.deepEqual([policy.name, policy.model], ["openai", "m"]);
  assert.deepEqual(await policy.act(viewOf([rolled(0, "4")])), {
    action: { tool: "", params: {}, raw: "Hello" },
    thought: "",
    tokens: {
      promptIds: null,
      completionIds: null,
      logProbs: null,
      sampling: null,
      promptTokens: 11,
      completionTokens: 5,
      reencoded: false,
    },
  });
  const [{ path, headers, body }] = server.seen as [typeof server.seen[0]];
  assert.equal(path, "/v1/chat/completions");
  assert.equal(headers.get("authorization"), `Bearer ${KEY}`);
  assert.deepEqual(body, {
    model: "m",
    messages: [
      { role: "system", content: "Be brief" },
      { role: "user", content: "Roll a die\n\nReady" },
      {
        role: "assistant",
        content: "hm",
        tool_calls: [{
          id: "call00000",
          type: "function",
          function: { name: "roll", arguments: '{"sides":6}' },
        }],
      },
      { role: "tool", content: "4", tool_call_id: "call00000" },
    ],
    tools: [{
      type: "function",
      function: {
        name: "roll",
        description: "Rolls a die",
        parameters: { type: "object", properties: { sides: { type: "integer" } } },
      },
    }],
    temperature: 0.5,
    max_tokens: 2048,
    stop: ["X"],
    stream: true,
    stream_options: { include_usage: true },
  });
});

Deno.test("openai reads whole answers as it reads streams, with log-probabilities and further fields of the body", async () => {
  await using server = scripted(() =>
    Response.json({
      choices: [{
        message: { role: "assistant", content: "Hi", reasoning_content: "Greet" },
        finish_reason: "length",
        logprobs: { content: [{ token: "H", logprob: -0.5 }, { token: "i", logprob: -1 }] },
      }],
      usage: { prompt_tokens: 3, completion_tokens: 2 },
    })
  );
  const policy = await make(server.url, {
    stream: false,
    logProbs: true,
    seed: true,
    tools: false,
    body: { top_k: 4 },
  });
  const { action, thought, extra } = await policy.act(viewOf());
  assert.deepEqual(action, { tool: "", params: {}, raw: "Hi" });
  assert.equal(thought, "Greet");
  assert.deepEqual(extra, { cut: true, logProbs: { tokens: ["H", "i"], values: [-0.5, -1] } });
  const { messages: _, seed, ...body } = server.seen[0]!.body;
  assert.ok(Number.isInteger(seed));
  assert.deepEqual(body, { model: "m", max_tokens: 2048, logprobs: true, top_k: 4 });
});

Deno.test("openai puts a call together wherever its arguments and the bytes of the stream are cut", async () => {
  const text = '{"sides": 6, "note": "é\\"{}"}';
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 6 }),
      fc.integer({ min: 1, max: 40 }),
      async (cuts, size) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length];
        const parts = at.slice(1).map((end, n) =>
          call({ index: 0, function: { arguments: text.slice(at[n], end) } })
        );
        const head = call({
          index: 0,
          id: "c1",
          type: "function",
          function: { name: "roll", arguments: "" },
        });
        await using server = scripted(() =>
          events([piece({ content: "Now" }), head, ...parts, piece({}, "tool_calls"), usage, done], size)
        );
        const decision = await (await make(server.url)).act(viewOf());
        assert.deepEqual(decision.action, { tool: "roll", params: { sides: 6, note: 'é"{}' }, callId: "c1" });
        assert.equal(decision.thought, "Now");
      },
    ),
    { numRuns: 25 },
  );
});

Deno.test("openai keeps half a call's arguments as text, and takes all of several calls but those without a name", async () => {
  await using server = scripted(() =>
    events([
      call({ index: 0, id: "a", function: { name: "roll", arguments: '{"sides": ' } }),
      call({ index: 0, id: "b", function: { name: "stop", arguments: "{}" } }), // a server that numbers all calls 0
      call({ index: 0, id: "c", function: { name: "", arguments: "{}" } }),
      piece({}, "length"),
      done,
    ])
  );
  const { action, more, extra, tokens } = await (await make(server.url)).act(viewOf());
  assert.deepEqual(action, { tool: "roll", params: {}, raw: '{"sides": ', callId: "a" });
  assert.deepEqual(more, [{ tool: "stop", params: {}, callId: "b" }]);
  assert.deepEqual(extra, { cut: true, droppedCalls: 1 });
  assert.deepEqual([tokens?.promptTokens, tokens?.completionTokens], [null, null]);
});

Deno.test("openai records a refusal", async () => {
  await using server = scripted(() => events([piece({ refusal: "I will not" }), piece({}, "stop"), done]));
  const { action, extra } = await (await make(server.url)).act(viewOf());
  assert.deepEqual(action, { tool: "", params: {}, raw: "I will not" });
  assert.deepEqual(extra, { refused: true });
});

Deno.test("openai does not send reasoning back", async () => {
  await using server = scripted(
    () =>
      events([
        piece({ reasoning: "Six is fair" }),
        piece({ content: "I roll" }),
        call({ index: 0, id: "a", function: { name: "roll", arguments: "{}" } }),
        piece({}, "tool_calls"),
        done,
      ]),
    hello,
  );
  const policy = await make(server.url);
  const { thought } = await policy.act(viewOf());
  assert.equal(thought, "Six is fair\nI roll");
  await policy.act(viewOf([{ ...rolled(0, "4"), thought: thought! }]));
  assert.equal(server.seen[1]!.body.messages[1].content, "I roll");
});

for (
  const [fault, answer] of [
    ["429 with a wait", status(429)],
    ["500", status(500)],
    ["a stream cut before its end", () => events([piece({ content: "Hal" })])],
    ["a stream that is not JSON", () => events([[null, '{"choices": [']])],
    ["an error inside the stream", () => events([[null, { error: { message: "overloaded" } }]])],
    ["an answer without choices", () => events([[null, { choices: [] }], done])],
    ["an answer in another form", () => events([[null, { choices: "none" }], done])],
  ] as const
) {
  Deno.test(`openai asks again after ${fault}`, async () => {
    await using server = scripted(answer, hello);
    const { action, extra } = await (await make(server.url)).act(viewOf());
    assert.deepEqual(action, { tool: "", params: {}, raw: "Hello" });
    assert.deepEqual(extra, { attempts: 2 });
  });
}

Deno.test("openai gives up after its retries, with the last fault and without the key", async () => {
  await using server = scripted(status(500, {}, { message: `overheated by ${KEY}` }));
  const error = await failureOf(await make(server.url, { retries: 2 }));
  assert.equal(error.code, "SERVICE_FAILED");
  assert.equal(error.message, 'Cannot ask openai for "m": 500 overheated by [key] (attempt 3)');
  assert.deepEqual(error.data, { service: "openai", status: 500, attempts: 3 });
  assert.equal(server.seen.length, 3);
  assert.ok(!Deno.inspect(error).includes(KEY));
});

Deno.test("openai does not ask again when that cannot help", async () => {
  for (
    const [answer, message] of [
      [status(401, {}, { message: "Incorrect key" }), "401 Incorrect key"],
      [status(429, {}, { message: "No credit", code: "insufficient_quota" }), "429 No credit"],
      [status(500, { "x-should-retry": "false" }), "500 no"],
    ] as const
  ) {
    await using server = scripted(answer);
    assert.equal((await failureOf(await make(server.url))).message, `Cannot ask openai for "m": ${message}`);
  }
});

Deno.test("openai says that nobody listens", async () => {
  const port = ((listener) => (listener.close(), listener.addr.port))(
    Deno.listen({ port: 0, hostname: "127.0.0.1" }),
  );
  const { message } = await failureOf(await make(`http://127.0.0.1:${port}`, { retries: 0 }));
  assert.equal(message, 'Cannot ask openai for "m": Connection error.');
});

Deno.test("openai does not wait longer than allowed", async () => {
  await using server = scripted(status(429, { "retry-after-ms": "5000" }));
  const { message } = await failureOf(await make(server.url, { maxWaitMs: 100 }));
  assert.equal(message, 'Cannot ask openai for "m": 429 no, to be asked again in 5000 ms');
});

Deno.test("openai ends an attempt that takes too long, also in the middle of a stream", async () => {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  await using server = scripted(() =>
    new Response(
      new ReadableStream({
        async start(controller) {
          controller.enqueue(
            new TextEncoder().encode(`data: ${JSON.stringify(piece({ content: "Hel" })[1])}\n\n`),
          );
          await over;
        },
        cancel: () => resolve(),
      }),
      { headers: { "content-type": "text/event-stream" } },
    )
  );
  const { message } = await failureOf(await make(server.url, { timeoutMs: 100, retries: 0 }));
  assert.equal(message, 'Cannot ask openai for "m": wanted a whole answer in 100 ms');
  await over; // the server saw that the client went away
});

Deno.test("openai stops when its episode is aborted, and throws the signal's reason", async () => {
  const controller = new AbortController();
  const { promise: over, resolve } = Promise.withResolvers<void>();
  await using server = scripted(() => {
    setTimeout(() => controller.abort(new Error("enough")), 20);
    const body = new ReadableStream({
      start: (stream) => stream.enqueue(new TextEncoder().encode(": wait\n\n")),
      cancel: () => resolve(),
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });
  assert.equal((await failureOf(await make(server.url), viewOf([], controller.signal))).message, "enough");
  await over; // the server saw that the client went away
  assert.equal(server.seen.length, 1);
});

Deno.test("openai spends its budget of tokens over all episodes, and then refuses", async () => {
  await using server = scripted(hello);
  const limits = { tokenBudget: 500, maxNewTokens: 100, tools: false };
  const policy = await make(server.url, limits);
  let spent = 0;
  const error = await (async () => {
    for (;; spent += 16) {
      const found = await Promise.resolve(policy.act(viewOf())).then(() => null, (thrown: unknown) => thrown);
      if (found !== null) return found as GymError;
    }
  })();
  assert.equal(error.code, "LIMIT_EXCEEDED");
  assert.match(
    error.message,
    /^Cannot ask the model: wanted at most 500 tokens in all: received \d+ spent and up to \d+ more$/,
  );
  assert.equal(error.data["spent"], spent);
  assert.ok(spent > 300 && spent <= 500, `${spent}`);
  const other = await make(server.url, limits);
  assert.equal((await failureOf(other)).code, "LIMIT_EXCEEDED");
});

Deno.test("openai counts money by the given prices", async () => {
  await using server = scripted(hello);
  const policy = await make(server.url, {
    costBudgetUsd: 1,
    promptPriceUsd: 1000,
    completionPriceUsd: 10_000,
    maxNewTokens: 50,
  });
  const { extra } = await policy.act(viewOf());
  assert.deepEqual(extra, { costUsd: 0.061 });
  assert.match(
    (await failureOf(
      await make(server.url, { costBudgetUsd: 0.1, promptPriceUsd: 1000, completionPriceUsd: 10_000 }),
    )).message,
    /^Cannot ask the model: wanted at most \$0\.1 in all: received \$0 spent and up to \$20\.\d+ more$/,
  );
});

Deno.test("openai asks the same question once when it has a cache, and another draw again", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using server = scripted(hello);
    const policy = await make(server.url, { cache: folder });
    const first = await policy.act(viewOf());
    const { extra, ...second } = await policy.act(viewOf());
    assert.deepEqual(extra, { cached: true });
    assert.deepEqual(second, first);
    assert.equal(server.seen.length, 1);
    const files = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assert.equal(files.length, 1);
    assert.match(files[0]!, /^[0-9a-f]{64}\.json$/);
    const text = await Deno.readTextFile(`${folder}/${files[0]}`);
    assert.ok(!text.includes(KEY));
    await policy.act({ ...viewOf(), prng: (await import("../../core/prng.ts")).seeded(2) });
    assert.equal(server.seen.length, 2);
    await Deno.writeTextFile(`${folder}/${files[0]}`, text.slice(0, 50)); // half a file is asked again
    await policy.act(viewOf());
    assert.equal(server.seen.length, 3);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("openai with a cache asks a question once that many have at the same time, and again when it failed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using server = scripted(status(400), hello);
    const policies = await Promise.all(Array.from({ length: 8 }, () => make(server.url, { cache: folder })));
    const stop = new AbortController();
    const quitter = failureOf(policies[7]!, viewOf([], stop.signal));
    stop.abort(new Error("enough"));
    const ended = await Promise.allSettled(policies.slice(0, 7).map((policy) => policy.act(viewOf())));
    assert.equal((await quitter).message, "enough");
    assert.deepEqual(ended.map((one) => one.status === "fulfilled" && one.value.action.raw).toSorted(), [
      ...new Array(6).fill("Hello"),
      false,
    ]);
    assert.equal(server.seen.length, 2);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("openai wants a key for OpenAI itself, never shows one, and gives other services none of the environment's", async () => {
  const made = (options: object) =>
    gym.make(openAiPolicy, { model: "m", ...options } as OpenAiOptions).catch((thrown) => thrown);
  const named = await made({ apiKeyEnv: "NO_SUCH_KEY" });
  assert.equal(named.code, "INVALID_OPTIONS");
  assert.equal(
    named.message,
    "Cannot ask the model: wanted a key in the environment variable NO_SUCH_KEY: received nothing",
  );
  const withPassword = await made({ baseUrl: "http://me:secret@localhost/v1" });
  assert.equal(
    withPassword.message,
    "Cannot use option baseUrl: wanted an address without a name and password, because it is recorded",
  );
  const asText = await made({ apiKey: KEY });
  assert.equal(
    asText.message,
    "Cannot use option apiKey: wanted a function that gives the key; in files and on the command line name a variable in apiKeyEnv",
  );
  assert.match(
    (await made({ costBudgetUsd: 1, baseUrl: "http://x" })).message,
    /expected promptPriceUsd and completionPriceUsd together, and with costBudgetUsd/,
  );
});

Deno.test("openai sends the environment's key to another service only when told to", async () => {
  await using server = scripted(hello);
  Deno.env.set("OPENAI_API_KEY", "sk-env");
  try {
    const options = { model: "m", baseUrl: server.url };
    await (await gym.make(openAiPolicy, options)).act(viewOf());
    await (await gym.make(openAiPolicy, { ...options, apiKeyEnv: "OPENAI_API_KEY" })).act(viewOf());
  } finally {
    Deno.env.delete("OPENAI_API_KEY");
  }
  assert.deepEqual(server.seen.map(({ headers }) => headers.get("authorization")), [
    "Bearer none",
    "Bearer sk-env",
  ]);
});

Deno.test("openai finds out how many requests a service bears, and all of many policies get their answer", async () => {
  const bears = 4;
  const seen = { running: 0, most: 0, refused: 0 };
  await using server = scripted(async () => {
    if (seen.running >= bears) {
      seen.refused++;
      return status(429, { "retry-after-ms": "10" })();
    }
    seen.most = Math.max(seen.most, ++seen.running);
    await new Promise((resolve) => setTimeout(resolve, 10));
    seen.running--;
    return hello();
  });
  const policies = await Promise.all(Array.from({ length: 60 }, () => make(server.url, { retries: 20 })));
  const decisions = await Promise.all(policies.map((policy) => policy.act(viewOf())));
  assert.ok(decisions.every(({ action }) => action.raw === "Hello"));
  assert.equal(seen.most, bears, "it uses what there is");
  assert.ok(seen.refused < 20, `${seen.refused} of ${server.seen.length} were refused`);
});

Deno.test("openai carries out all calls of a turn, and answers each of them in the next request", async () => {
  const prices = { promptPriceUsd: 1000, completionPriceUsd: 10_000 };
  const turns = [
    [["a", "roll", '{"sides": 6}'], ["b", "roll", '{"sides": 8}'], ["c", "none", "{}"]],
    [["a", "roll", '{"sides": 4}']], // an id that was used before
    [["d", "roll", '{"si'], ["d", "stop", "{}"], ["e", "roll", "{}"]],
  ] as const;
  await using server = scripted(...turns.map((calls) => () => {
    const wrong = unansweredCalls(server.seen.at(-1)!.body.messages);
    if (wrong.length > 0) return status(400, {}, { message: `unanswered: ${wrong}` })();
    const parts = calls.map(([id, name, text], index) =>
      call({ index, id, type: "function", function: { name, arguments: text } })
    );
    return events([piece({ content: "Now" }), ...parts, piece({}, "tool_calls"), usage, done]);
  }));
  const policy = await make(server.url, prices);
  const task = { id: "t", description: "Roll" };
  const { steps, outcome, usage: total } = await rollout(new ToyEnv(), policy, { task });
  assert.deepEqual([outcome.error, outcome.terminated], [null, true]);
  assert.deepEqual(steps.map(({ action }) => [action.tool, action.callId]), [
    ["roll", "a"],
    ["roll", "b"],
    ["none", "c"],
    ["roll", "a"],
    ["roll", "d"],
    ["stop", "d"],
  ]);
  assert.deepEqual(steps.map(({ turn }) => turn), [0, 0, 0, undefined, 2, 2]);
  assert.deepEqual(steps.map(({ thought }) => thought), ["Now", "", "", "Now", "Now", ""]);
  assert.equal(steps.at(-1)!.extra?.["unplayed"], 1);
  assert.deepEqual([total.promptTokens, total.completionTokens], [33, 15]);
  assert.ok(Math.abs(total.costUsd! - 3 * 0.061) < 1e-12);
  const { messages } = server.seen[2]!.body;
  assert.deepEqual(messages.map((message: { role: string }) => message.role), [
    "user",
    "assistant",
    "tool",
    "tool",
    "tool",
    "assistant",
    "tool",
  ]);
  assert.equal(messages[1].content, "Now");
  assert.equal(messages[4].content, 'No tool "none"');
});
