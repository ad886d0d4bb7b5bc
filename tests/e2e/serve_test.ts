/** `serve policy` as the real program: served on a free port, asked over the network, stopped by a signal. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { seeded } from "../../core/prng.ts";
import { openModelFolder } from "../../plugins/models/folder.ts";
import { loraParameters } from "../../plugins/models/lora.ts";
import { writeAdapter } from "../../plugins/models/peft.ts";
import { gym, startServer } from "./_server.ts";

function inFolder(name: string, test: (folder: string) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await test(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

function post(url: string, body: object, signal: AbortSignal | null = null): Promise<Response> {
  return fetch(`${url}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "nano", messages: [{ role: "user", content: "Hi" }], ...body }),
    signal,
  });
}

async function running(url: string): Promise<number> {
  return (await (await fetch(url.replace("/v1", "/health"))).json()).running;
}

/** Waits until so many answers are being written; fails long after that should have been so. */
async function untilRunning(url: string, count: number): Promise<void> {
  const latest = Date.now() + 20_000;
  while (await running(url) !== count) {
    assert.ok(Date.now() < latest, `there are not ${count}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The same letters for seconds. */
const endless = { max_tokens: 4000, temperature: 0, stream: true };

inFolder(
  "serve policy frees the place of a client that goes away, and ends well on a signal",
  async (folder) => {
    await using server = await startServer(folder, ["--max-concurrent", "1"]);
    const { url } = server;
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/v1$/);
    const answered = await post(url, { max_tokens: 4, seed: 1 });
    assert.equal((await answered.json()).usage.completion_tokens, 4);

    const reader = (await post(url, endless)).body!.getReader();
    await reader.read();
    const refused = await post(url, {});
    assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "1"]);
    await refused.body!.cancel();
    await reader.cancel();
    await untilRunning(url, 0);

    const client = new AbortController();
    const whole = post(url, { ...endless, stream: false }, client.signal).catch((thrown) => thrown);
    await untilRunning(url, 1);
    client.abort(new Error("gone"));
    assert.equal((await whole).message, "gone");
    await untilRunning(url, 0);

    const { code, stdout, stderr } = await server.stop("SIGTERM");
    assert.match(stdout, /^Stopped after \d+ requests\n$/);
    assert.match(stderr, /^Serving nano on http:\/\/127\.0\.0\.1:\d+\/v1: Ctrl-C stops\n/);
    assert.equal(code, 0);
  },
);

inFolder("serve policy lets answers end when it is stopped, but no longer than the grace", async (folder) => {
  await using server = await startServer(folder, ["--grace-ms", "300"]);
  const reader = (await post(server.url, endless)).body!.pipeThrough(new TextDecoderStream()).getReader();
  await reader.read();
  const ended = server.stop("SIGINT");
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
  assert.match(text, /Cannot answer now: the server is stopping/);
  assert.equal((await ended).code, 0);
});

inFolder("serve policy stops although a client does not read its answer", async (folder) => {
  await using server = await startServer(folder, ["--grace-ms", "100"]);
  const response = await post(server.url, endless);
  assert.equal(response.status, 200);
  assert.equal((await server.stop("SIGTERM")).code, 0);
  await response.body!.cancel().catch(() => {}); // cut by the end of the server
});

inFolder(
  "serve policy serves adapters beside the model, by the name that a request asks for",
  async (folder) => {
    await gym(folder, ["model", "init", "nano", "-o", "nano"]);
    const { config } = await openModelFolder(join(folder, "nano"));
    const prng = seeded(5);
    for (const [name, rank] of [["sft", 2], ["grpo", 4]] as const) {
      const tensors = new Map(
        loraParameters(config, { rank, alpha: 8, targets: ["down_proj"] }).map(({ name, shape }) => {
          const data = new Float32Array(shape[0]! * shape[1]!).map(() => prng() - 0.5);
          return [name, { shape, data }];
        }),
      );
      await writeAdapter(join(folder, name), { rank, alpha: 8, rsLora: false, baseModel: null, tensors });
    }
    await using server = await startServer(folder, ["--adapters", "sft=sft", "--adapters", "grpo=grpo"]);
    const listed = await (await fetch(`${server.url}/models`)).json();
    assert.deepEqual(listed.data.map(({ id }: { id: string }) => id), ["nano", "sft", "grpo"]);
    const said = async (model: string): Promise<string> => {
      const answer = await (await post(server.url, { model, max_tokens: 24, temperature: 0 })).json();
      assert.equal(answer.model, model);
      return answer.choices[0].message.content;
    };
    const together = await Promise.all(["nano", "sft", "grpo"].map(said));
    assert.equal(new Set(together).size, 3);
    assert.equal(await said("sft"), together[1]);
    const unknown = await post(server.url, { model: "dpo" });
    assert.deepEqual([unknown.status, (await unknown.json()).error.code], [404, "model_not_found"]);
  },
);

inFolder("serve policy says what it refuses to do", async (folder) => {
  await gym(folder, ["model", "init", "nano", "-o", "nano"]);
  const refused = async (...args: string[]) => {
    const { code, stdout, stderr } = await gym(folder, ["serve", "policy", "--model", "nano", ...args]);
    assert.equal(stdout, "");
    return [code, stderr];
  };
  assert.deepEqual(await refused("--host", "0.0.0.0"), [
    2,
    "error: Cannot serve on 0.0.0.0: wanted --token or --token-env, because others can reach this address\n",
  ]);
  assert.deepEqual(await refused("--token-env", "NO_SUCH_TOKEN"), [
    2,
    "error: Cannot use --token-env NO_SUCH_TOKEN: wanted a variable that is set: received nothing\n",
  ]);
  assert.deepEqual(await refused("--adapters", "nano=x"), [
    2,
    'error: Cannot use --adapters nano: wanted another name than the model\'s: received "nano"\n',
  ]);
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [code, stderr] = await refused("--port", String(taken.addr.port), "--provider", "cpu");
  assert.equal(code, 3);
  assert.match(String(stderr), /^error: Cannot serve on 127\.0\.0\.1:\d+: Address already in use/);
});
