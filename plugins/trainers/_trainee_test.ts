import assert from "node:assert/strict";
import { join } from "node:path";
import { readAdapter, writeAdapter } from "../models/mod.ts";
import { Trainee, type TraineeOptions } from "./_trainee.ts";
import { inFolder, tinyModel } from "./_testing_test.ts";

const OPTIONS = {
  method: "lora",
  loraRank: 4,
  loraAlpha: 8,
  loraRs: false,
  loraTargets: ["q_proj", "down_proj"],
  seed: 1,
  provider: "cpu",
  prepack: true,
} as const;

const quiet = () => {};
const create = (options: Partial<TraineeOptions> & { readonly model: string }) =>
  Trainee.create({ ...OPTIONS, ...options }, quiet);
const vectors = ({ learner }: Trainee) => learner.states.map((state) => [...state.parameters]);

/** Code and message of a refusal. */
async function refusal(made: Promise<unknown>): Promise<{ code: unknown; message: string }> {
  try {
    await made;
  } catch (thrown) {
    const { code, message } = thrown as { code: unknown; message: string };
    return { code, message };
  }
  return assert.fail("it was not refused");
}

inFolder("Trainee begins with adapters that change nothing, from its seed", async (folder) => {
  const model = await tinyModel(folder);
  await using trainee = await create({ model });
  await using same = await create({ model });
  await using other = await create({ model, seed: 2 });
  // One layer, width 16, 2 heads of 8, 32 inside: q takes 16 × 4 both ways, down 32 × 4 and 16 × 4.
  assert.equal(trainee.parameters, 4 * (16 + 16) + 4 * (32 + 16));
  const [values] = vectors(trainee);
  assert.ok(values!.slice(0, 4 * 48).every((x) => x !== 0 && Math.abs(x) <= 1 / 4));
  assert.ok(values!.slice(4 * 48).every((x) => x === 0));
  assert.deepEqual(vectors(same), vectors(trainee));
  assert.notDeepEqual(vectors(other), vectors(trainee));
});

for (const method of ["lora", "full"] as const) {
  inFolder(`Trainee reads back exactly what it saved: ${method}`, async (folder) => {
    const model = await tinyModel(folder, { family: "qwen3" });
    await using trainee = await create({ model, method });
    for (const { parameters } of trainee.learner.states) {
      for (let i = 0; i < parameters.length; i++) parameters[i] = Math.sin(i) / 3;
    }
    assert.equal(
      await trainee.save(folder + "/out"),
      join(folder, "out", method === "lora" ? "adapter" : "model"),
    );
    await using again = await create({ model, method });
    assert.notDeepEqual(vectors(again), vectors(trainee));
    await again.load(folder + "/out");
    assert.deepEqual(vectors(again), vectors(trainee));
  });
}

inFolder("Trainee keeps one session for each name", async (folder) => {
  await using trainee = await create({ model: await tinyModel(folder) });
  const first = trainee.scoring({ maxPositions: 8 });
  assert.equal(trainee.scoring({ maxPositions: 8 }), first);
  assert.notEqual(trainee.scoring({ maxPositions: 16 }), first);
  await first;
});

inFolder("Trainee refuses weights that are cut off or whose header lies", async (folder) => {
  const model = await tinyModel(folder);
  const file = join(model, "model.safetensors");
  const bytes = await Deno.readFile(file);
  await Deno.writeFile(file, bytes.subarray(0, bytes.length - 10));
  assert.deepEqual(await refusal(create({ model })), {
    code: "INVALID_DATA",
    message:
      `Cannot read weights ${file}: "model.norm.weight": wanted bytes up to ${bytes.length}: the file ends ` +
      `at ${bytes.length - 10}`,
  });
  const lie = new TextDecoder("latin1").decode(bytes).replace("[264,16]", "[264,17]");
  await Deno.writeFile(file, Uint8Array.from(lie, (character) => character.charCodeAt(0)));
  assert.deepEqual(await refusal(create({ model })), {
    code: "INVALID_DATA",
    message:
      `Cannot read weights ${file}: "lm_head.weight": wanted 17952 bytes for F32 [264,17]: received 16896`,
  });
});

inFolder("Trainee refuses adapters that do not fit, and any when all weights are trained", async (folder) => {
  const model = await tinyModel(folder);
  const adapter = join(folder, "adapter");
  const shaped = async (module: string, outputs: number, inputs: number) => {
    await Deno.remove(adapter, { recursive: true }).catch(() => {});
    await writeAdapter(adapter, {
      rank: 2,
      alpha: 4,
      rsLora: false,
      baseModel: null,
      tensors: new Map([
        [`${module}.lora_A.weight`, { data: new Float32Array(2 * inputs), shape: [2, inputs] }],
        [`${module}.lora_B.weight`, { data: new Float32Array(2 * outputs), shape: [outputs, 2] }],
      ]),
    });
  };
  const A = (module: string) => `Cannot use adapter ${adapter}: "base_model.model.${module}.lora_A.weight"`;
  await shaped("model.layers.0.self_attn.q_proj", 16, 24);
  assert.deepEqual(await refusal(create({ model, adapter })), {
    code: "INVALID_DATA",
    message: `${A("model.layers.0.self_attn.q_proj")}: wanted shape [2,16]: received [2,24]`,
  });
  await shaped("model.layers.1.self_attn.q_proj", 16, 16);
  assert.deepEqual(await refusal(create({ model, adapter })), {
    code: "INVALID_DATA",
    message: `${A("model.layers.1.self_attn.q_proj")}: wanted a linear layer of the model: there is no ` +
      '"model.layers.1.self_attn.q_proj"',
  });
  await shaped("model.layers.0.self_attn.q_proj", 16, 16);
  assert.deepEqual(await refusal(create({ model, adapter, method: "full" })), {
    code: "INVALID_OPTIONS",
    message:
      `Cannot train all weights from adapter ${adapter}: wanted a model: merge the adapter first, or train ` +
      "with lora",
  });
  await using trainee = await create({ model, adapter, loraRs: true });
  await trainee.saveAs(join(folder, "again"));
  const { rank, alpha, rsLora, targetModules } = await readAdapter(join(folder, "again"));
  assert.deepEqual({ rank, alpha, rsLora, targetModules }, {
    rank: 2,
    alpha: 4,
    rsLora: false,
    targetModules: ["q_proj"],
  });
});

inFolder(
  "Trainee scales rsLoRA by the root of the rank and says so in the adapter's config",
  async (folder) => {
    const model = await tinyModel(folder);
    await using plain = await create({ model });
    await using root = await create({ model, loraRs: true });
    assert.deepEqual([plain.model.lora, root.model.lora], [{ rank: 4, scale: 2 }, { rank: 4, scale: 4 }]);
    await root.saveAs(join(folder, "adapter"));
    const config = JSON.parse(await Deno.readTextFile(join(folder, "adapter", "adapter_config.json")));
    assert.deepEqual([config.r, config.lora_alpha, config.use_rslora], [4, 8, true]);
  },
);

inFolder("Trainee refuses a provider that is not there", async (folder) => {
  const model = await tinyModel(folder);
  const { code, message } = await refusal(create({ model, provider: "tpu" as "cpu" }));
  assert.deepEqual([code, message], [
    "ENGINE_FAILED",
    'Cannot use "tpu": wanted a provider of this build of ONNX Runtime',
  ]);
});
