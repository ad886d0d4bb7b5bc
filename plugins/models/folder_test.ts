import assert from "node:assert/strict";
import { join } from "node:path";
import { readTensor, writeSafetensors } from "../onnx/safetensors.ts";
import { elements, type Tensor } from "../onnx/tensor.ts";
import { assertFails, GOLDEN, inFolder, NAMES, namesIn } from "./_testing_test.ts";
import {
  checkTokenizerFits,
  expectedTensors,
  type ModelFolder,
  openModelFolder,
  parameterCount,
  writeModelFolder,
} from "./folder.ts";

async function tensorsOf(model: ModelFolder): Promise<Map<string, Tensor>> {
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of model.weights.tensors) tensors.set(name, await readTensor(entry));
  return tensors;
}

/** A copy of a recorded model with other tensors or another config. */
async function copied(
  to: string,
  change: (tensors: Map<string, Tensor>, config: Record<string, unknown>) => void,
): Promise<string> {
  const model = await openModelFolder(join(GOLDEN, "tiny-qwen2"));
  const [tensors, config] = [await tensorsOf(model), { ...model.config.raw }];
  change(tensors, config);
  await Deno.writeTextFile(join(to, "config.json"), JSON.stringify(config));
  await writeSafetensors(join(to, "model.safetensors"), tensors);
  return to;
}

const zeros = (...shape: number[]): Tensor => ({ shape, data: new Float32Array(elements(shape)) });

Deno.test("openModelFolder() opens the recorded models", async () => {
  for (const name of NAMES) {
    const { config, weights, generation } = await openModelFolder(join(GOLDEN, name));
    assert.deepEqual([...weights.tensors.keys()].sort(), [...expectedTensors(config).keys()].sort());
    assert.deepEqual(generation?.["eos_token_id"], [510, 508]);
    const bytes = [...weights.tensors.values()].reduce((sum, entry) => sum + entry.bytes, 0);
    assert.equal(parameterCount(config) * 4, bytes);
  }
});

Deno.test("openModelFolder() names the tensor that is missing, in the wrong shape, or too many", () =>
  inFolder(async (folder) => {
    const fails = async (change: (tensors: Map<string, Tensor>) => void, message: string) => {
      await copied(folder, change);
      await assertFails(
        () => openModelFolder(folder),
        "INVALID_DATA",
        `Cannot open model ${folder}: ${message}`,
      );
    };
    const k = "model.layers.1.self_attn.k_proj";
    await fails((tensors) => tensors.delete(`${k}.bias`), `"${k}.bias": wanted shape [32]: it is not there`);
    await fails(
      (tensors) => tensors.set(`${k}.weight`, zeros(64, 64)),
      `"${k}.weight": wanted shape [32,64]: received [64,64]`,
    );
    await fails(
      (tensors) => tensors.set("model.layers.2.mlp.up_proj.weight", zeros(1)),
      '"model.layers.2.mlp.up_proj.weight": wanted no such tensor with this config: received shape [1]',
    );
  }));

Deno.test("openModelFolder() takes a tied model that keeps its head, and old rotary frequencies", () =>
  inFolder(async (folder) => {
    await copied(folder, (tensors) => {
      tensors.set("lm_head.weight", zeros(512, 64));
      tensors.set("model.layers.0.self_attn.rotary_emb.inv_freq", zeros(8));
    });
    assert.ok((await openModelFolder(folder)).config.tiedHead);
  }));

Deno.test("openModelFolder() says which file is missing or broken", () =>
  inFolder(async (folder) => {
    const config = join(folder, "config.json");
    await assertFails(
      () => openModelFolder(folder),
      "FILE_ACCESS",
      `Cannot read "${config}": no such file or folder`,
    );
    await Deno.writeTextFile(config, "{");
    await assert.rejects(openModelFolder(folder), { code: "INVALID_DATA", data: { file: config } });
    await copied(folder, () => {});
    await Deno.writeTextFile(join(folder, "generation_config.json"), "[]");
    await assertFails(
      () => openModelFolder(folder),
      "INVALID_DATA",
      `Cannot read ${join(folder, "generation_config.json")}: wanted an object`,
    );
  }));

Deno.test("openModelFolder() notices weights that were cut off", () =>
  inFolder(async (folder) => {
    await copied(folder, () => {});
    const file = join(folder, "model.safetensors");
    const { size } = await Deno.stat(file);
    await Deno.truncate(file, size - 1);
    const [last] = [...expectedTensors((await openModelFolder(join(GOLDEN, "tiny-qwen2"))).config).keys()]
      .sort()
      .slice(-1);
    await assertFails(
      () => openModelFolder(folder),
      "INVALID_DATA",
      `Cannot read weights ${file}: "${last}": wanted bytes up to ${size}: the file ends at ${size - 1}`,
    );
  }));

Deno.test("writeModelFolder() writes what openModelFolder() reads, in shards as well", () =>
  inFolder(async (folder) => {
    const model = await openModelFolder(join(GOLDEN, "tiny-qwen3"));
    const tensors = await tensorsOf(model);
    const [whole, split] = [join(folder, "whole"), join(folder, "deep", "split")];
    await writeModelFolder(whole, { config: model.config, tensors, copyFrom: model.path });
    assert.deepEqual(
      namesIn(whole),
      namesIn(model.path),
    );
    await writeModelFolder(split, { config: model.config, tensors, maxShardBytes: 150_000 });
    assert.deepEqual(namesIn(split).slice(0, 3), [
      "config.json",
      "model-00001-of-00004.safetensors",
      "model-00002-of-00004.safetensors",
    ]);
    for (const written of [whole, split]) {
      const opened = await openModelFolder(written);
      assert.deepEqual(await tensorsOf(opened), await tensorsOf(model));
      assert.deepEqual(opened.config.raw, model.config.raw);
    }
    const index = JSON.parse(await Deno.readTextFile(join(split, "model.safetensors.index.json")));
    assert.equal(index.metadata.total_size, parameterCount(model.config) * 4);
    for (const name of namesIn(split).filter((name) => name.endsWith(".safetensors"))) {
      assert.ok((await Deno.stat(join(split, name))).size < 155_000); // header beside
    }
  }));

Deno.test("writeModelFolder() names the type on disk in the field that the config uses", () =>
  inFolder(async (folder) => {
    for (const [name, field] of [["tiny-qwen2", "torch_dtype"], ["tiny-qwen3", "dtype"]] as const) {
      const { config, weights } = await openModelFolder(join(GOLDEN, name));
      const tensors = new Map(
        [...weights.tensors].map((
          [key, entry],
        ) => [key, { shape: entry.shape, read: () => readTensor(entry) }]),
      );
      const path = join(folder, name);
      await writeModelFolder(path, { config, tensors, type: "bfloat16" });
      const written = await openModelFolder(path);
      assert.equal(written.config.raw[field], "bfloat16");
      assert.deepEqual(
        new Set([...written.weights.tensors.values()].map(({ type }) => type)),
        new Set(["bfloat16"]),
      );
    }
  }));

Deno.test("writeModelFolder() leaves nothing when it cannot finish, and clears what a killed one left", () =>
  inFolder(async (folder) => {
    const model = await openModelFolder(join(GOLDEN, "tiny-llama"));
    const tensors = await tensorsOf(model);
    const path = join(folder, "out");
    const last = "lm_head.weight";
    const broken = new Map<string, Tensor | { shape: readonly number[]; read(): Promise<Tensor> }>(tensors);
    broken.set(last, { shape: [512, 64], read: () => Promise.reject(new RangeError("no more")) });
    await assert.rejects(
      writeModelFolder(path, { config: model.config, tensors: broken }),
      /^RangeError: no more$/,
    );
    assert.deepEqual(namesIn(folder), []);
    await Deno.mkdir(`${path}.part`);
    await Deno.writeTextFile(join(`${path}.part`, "junk"), "");
    await writeModelFolder(path, { config: model.config, tensors });
    assert.deepEqual(namesIn(path), ["config.json", "model.safetensors"]);
    assert.deepEqual(namesIn(folder), ["out"]);
  }));

Deno.test("writeModelFolder() refuses a folder that holds something, and tensors that do not fit", () =>
  inFolder(async (folder) => {
    const { config } = await openModelFolder(join(GOLDEN, "tiny-llama"));
    await Deno.writeTextFile(join(folder, "mine"), "");
    const tensors = new Map([...expectedTensors(config)].map(([name, shape]) => [name, zeros(...shape)]));
    await assertFails(
      () => writeModelFolder(folder, { config, tensors }),
      "FILE_ACCESS",
      `Cannot write "${folder}": wanted a new or empty folder: received one that holds "mine"`,
    );
    tensors.delete("model.norm.weight");
    await assertFails(
      () => writeModelFolder(join(folder, "out"), { config, tensors }),
      "INVALID_DATA",
      `Cannot write model ${join(folder, "out")}: "model.norm.weight": wanted shape [64]: it is not there`,
    );
  }));

Deno.test("checkTokenizerFits() refuses more tokens than the embedding has rows", async () => {
  const { config } = await openModelFolder(join(GOLDEN, "tiny-llama"));
  checkTokenizerFits(config, 512, "tokenizer.json");
  await assertFails(
    () => checkTokenizerFits(config, 513, "tokenizer.json"),
    "INVALID_DATA",
    "Cannot use tokenizer tokenizer.json: wanted at most 512 tokens, the rows of the model's embedding: received 513",
  );
});
