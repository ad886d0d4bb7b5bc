import assert from "node:assert/strict";
import { join } from "node:path";
import { best, distance, Exported, leftPadded } from "./_exported_test.ts";
import { assertFails, GOLDEN, inFolder, NAMES, namesIn } from "./_testing_test.ts";
import { exportOnnx, type ExportOptions } from "./export.ts";
import { type ModelFolder, openModelFolder } from "./folder.ts";
import { mergeAdapter } from "./merge.ts";
import { readAdapter } from "./peft.ts";

const PADDING = 511;

interface Forward {
  readonly input_ids: readonly (readonly number[])[];
  readonly logits: readonly { readonly row: number; readonly pos: number; readonly f64: readonly number[] }[];
}

interface Generate {
  readonly cases: readonly {
    readonly prompt_ids: readonly number[];
    readonly output_ids: readonly number[];
  }[];
}

async function golden<T>(name: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(join(GOLDEN, `${name}.json`)));
}

/** Runs a test on each recorded model, exported to a folder of its own. */
function onEach(
  title: string,
  test: (model: Exported, name: string, source: ModelFolder) => Promise<void>,
): void {
  for (const name of NAMES) {
    Deno.test(`${title}: ${name}`, () =>
      inFolder(async (folder) => {
        const source = await openModelFolder(join(GOLDEN, name));
        await exportOnnx(source, join(folder, "out"));
        await using model = await Exported.open(join(folder, "out"), source.config);
        await test(model, name, source);
      }));
  }
}

onEach("an exported graph gives the recorded logits", async (model, name) => {
  const { input_ids, logits } = await golden<Forward>(`${name}-forward`);
  const mask = input_ids.map((row) => row.map((id) => id === PADDING ? 0 : 1));
  const whole = await model.run({ ids: input_ids, mask });
  for (const { row, pos, f64 } of logits) {
    const apart = distance(whole.logits(row, pos), f64);
    assert.ok(apart < 1e-5, `row ${row}, position ${pos}: ${apart}`);
  }
});

onEach("an exported graph gives the same logits in steps as at once", async (model, name) => {
  const { input_ids } = await golden<Forward>(`${name}-forward`);
  const mask = input_ids.map((row) => row.map((id) => id === PADDING ? 0 : 1));
  const whole = await model.run({ ids: input_ids, mask });
  let cache;
  let start = 0;
  for (const end of [7, 8, 9, 20, 21, input_ids[0]!.length]) {
    const step = await model.run({
      ids: input_ids.map((row) => row.slice(start, end)),
      mask: mask.map((row) => row.slice(0, end)),
    }, cache);
    for (const [b, row] of mask.entries()) {
      for (let t = start; t < end; t++) {
        if (row[t] === 0) continue;
        const apart = distance(step.logits(b, t - start), whole.logits(b, t));
        assert.ok(apart < 1e-5, `row ${b}, position ${t}: ${apart}`);
      }
    }
    [cache, start] = [step.cache, end];
  }
});

onEach("an exported graph does not see padding on the left", async (model, name) => {
  const { cases } = await golden<Generate>(`${name}-generate`);
  const batch = leftPadded(cases.map(({ prompt_ids }) => prompt_ids), PADDING);
  const length = batch.ids[0]!.length;
  const together = await model.run(batch);
  for (const [b, { prompt_ids }] of cases.entries()) {
    const alone = await model.run({ ids: [prompt_ids], mask: [prompt_ids.map(() => 1)] });
    for (let t = 0; t < prompt_ids.length; t++) {
      const apart = distance(together.logits(b, length - prompt_ids.length + t), alone.logits(0, t));
      assert.ok(apart < 1e-5, `prompt ${b}, position ${t}: ${apart}`);
    }
  }
});

onEach("an exported graph continues a batch as transformers does", async (model, name) => {
  const { cases } = await golden<Generate>(`${name}-generate`);
  const { ids, mask } = leftPadded(cases.map(({ prompt_ids }) => prompt_ids), PADDING);
  let step = await model.run({ ids, mask });
  const made: number[][] = cases.map(() => []);
  for (let seen = mask, last = ids[0]!.length - 1; made[0]!.length < 24; last = 0) {
    for (const [b, row] of made.entries()) row.push(best(step.logits(b, last)));
    seen = seen.map((row) => [...row, 1]);
    step = await model.run({ ids: made.map((row) => row.slice(-1)), mask: seen }, step.cache);
  }
  assert.deepEqual(made, cases.map(({ output_ids }) => output_ids));
});

onEach("an exported graph has the names that transformers.js expects", (model, _name, { config }) => {
  const layers = Array.from({ length: config.layers }, (_, layer) => [`${layer}.key`, `${layer}.value`])
    .flat();
  assert.deepEqual(model.names, {
    inputs: [
      "attention_mask",
      "input_ids",
      ...layers.map((name) => `past_key_values.${name}`),
      "position_ids",
    ].sort(),
    outputs: ["logits", ...layers.map((name) => `present.${name}`)],
  });
  return Promise.resolve();
});

/** Exports a model in a folder that goes away; gives the parsed config and the bytes of all data files. */
async function exported(folder: string, model: ModelFolder, options: ExportOptions) {
  const { graph } = await exportOnnx(model, folder, options);
  const files = namesIn(join(folder, "onnx"));
  return { graph, files, config: JSON.parse(await Deno.readTextFile(join(folder, "config.json"))) };
}

Deno.test("exportOnnx() writes the files that transformers.js reads", () =>
  inFolder(async (folder) => {
    const model = await openModelFolder(join(GOLDEN, "tiny-qwen3"));
    const out = join(folder, "a");
    const made = await exportOnnx(model, out);
    assert.deepEqual(made, { graph: "onnx/model.onnx", bytes: 526080 });
    assert.deepEqual(
      namesIn(out),
      [...namesIn(model.path).filter((name) => name !== "model.safetensors"), "onnx"].sort(),
    );
    assert.deepEqual(namesIn(join(out, "onnx")), ["model.onnx", "model.onnx_data"]);
    assert.deepEqual(JSON.parse(await Deno.readTextFile(join(out, "config.json"))), {
      ...model.config.raw,
      dtype: "float32",
      "transformers.js_config": { dtype: "fp32", use_external_data_format: { "model.onnx": 1 } },
    });
    const again = join(folder, "b");
    await exportOnnx(model, again);
    for (const file of ["onnx/model.onnx", "onnx/model.onnx_data"]) {
      assert.deepEqual(await Deno.readFile(join(again, file)), await Deno.readFile(join(out, file)), file);
    }
  }));

Deno.test("exportOnnx() puts a template that has its own file where transformers.js reads it", () =>
  inFolder(async (folder) => {
    const golden = await openModelFolder(join(GOLDEN, "tiny-qwen2"));
    const source = join(folder, "source");
    await mergeAdapter(golden, await readAdapter(join(GOLDEN, "tiny-qwen2-lora")), source);
    await Deno.writeTextFile(join(source, "chat_template.jinja"), "{{ messages }}");
    await exportOnnx(await openModelFolder(source), join(folder, "out"));
    const tokenizer = async (folder: string) =>
      JSON.parse(await Deno.readTextFile(join(folder, "tokenizer_config.json")));
    const wanted = { ...await tokenizer(source), chat_template: "{{ messages }}" };
    assert.deepEqual(await tokenizer(join(folder, "out")), wanted);
  }));

Deno.test("exportOnnx() merges an adapter as mergeAdapter() does", () =>
  inFolder(async (folder) => {
    const base = await openModelFolder(join(GOLDEN, "tiny-llama"));
    const adapter = await readAdapter(join(GOLDEN, "tiny-llama-lora"));
    await exportOnnx(base, join(folder, "direct"), { adapter });
    await mergeAdapter(base, adapter, join(folder, "merged"));
    await exportOnnx(await openModelFolder(join(folder, "merged")), join(folder, "by-way"));
    const data = (name: string) => Deno.readFile(join(folder, name, "onnx/model.onnx_data"));
    assert.deepEqual(await data("direct"), await data("by-way"));
  }));

Deno.test("exportOnnx() divides weights over data files that the graph finds", () =>
  inFolder(async (folder) => {
    const model = await openModelFolder(join(GOLDEN, "tiny-llama"));
    const { files, config } = await exported(folder, model, { maxDataBytes: 200_000 });
    assert.deepEqual(files, ["model.onnx", "model.onnx_data", "model.onnx_data_1", "model.onnx_data_2"]);
    assert.deepEqual(config["transformers.js_config"].use_external_data_format, { "model.onnx": 3 });
    await checkLogits(folder, model, "onnx/model.onnx", 1e-5);
  }));

Deno.test("exportOnnx() keeps weights in float16 when asked, under the name that goes with it", () =>
  inFolder(async (folder) => {
    const model = await openModelFolder(join(GOLDEN, "tiny-qwen2"));
    const { graph, files, config } = await exported(folder, model, { type: "float16" });
    assert.equal(graph, "onnx/model_fp16.onnx");
    assert.deepEqual(files, ["model_fp16.onnx", "model_fp16.onnx_data"]);
    assert.equal(config.torch_dtype, "float16");
    assert.deepEqual(config["transformers.js_config"], {
      dtype: "fp16",
      use_external_data_format: { "model_fp16.onnx": 1 },
    });
    await checkLogits(folder, model, graph, 2e-3);
  }));

async function checkLogits(folder: string, { path, config }: ModelFolder, graph: string, tolerance: number) {
  const { input_ids, logits } = await golden<Forward>(`${path.split("/").at(-1)}-forward`);
  await using model = await Exported.open(folder, config, graph);
  const whole = await model.run({ ids: input_ids, mask: input_ids.map((row) => row.map(() => 1)) });
  for (const { row, pos, f64 } of logits) {
    const apart = distance(whole.logits(row, pos), f64);
    assert.ok(apart < tolerance, `row ${row}, position ${pos}: ${apart}`);
  }
}

Deno.test("exportOnnx() refuses a folder that holds something and an adapter of another model", () =>
  inFolder(async (folder) => {
    const model = await openModelFolder(join(GOLDEN, "tiny-qwen2"));
    await Deno.mkdir(join(folder, "full"));
    await Deno.writeTextFile(join(folder, "full", "mine"), "");
    await assertFails(
      () => exportOnnx(model, join(folder, "full")),
      "FILE_ACCESS",
      `Cannot write "${join(folder, "full")}": wanted a new or empty folder: received one that holds "mine"`,
    );
    const adapter = await readAdapter(join(GOLDEN, "tiny-llama-lora"));
    await assertFails(
      () => exportOnnx(model, join(folder, "out"), { adapter }),
      "INVALID_DATA",
      `Cannot use adapter ${adapter.path}: "base_model.model.model.layers.0.self_attn.k_proj.lora_B.weight": ` +
        "wanted shape [32,4]: received [64,4]",
    );
    assert.deepEqual(namesIn(folder), ["full"]);
  }));
