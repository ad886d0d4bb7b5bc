import assert from "node:assert/strict";
import { join } from "node:path";
import { readTensor } from "../onnx/safetensors.ts";
import { assertFails, GOLDEN, inFolder, NAMES, namesIn } from "./_testing_test.ts";
import { openModelFolder } from "./folder.ts";
import { mergeAdapter, weightTypeOf } from "./merge.ts";
import { readAdapter } from "./peft.ts";

interface Recorded {
  readonly shape: readonly number[];
  readonly l2: number;
  readonly sum: number;
  readonly maxabs: number;
}

const near = (found: number, wanted: number, what: string): void =>
  assert.ok(
    Math.abs(found - wanted) < 2e-6 * Math.max(1, Math.abs(wanted)),
    `${what}: ${found}, wanted ${wanted}`,
  );

Deno.test("mergeAdapter() writes the weights that PEFT's merge has", () =>
  inFolder(async (folder) => {
    for (const name of NAMES) {
      const base = await openModelFolder(join(GOLDEN, name));
      await mergeAdapter(base, await readAdapter(join(GOLDEN, `${name}-lora`)), join(folder, name));
      const merged = await openModelFolder(join(folder, name));
      assert.deepEqual(namesIn(merged.path), namesIn(base.path));
      const golden = JSON.parse(await Deno.readTextFile(join(GOLDEN, `${name}-lora.json`)));
      const weights: Record<string, Recorded> = golden.merged.weights;
      for (const [key, entry] of merged.weights.tensors) {
        const { data, shape } = await readTensor(entry);
        const wanted = weights[key];
        if (wanted === undefined) {
          assert.deepEqual(data, (await readTensor(base.weights.tensors.get(key)!)).data);
          continue;
        }
        assert.deepEqual(shape, wanted.shape);
        near(Math.sqrt(data.reduce((sum, x) => sum + x * x, 0)), wanted.l2, `${key} l2`);
        near(data.reduce((sum, x) => sum + x, 0), wanted.sum, `${key} sum`);
        near(data.reduce((most, x) => Math.max(most, Math.abs(x)), 0), wanted.maxabs, `${key} maxabs`);
      }
      assert.equal(Object.keys(weights).length, 14);
    }
  }));

Deno.test("mergeAdapter() keeps the base model's type, or takes another", () =>
  inFolder(async (folder) => {
    const adapter = await readAdapter(join(GOLDEN, "tiny-qwen3-lora"));
    const [half, again] = [join(folder, "half"), join(folder, "again")];
    await mergeAdapter(await openModelFolder(join(GOLDEN, "tiny-qwen3")), adapter, half, {
      type: "bfloat16",
    });
    const model = await openModelFolder(half);
    assert.equal(weightTypeOf(model.weights), "bfloat16");
    await mergeAdapter(model, adapter, again, { maxShardBytes: 100_000 });
    assert.equal(weightTypeOf((await openModelFolder(again)).weights), "bfloat16");
  }));

Deno.test("mergeAdapter() refuses an adapter of another model and writes nothing", () =>
  inFolder(async (folder) => {
    const adapter = await readAdapter(join(GOLDEN, "tiny-llama-lora"));
    const base = await openModelFolder(join(GOLDEN, "tiny-qwen2"));
    await assertFails(
      () => mergeAdapter(base, adapter, join(folder, "out")),
      "INVALID_DATA",
      `Cannot use adapter ${adapter.path}: "base_model.model.model.layers.0.self_attn.k_proj.lora_B.weight": ` +
        "wanted shape [32,4]: received [64,4]",
    );
    assert.deepEqual(namesIn(folder), []);
  }));
