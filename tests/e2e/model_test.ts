/** Models on the command line: made, looked at, merged, downloaded, and what happens when the disk is full. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { inFolder, root, shell as typed } from "./_gym.ts";

const GOLDEN = join(root, "tests/golden/models");

/** A shell without an account at the hub. */
const shell = (cwd: string, line: string, env: Record<string, string> = {}) =>
  typed(cwd, line, { env: { HF_TOKEN: "", HF_ENDPOINT: "", ...env } });

const namesIn = (folder: string): string[] => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

inFolder("model init makes a model that model info reads", async (folder) => {
  const made = await shell(folder, "gym model init tiny --family qwen2 --seed 3 -o deep/m");
  assert.deepEqual(made, {
    code: 0,
    stdout: "Made deep/m: Qwen2ForCausalLM, 461952 parameters\n",
    stderr: "",
  });
  const { code, stdout } = await shell(folder, "gym model info deep/m --json");
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), {
    folder: "deep/m",
    architecture: "Qwen2ForCausalLM",
    parameters: 461952,
    layers: 2,
    hiddenSize: 128,
    heads: 4,
    keyValueHeads: 2,
    headDimension: 32,
    intermediateSize: 384,
    vocabularySize: 264,
    contextLength: 4096,
    tiedHead: false,
    types: ["float32"],
    bytes: 461952 * 4,
    tokens: 264,
    eosIds: [258, 256],
    bosId: null,
    padId: 259,
    template: "tokenizer_config.json",
    training: {
      rank: 16,
      loraParameters: 2 * 16 * (2 * (128 + 128) + 2 * (64 + 128) + 3 * (128 + 384)),
      loraBytes: 461952 * 4 + 77824 * 16,
      fullBytes: 461952 * 16,
    },
  });
  const text = (await shell(folder, "gym model info deep/m")).stdout;
  assert.match(text, /^parameters {5}461 952$/m);
  assert.match(text, /^weights {8}float32, 1\.8 MB$/m);
});

inFolder("model merge writes a model with the base model's tokenizer", async (folder) => {
  const line = `gym model merge ${GOLDEN}/tiny-llama ${GOLDEN}/tiny-llama-lora -o merged --type bfloat16`;
  assert.deepEqual(await shell(folder, line), {
    code: 0,
    stdout: "Merged 14 modules of rank 4 into merged\n",
    stderr: "",
  });
  assert.deepEqual(namesIn(join(folder, "merged")), namesIn(join(GOLDEN, "tiny-llama")));
  assert.match(
    (await shell(folder, "gym model info merged")).stdout,
    /^weights {8}bfloat16, 295\.6 kB$/m,
  );
  assert.deepEqual(await shell(folder, line), {
    code: 3,
    stdout: "",
    stderr: `error: Cannot write "${folder}/merged": wanted a new or empty folder: received one that holds "${
      [...Deno.readDirSync(join(folder, "merged"))][0]!.name
    }"\n`,
  });
});

inFolder("model info refuses a tokenizer with more tokens than the embedding has rows", async (folder) => {
  await shell(folder, "gym model init -o m");
  const file = join(folder, "m", "tokenizer.json");
  const tokenizer = JSON.parse(await Deno.readTextFile(file));
  tokenizer.added_tokens.push({ ...tokenizer.added_tokens[0], id: 264, content: "<|one_more|>" });
  await Deno.writeTextFile(file, JSON.stringify(tokenizer));
  assert.deepEqual(await shell(folder, "gym model info m"), {
    code: 3,
    stdout: "",
    stderr:
      `error: Cannot use tokenizer ${file}: wanted at most 264 tokens, the rows of the model's embedding: ` +
      "received 265\n",
  });
});

inFolder("a disk that is full leaves no half-written model", async (folder) => {
  // No file may grow beyond 100 blocks of 1 024 bytes; the weights take five times that.
  const { code, stderr } = await shell(folder, "trap '' XFSZ; ulimit -f 100; gym model init -o m");
  assert.deepEqual([code, stderr], [
    3,
    `error: Cannot write weights ${folder}/m.part/model.safetensors: File too large (os error 27)\n`,
  ]);
  assert.deepEqual(namesIn(folder), []);
});

inFolder("model get downloads from the hub that the environment names, with its token", async (folder) => {
  const source = join(GOLDEN, "tiny-qwen3");
  const asked = new Set<string | null>();
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    asked.add(request.headers.get("authorization"));
    const { pathname } = new URL(request.url);
    if (pathname === "/api/models/acme/tiny/revision/v1") {
      const siblings = namesIn(source).map((rfilename) => ({
        rfilename,
        size: Deno.statSync(join(source, rfilename)).size,
      }));
      return Response.json({ sha: "abc123", siblings });
    }
    return new Response(
      await Deno.readFile(join(source, pathname.replace("/acme/tiny/resolve/abc123/", ""))),
    );
  });
  const env = { HF_ENDPOINT: `http://127.0.0.1:${server.addr.port}`, HF_TOKEN: "hf_x" };
  const { code, stdout, stderr } = await shell(folder, "gym model get acme/tiny --revision v1", env);
  assert.deepEqual([code, stdout], [0, "Downloaded acme/tiny at abc123 to tiny: 6 files, 540.2 kB\n"]);
  assert.match(stderr, /^model\.safetensors 100 % of 528\.6 kB$/m);
  assert.deepEqual(asked, new Set(["Bearer hf_x"]));
  assert.deepEqual(namesIn(join(folder, "tiny")), namesIn(source));
});

inFolder("model get says what to do when there is no hub", async (folder) => {
  const port = freePort();
  const { code, stdout, stderr } = await shell(
    folder,
    `gym model get acme/tiny --endpoint http://127.0.0.1:${port}`,
  );
  assert.deepEqual([code, stdout], [3, ""]);
  assert.match(
    stderr,
    /^error: Cannot reach http:\/\/127\.0\.0\.1:\d+: .*: put the model's folder there by hand\n$/,
  );
  assert.deepEqual(namesIn(folder), []);
});

/** A port on which nobody listens. */
function freePort(): number {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return listener.addr.port;
}
