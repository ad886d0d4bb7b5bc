/** Several adapters on one session against sessions with one adapter each. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { seeded } from "../../../core/prng.ts";
import { initModel } from "../init.ts";
import { openModelFolder } from "../folder.ts";
import { type LoraOptions, loraParameters } from "../lora.ts";
import { readAdapter, writeAdapter } from "../peft.ts";
import { elements } from "../../onnx/tensor.ts";
import type { ChatModel } from "./acting_model.ts";
import { adapterParameters } from "./adapters.ts";
import type { GenerateRequest, Generation } from "./generator.ts";
import { type ChatModelOptions, openChatModel } from "./open_chat_model.ts";

const root = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const folder = join(root, "model");
const size = { layers: 2, hiddenSize: 32, heads: 2, keyValueHeads: 1, intermediateSize: 48 };
await initModel(folder, { seed: 3n, size, contextLength: 256 });
const { config } = await openModelFolder(folder);

/** Adapters of different rank, scale and modules, the last in its second layer alone. */
const made: Readonly<Record<string, LoraOptions & { readonly layer?: number }>> = {
  wide: { rank: 6, alpha: 3 },
  narrow: { rank: 2, alpha: 8, rsLora: true, targets: ["q_proj", "v_proj"] },
  late: { rank: 3, alpha: 3, targets: ["down_proj", "o_proj"], layer: 1 },
};

/** Writes an adapter of random numbers; returns its folder. */
async function written(name: string, options: LoraOptions & { readonly layer?: number }): Promise<string> {
  const path = join(root, name);
  const prng = seeded(name.length);
  const tensors = new Map(
    loraParameters(config, options)
      .filter(({ name }) => options.layer === undefined || name.includes(`layers.${options.layer}.`))
      .map(({ name, shape }) => {
        const data = new Float32Array(elements(shape)).map(() => 0.6 * prng() - 0.3);
        return [name, { shape, data }];
      }),
  );
  const { rank, alpha, rsLora = false } = options;
  await writeAdapter(path, { rank, alpha, rsLora, baseModel: "base", tensors });
  return path;
}

const adapters = Object.fromEntries(
  await Promise.all(
    Object.entries(made).map(async ([name, options]) => [name, await written(name, options)] as const),
  ),
);

async function withModel<T>(
  options: Omit<ChatModelOptions, "model">,
  use: (model: ChatModel) => Promise<T>,
): Promise<T> {
  const model = await openChatModel({ model: folder, provider: "cpu", ...options });
  await using _ = model.generator;
  return await use(model);
}

const names = [null, ...Object.keys(made)];
const requests = (adapter: string | null): GenerateRequest[] =>
  [0, 1].map((temperature) => ({
    promptIds: Int32Array.of(5, 6, 7, 8),
    maxNewTokens: 70,
    seed: 4,
    sampling: { temperature },
    adapter,
  }));

function same(found: Generation, wanted: Generation, what: string): void {
  assert.deepEqual(found.ids, wanted.ids, what);
  for (const [t, value] of found.logProbabilities.entries()) {
    assert.ok(Math.abs(value - wanted.logProbabilities[t]!) < 1e-4, what);
  }
}

Deno.test("adapters and the base model in one batch write what each writes alone", async () => {
  const alone = await Promise.all(
    names.map((name) =>
      withModel({ adapter: name === null ? undefined : adapters[name] }, ({ generator }) =>
        Promise.all(
          requests(null).map((request) => generator.generate(request)),
        ))
    ),
  );
  assert.equal(new Set(alone.map(([greedy]) => greedy!.ids.join())).size, names.length);
  await withModel({ adapters }, async ({ generator }) => {
    assert.deepEqual(generator.adapters, Object.keys(made));
    const all = names.flatMap(requests);
    const together = await Promise.all(all.map((request) => generator.generate(request)));
    for (const [at, wanted] of alone.flat().entries()) same(together[at]!, wanted, `request ${at}`);
    for (const [at, request] of all.entries()) {
      assert.deepEqual(await generator.generate(request), together[at]);
    }
  });
});

Deno.test("requests that name no adapter get the one that the session was opened with", () =>
  withModel(
    { adapter: adapters["wide"], adapters: { narrow: adapters["narrow"]! } },
    async ({ generator }) => {
      const wanted = await withModel({ adapter: adapters["wide"] }, (one) =>
        one.generator.generate(requests(null)[0]!));
      same(await generator.generate(requests(null)[0]!), wanted, "its own");
      assert.deepEqual(generator.adapters, ["narrow"]);
    },
  ));

Deno.test("adapters come and go while the session runs, when there is a place for them", () =>
  withModel({ adapters: { narrow: adapters["narrow"]! } }, async ({ generator }) => {
    const { model } = generator;
    const [request] = requests("more") as [GenerateRequest];
    await assert.rejects(generator.generate(request), {
      name: "RangeError",
      message: 'Cannot generate: wanted no adapter or one of "narrow": received "more"',
    });
    const again = await adapterParameters(model, await readAdapter(adapters["narrow"]!));
    generator.setAdapter("more", again);
    const wanted = await generator.generate({ ...request, adapter: "narrow" });
    const running = generator.generate(request);
    const busy = 'Cannot change adapter "more": wanted no requests that use it: received 1';
    assert.throws(() => generator.setAdapter("more", again), { name: "TypeError", message: busy });
    assert.throws(() => generator.removeAdapter("more"), { name: "TypeError", message: busy });
    generator.removeAdapter("narrow");
    assert.deepEqual(await running, wanted);
    assert.deepEqual(generator.adapters, ["more"]);
    assert.throws(() => generator.setAdapter("none", {}), {
      name: "TypeError",
      message:
        'Cannot set adapter "none": wanted 64 numbers for "model.layers.0.self_attn.q_proj.lora_A.weight": received 0',
    });
    await assert.rejects(adapterParameters(model, await readAdapter(adapters["wide"]!)), {
      code: "INVALID_DATA",
      message: `Cannot use adapter ${
        adapters["wide"]
      } in this session: wanted a rank of at most 2: received 6`,
    });
    const other = await written("other", { rank: 1, alpha: 1, targets: ["o_proj"] });
    await assert.rejects(adapterParameters(model, await readAdapter(other)), {
      code: "INVALID_DATA",
      message:
        `Cannot use adapter ${other} in this session: wanted modules that its first adapters have: received "model.layers.0.self_attn.o_proj"`,
    });
  }));

Deno.test("a state of one adapter is of no use to another", () =>
  withModel({ adapters }, async ({ generator }) => {
    const [request] = requests("wide") as [GenerateRequest];
    const { state } = await generator.generate({ ...request, maxNewTokens: 1, keepState: true });
    const longer = { ...request, promptIds: Int32Array.of(5, 6, 7, 8, 9), adapter: "late" };
    assert.deepEqual(
      await generator.generate({ ...longer, state: state! }),
      await generator.generate(longer),
    );
  }));
