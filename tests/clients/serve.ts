/** The `openai` package against `serve policy`; run by clients_test.ts . */
import assert from "node:assert/strict";
import { importPackage } from "../../plugins/policies/chat_client/_package.ts";
import { startServer } from "../e2e/_server.ts";

// deno-lint-ignore no-explicit-any -- the package's types would be downloaded with it
type Any = any;

Deno.test("the openai package talks to a served model, streamed and not, and reads its refusals", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using server = await startServer(folder, ["--token", "secret"]);
    const { OpenAI } = await importPackage("openai") as Any;
    const client = new OpenAI({ baseURL: server.url, apiKey: "secret", maxRetries: 0 });
    assert.deepEqual((await client.models.list()).data.map(({ id }: Any) => id), ["nano"]);
    const asked = {
      model: "nano",
      messages: [{ role: "user", content: "Hi" }],
      seed: 3,
      max_completion_tokens: 16,
      tools: [{
        type: "function",
        function: { name: "roll", parameters: { type: "object", properties: {} } },
      }],
      logprobs: true,
    };
    const whole = await client.chat.completions.create(asked);
    assert.equal(whole.usage.completion_tokens, 16);
    assert.equal(whole.choices[0].finish_reason, "length");
    let text = "";
    let usage = null;
    const stream = await client.chat.completions.create({
      ...asked,
      stream: true,
      stream_options: { include_usage: true },
    });
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, whole.choices[0].message.content);
    assert.deepEqual(usage, whole.usage);
    await assert.rejects(client.chat.completions.create({ ...asked, n: 2 }), {
      status: 400,
      param: "n",
      message: "400 Cannot use request: n: expected 1: received 2",
    });
    const stranger = new OpenAI({ baseURL: server.url, apiKey: "wrong", maxRetries: 0 });
    await assert.rejects(stranger.models.list(), { status: 401, code: "invalid_api_key" });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a served model acts through the openai policy as a local one would: episodes end well", async () => {
  const { createKernel } = await import("../../core/kernel.ts");
  const { rollout } = await import("../../core/rollout.ts");
  const { ToyEnv } = await import("../../core/testing/_toy_env.ts");
  const { default: policies, openAiPolicy } = await import("../../plugins/policies/mod.ts");
  const folder = await Deno.makeTempDir();
  try {
    await using server = await startServer(folder, ["--token", "secret"]);
    const policy = await createKernel({ plugins: [policies] }).make(openAiPolicy, {
      model: "nano",
      baseUrl: server.url,
      apiKey: () => "secret",
      maxNewTokens: 12,
      seed: true,
    });
    const task = { id: "t", description: "Roll" };
    const play = () => rollout(new ToyEnv(), policy, { seed: 1n, task, maxSteps: 2, now: () => 0 });
    const first = await play();
    assert.equal(first.outcome.error, null);
    assert.equal(
      first.usage.completionTokens,
      first.steps.reduce((sum, { tokens }) => sum + tokens!.completionTokens!, 0),
    );
    assert.equal((await play()).id, first.id, "the same seed, the same episode");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
