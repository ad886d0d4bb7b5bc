/**
 * Exported models in transformers.js, a program that shares no code with the exporter.
 *
 * The package is no import of the project, because every newcomer would download it at the first command. So the test
 * runs it in a process without the project's configuration, and is skipped where it cannot be had.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const GOLDEN = join(ROOT, "tests/golden/models");
const PACKAGE = "npm:@huggingface/transformers@4.3.1";

/** Continues each prompt by itself, then all as one batch; reads its arguments and prints ids as JSON. */
const PROGRAM = `
import { AutoModelForCausalLM, AutoTokenizer, env } from "${PACKAGE}";
const { folder, name, prompts } = JSON.parse(Deno.args[0]);
env.allowRemoteModels = false;
env.localModelPath = folder;
const tokenizer = await AutoTokenizer.from_pretrained(name);
const model = await AutoModelForCausalLM.from_pretrained(name);
const added = async (texts) => {
  const inputs = tokenizer(texts, { add_special_tokens: false, padding: true });
  const options = { max_new_tokens: 24, do_sample: false, eos_token_id: [] };
  const rows = (await model.generate({ ...inputs, ...options })).tolist();
  return rows.map((row) => row.slice(inputs.input_ids.dims[1]).map(Number));
};
tokenizer.padding_side = "left";
const alone = [];
for (const prompt of prompts) alone.push(...await added([prompt]));
console.log(JSON.stringify({ alone, together: await added(prompts) }));
`;

interface Generated {
  readonly cases: readonly { readonly prompt: string; readonly output_ids: readonly number[] }[];
}

async function deno(
  cwd: string,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { NO_COLOR: "1" };
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd, env }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

const there = (await deno(ROOT, "cache", "--no-config", "--no-lock", PACKAGE)).code === 0;
const reason = there ? "" : ` (skipped: ${PACKAGE} cannot be downloaded)`;

for (const name of ["tiny-llama", "tiny-qwen2", "tiny-qwen3"]) {
  Deno.test({
    name: `transformers.js continues ${name} as transformers does, in a padded batch as well${reason}`,
    ignore: !there,
    fn: async () => {
      const folder = await Deno.makeTempDir();
      try {
        const cli = ["run", "-A", join(ROOT, "cli.ts"), "model", "export"];
        const exported = await deno(folder, ...cli, join(GOLDEN, name), "-o", name);
        assert.equal(exported.code, 0, exported.stderr);
        const { cases }: Generated = JSON.parse(
          await Deno.readTextFile(join(GOLDEN, `${name}-generate.json`)),
        );
        const expected = cases.map(({ output_ids }) => output_ids);
        await Deno.writeTextFile(join(folder, "program.mjs"), PROGRAM);
        const given = JSON.stringify({ folder, name, prompts: cases.map(({ prompt }) => prompt) });
        const ran = await deno(folder, "run", "-A", "--no-config", "--no-lock", "program.mjs", given);
        assert.equal(ran.code, 0, ran.stderr);
        assert.deepEqual(JSON.parse(ran.stdout), { alone: expected, together: expected });
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

Deno.test("model export merges an adapter, tells what it wrote, and does not write into a folder that is not empty", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const line = [
      "run",
      "-A",
      join(ROOT, "cli.ts"),
      "model",
      "export",
      join(GOLDEN, "tiny-qwen3"),
      "-o",
      "out",
    ];
    const adapter = ["--adapter", join(GOLDEN, "tiny-qwen3-lora"), "--type", "float16"];
    assert.deepEqual(await deno(folder, ...line, ...adapter), {
      code: 0,
      stdout: "Exported Qwen3ForCausalLM to out: onnx/model_fp16.onnx with 263.0 kB of float16\n",
      stderr: "",
    });
    const { code, stdout, stderr } = await deno(folder, ...line);
    assert.deepEqual([code, stdout], [3, ""]);
    assert.match(
      stderr,
      /^error: Cannot write ".*\/out": wanted a new or empty folder: received one that holds/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
