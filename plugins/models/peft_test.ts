import assert from "node:assert/strict";
import fc from "fast-check";
import { join } from "node:path";
import { readTensor, writeSafetensors } from "../onnx/safetensors.ts";
import type { Tensor } from "../onnx/tensor.ts";
import { assertFails, GOLDEN, inFolder, NAMES, namesIn } from "./_testing_test.ts";
import { openModelFolder } from "./folder.ts";
import { adapterScale, checkAdapterFits, readAdapter, writeAdapter } from "./peft.ts";

const settings = { rank: 2, alpha: 8, rsLora: false, baseModel: "base" };
const module = "model.layers.0.self_attn.q_proj";
const pair = (rank = 2, outputs = 64, inputs = 64): Map<string, Tensor> =>
  new Map([
    [`${module}.lora_A.weight`, { shape: [rank, inputs], data: new Float32Array(rank * inputs).fill(1) }],
    [`${module}.lora_B.weight`, { shape: [outputs, rank], data: new Float32Array(outputs * rank).fill(2) }],
  ]);

Deno.test("readAdapter() reads what PEFT wrote", async () => {
  for (const name of NAMES) {
    const adapter = await readAdapter(join(GOLDEN, `${name}-lora`));
    const { rank, alpha, rsLora, baseModel, targetModules, modules } = adapter;
    assert.deepEqual([rank, alpha, rsLora, baseModel, targetModules.length, modules.size], [
      4,
      8,
      false,
      name,
      7,
      14,
    ]);
    checkAdapterFits(adapter, (await openModelFolder(join(GOLDEN, name))).config);
    const { init } = JSON.parse(await Deno.readTextFile(join(GOLDEN, `${name}-lora.json`)));
    for (const [module, { a, b }] of modules) {
      for (const [entry, side] of [[a, "lora_A"], [b, "lora_B"]] as const) {
        const values = Float32Array.from(init[`${module}.${side}`].flat());
        assert.deepEqual((await readTensor(entry)).data, values);
      }
    }
  }
});

Deno.test("writeAdapter() writes what readAdapter() reads", () =>
  inFolder(async (folder) => {
    const path = join(folder, "adapter");
    const tensors = pair();
    await writeAdapter(path, {
      ...settings,
      rsLora: true,
      dropout: 0.1,
      tensors,
      files: { "README.md": "x" },
    });
    assert.deepEqual(namesIn(path), ["README.md", "adapter_config.json", "adapter_model.safetensors"]);
    const { weights, modules, ...rest } = await readAdapter(path);
    assert.deepEqual(rest, { ...settings, rsLora: true, targetModules: ["q_proj"], path });
    assert.deepEqual([...weights.tensors.keys()], [
      `base_model.model.${module}.lora_A.weight`,
      `base_model.model.${module}.lora_B.weight`,
    ]);
    const { a, b } = modules.get(module)!;
    assert.deepEqual(await readTensor(a), tensors.get(`${module}.lora_A.weight`));
    assert.deepEqual(await readTensor(b), tensors.get(`${module}.lora_B.weight`));
  }));

Deno.test("writeAdapter() refuses a tensor that is neither A nor B", () =>
  inFolder(async (folder) => {
    const tensors = new Map([[`${module}.weight`, [...pair().values()][0]!]]);
    await assert.rejects(writeAdapter(join(folder, "a"), { ...settings, tensors }), {
      name: "RangeError",
      message: `Cannot write adapter: wanted a name like ‹module›.lora_A.weight: received "${module}.weight"`,
    });
    assert.deepEqual(namesIn(folder), []);
  }));

Deno.test("writeAdapter() keeps target modules that are a pattern", () =>
  inFolder(async (folder) => {
    for (const targetModules of ["all-linear", String.raw`.*\.(q|v)_proj`]) {
      const path = join(folder, String(targetModules.length));
      await writeAdapter(path, { ...settings, targetModules, tensors: pair() });
      assert.equal((await readAdapter(path)).targetModules, targetModules);
    }
  }));

Deno.test("adapterScale() divides by the rank, or by its root", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 512 }), fc.integer({ min: 1, max: 512 }), (rank, alpha) => {
    const scale = adapterScale({ rank, alpha, rsLora: false });
    assert.equal(scale, alpha / rank);
    assert.ok(Math.abs(adapterScale({ rank, alpha, rsLora: true }) / scale - Math.sqrt(rank)) < 1e-9);
  }));
});

const REFUSED: readonly (readonly [Record<string, unknown>, string])[] = [
  [{ peft_type: "IA3" }, 'peft_type: wanted "LORA": received "IA3"'],
  [{ use_dora: true }, "use_dora: wanted nothing set: received true"],
  [{ modules_to_save: ["lm_head"] }, 'modules_to_save: wanted nothing set: received ["lm_head"]'],
  [{ rank_pattern: { q_proj: 8 } }, 'rank_pattern: wanted nothing set: received {"q_proj":8}'],
  [{ alpha_pattern: { q_proj: 8 } }, 'alpha_pattern: wanted nothing set: received {"q_proj":8}'],
  [{ layer_replication: [[0, 1]] }, "layer_replication: wanted nothing set: received [[0,1]]"],
  [{ bias: "all" }, 'bias: wanted "none": received "all"'],
  [
    { init_lora_weights: "pissa" },
    'init_lora_weights: wanted a start that leaves the base model\'s weights alone: received "pissa"',
  ],
  [{ r: 0 }, "r: wanted a whole number above 0: received 0"],
  [{ lora_alpha: "8" }, 'lora_alpha: wanted a number above 0: received "8"'],
  [
    { target_modules: null },
    "target_modules: wanted a list of names, a regular expression or all-linear: received null",
  ],
];

Deno.test("readAdapter() refuses what it would have to ignore, by field", () =>
  inFolder(async (folder) => {
    const path = join(folder, "adapter");
    await writeAdapter(path, { ...settings, tensors: pair() });
    const file = join(path, "adapter_config.json");
    const config = JSON.parse(await Deno.readTextFile(file));
    for (const [fields, message] of REFUSED) {
      await Deno.writeTextFile(file, JSON.stringify({ ...config, ...fields }));
      await assertFails(
        () => readAdapter(path),
        "INVALID_DATA",
        `Cannot use adapter config ${file}: ${message}`,
      );
    }
  }));

Deno.test("readAdapter() refuses tensors that are no pairs of the rank", () =>
  inFolder(async (folder) => {
    await writeAdapter(join(folder, "adapter"), { ...settings, tensors: pair() });
    const file = join(folder, "adapter", "adapter_model.safetensors");
    const fails = async (tensors: Map<string, Tensor>, message: string) => {
      await writeSafetensors(file, tensors);
      await assertFails(
        () => readAdapter(join(folder, "adapter")),
        "INVALID_DATA",
        `Cannot use adapter weights ${file}: ${message}`,
      );
    };
    const full = (name: string) => `base_model.model.${module}.${name}.weight`;
    const [a, b] = [...pair().values()] as [Tensor, Tensor];
    await fails(
      new Map([["lm_head.weight", a]]),
      '"lm_head.weight": wanted a name like base_model.model.‹module›.lora_A.weight',
    );
    await fails(
      new Map([[full("lora_A"), a]]),
      `"${full("lora_A")}": wanted its lora_B beside it: it is not there`,
    );
    await fails(
      new Map([[full("lora_B"), b]]),
      `"${full("lora_B")}": wanted its lora_A beside it: it is not there`,
    );
    await fails(
      new Map([...pair(3)].map(([name, tensor]) => [`base_model.model.${name}`, tensor])),
      `"${full("lora_A")}": wanted a matrix of rank 2: received shape [3,64]`,
    );
  }));

Deno.test("checkAdapterFits() names the tensor that fits no layer", () =>
  inFolder(async (folder) => {
    const { config } = await openModelFolder(join(GOLDEN, "tiny-qwen2"));
    const path = join(folder, "wide");
    await writeAdapter(path, { ...settings, tensors: pair(2, 64, 32) });
    const wide = await readAdapter(path);
    await assertFails(
      () => checkAdapterFits(wide, config),
      "INVALID_DATA",
      `Cannot use adapter ${path}: "base_model.model.${module}.lora_A.weight": wanted shape [2,64]: received [2,32]`,
    );
    // The head of a tied model is its embedding.
    const [head, tensors] = [join(folder, "head"), pair(2, 512, 64)];
    const renamed = [...tensors].map(([name, tensor]) => [name.replace(module, "lm_head"), tensor] as const);
    await writeAdapter(head, { ...settings, tensors: new Map(renamed) });
    const adapter = await readAdapter(head);
    await assertFails(
      () => checkAdapterFits(adapter, config),
      "INVALID_DATA",
      `Cannot use adapter ${head}: "base_model.model.lm_head.lora_A.weight": wanted a linear layer of the model: ` +
        'there is no "lm_head"',
    );
  }));
