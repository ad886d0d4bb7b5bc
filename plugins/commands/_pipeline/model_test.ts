import assert from "node:assert/strict";
import { join } from "node:path";
import { inFolder } from "../_testing_test.ts";
import { ownModel, trainedModel, withModel } from "./model.ts";

const NEW = { init: "nano", family: "llama", seed: 7, template: "chatml", context: 4096 } as const;

Deno.test("ownModel() names new models apart, and only those", () => {
  const names = [
    NEW,
    { ...NEW, template: "bare" },
    { ...NEW, context: 64 },
    { ...NEW, template: "bare", context: 64 },
  ] as const;
  assert.deepEqual(names.map(ownModel), [
    "model-llama-nano-7",
    "model-llama-nano-7-bare",
    "model-llama-nano-7-64",
    "model-llama-nano-7-bare-64",
  ]);
  assert.deepEqual([undefined, "models/smollm2", { train: "sft" }].map(ownModel), [null, null, null]);
});

Deno.test("withModel() puts model and adapter over what options say", () => {
  assert.deepEqual(withModel({ model: "old", rank: 4 }, null), { model: "old", rank: 4 });
  assert.deepEqual(withModel({ model: "old", rank: 4 }, { model: "new", adapter: null }), {
    model: "new",
    rank: 4,
  });
  assert.deepEqual(withModel({}, { model: "new", adapter: "lora" }), { model: "new", adapter: "lora" });
});

Deno.test("trainedModel() is the base with an adapter where the result is one", () =>
  inFolder(async (folder) => {
    const final = join(folder, "final");
    await Deno.mkdir(final);
    assert.deepEqual(await trainedModel(folder, "base"), { model: final, adapter: null });
    await Deno.writeTextFile(join(final, "adapter_config.json"), "{}");
    assert.deepEqual(await trainedModel(folder, "base"), { model: "base", adapter: final });
  }));
