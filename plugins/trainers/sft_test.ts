import assert from "node:assert/strict";
import { join } from "node:path";
import { openModelFolder } from "../models/mod.ts";
import { readHeader, readTensor } from "../onnx/safetensors.ts";
import {
  conversations,
  exchange,
  hashes,
  inFolder,
  only,
  series,
  tinyModel,
  train,
} from "./_testing_test.ts";

const four = ["a", "bcd", "efghi", "jk"].map((text) => exchange("Say", text.repeat(3)));
const finalOf = (events: Awaited<ReturnType<typeof train>>) => only(events, "end")[0]!;

async function weights(file: string): Promise<Map<string, Float32Array>> {
  const { tensors } = await readHeader(file);
  return new Map(
    await Promise.all(
      [...tensors].map(async ([name, entry]) => [name, (await readTensor(entry)).data] as const),
    ),
  );
}

function apart(a: ReadonlyMap<string, Float32Array>, b: ReadonlyMap<string, Float32Array>): number {
  assert.deepEqual([...a.keys()], [...b.keys()]);
  return Math.max(
    ...[...a].map(([name, data]) => Math.max(...data.map((x, i) => Math.abs(x - b.get(name)![i]!)))),
  );
}

function assertClose(actual: readonly number[], expected: readonly number[], relative: number): void {
  assert.equal(actual.length, expected.length);
  for (const [at, value] of expected.entries()) {
    assert.ok(
      Math.abs(actual[at]! - value) <= relative * Math.abs(value),
      `${at}: ${actual[at]} is not ${value}`,
    );
  }
}

inFolder(
  "sft takes the same steps however a batch is cut up",
  async (folder) => {
    const model = await tinyModel(folder);
    const shared = {
      model,
      epochs: 8,
      learningRate: 1e-2,
      loraTargets: ["q_proj", "down_proj"],
      maxLength: 128,
    };
    for (const method of ["lora", "full"] as const) {
      const file = method === "lora" ? "adapter_model.safetensors" : "model.safetensors";
      const run = async (name: string, options: object) => {
        const out = join(folder, method, name);
        const events = await train({ ...shared, method, ...options }, { rows: four, folder: out });
        return { loss: series(events, "loss"), weights: await weights(join(out, "final", file)) };
      };
      const batch = await run("batch", { batchSize: 4 });
      assert.equal(batch.loss.length, 8);
      assert.ok(batch.loss.at(-1)! < batch.loss[0]! - 0.01, `${batch.loss}`);
      for (
        const [name, options] of Object.entries({
          accumulated: { batchSize: 1, accumulation: 4 },
          packed: { batchSize: 4, packing: true },
          both: { batchSize: 1, accumulation: 4, packing: true },
          "with less memory": { batchSize: 4, recompute: true, headChunk: 5 },
        })
      ) {
        const other = await run(name, options);
        assertClose(other.loss, batch.loss, 1e-6);
        assert.ok(
          apart(other.weights, batch.weights) < 2e-4,
          `${method} ${name}: ${apart(other.weights, batch.weights)}`,
        );
      }
    }
  },
);

inFolder("sft gives the same bytes from the same seed and others from another", async (folder) => {
  const model = await tinyModel(folder);
  for (const method of ["lora", "full"] as const) {
    const run = async (name: string, seed: number) => {
      const out = join(folder, method, name);
      await train({ model, method, seed, epochs: 1, learningRate: 1e-3 }, { folder: out });
      return await hashes(join(out, "final"));
    };
    const first = await run("first", 1);
    assert.deepEqual(await run("again", 1), first);
    assert.notDeepEqual(await run("other", 2), first);
  }
});

inFolder("sft tells the learning rate of its warm-up and schedule in every step", async (folder) => {
  const model = await tinyModel(folder);
  const rates = async (schedule: string) => {
    const events = await train(
      { model, schedule, batchSize: 2, epochs: 2, warmupRatio: 0.25, learningRate: 0.08 },
      { rows: four.concat(four), folder: join(folder, schedule) },
    );
    return series(events, "learningRate").map((rate) => Number(rate.toFixed(9)));
  };
  assert.deepEqual(await rates("linear"), [
    0,
    0.04,
    0.08,
    0.066666667,
    0.053333333,
    0.04,
    0.026666667,
    0.013333333,
  ]);
  assert.deepEqual(await rates("constant"), [0, 0.04, 0.08, 0.08, 0.08, 0.08, 0.08, 0.08]);
});

inFolder("sft of all weights decays matrices, not norms and biases", async (folder) => {
  const model = await tinyModel(folder, { family: "qwen2" });
  const run = async (weightDecay: number) => {
    const out = join(folder, `${weightDecay}`);
    await train(
      { model, method: "full", weightDecay, maxSteps: 1, warmupRatio: 0, learningRate: 0.01 },
      { rows: four, folder: out },
    );
    return await weights(join(out, "final", "model.safetensors"));
  };
  const before = await weights(join(model, "model.safetensors"));
  const [plain, decayed] = [await run(0), await run(10)];
  for (const [name, data] of plain) {
    const matrix = !name.endsWith("norm.weight") && !name.endsWith(".bias");
    for (const [i, x] of data.entries()) {
      const wanted = x - (matrix ? 0.01 * 10 * before.get(name)![i]! : 0);
      assert.ok(Math.abs(decayed.get(name)![i]! - wanted) < 1e-7, `${name}[${i}]`);
    }
  }
});

inFolder("sft stops early, and its best folder is the best checkpoint", async (folder) => {
  const model = await tinyModel(folder);
  const evaluation = [exchange("Say", "zzz")];
  const options = {
    model,
    batchSize: 1,
    epochs: 40,
    evalEvery: 1,
    patience: 3,
    learningRate: 0.05,
    warmupRatio: 0,
  };
  const events = await train(options, { rows: four, evaluation, folder });
  const end = finalOf(events);
  const evaluations = only(events, "evaluation").map(({ step, metrics }) => ({
    step,
    loss: metrics["loss"]!,
  }));
  assert.equal(end.reason, "early_stop");
  assert.deepEqual(evaluations.map(({ step }) => step), [...Array(end.step + 1).keys()]);
  const best = evaluations.reduce((a, b) => b.loss < a.loss ? b : a);
  assert.ok(best.step > 0);
  assert.equal(end.step, best.step + 3);
  const { best: told, final, evaluation: last } = end.summary as unknown as {
    best: { folder: string; step: number; loss: number };
    final: string;
    evaluation: { loss: number };
  };
  assert.deepEqual(told, { folder: join(folder, "best"), ...best });
  assert.equal(last.loss, evaluations.at(-1)!.loss);
  const checkpoint = join(folder, "checkpoints", `checkpoint-${String(best.step).padStart(6, "0")}`);
  assert.deepEqual(await hashes(join(folder, "best")), await hashes(join(checkpoint, "adapter")));
  assert.notDeepEqual(await hashes(final), await hashes(told.folder));
});

inFolder("sft goes on from an adapter, with its rank, scale and targets", async (folder) => {
  const model = await tinyModel(folder);
  const evaluation = four.slice(0, 2);
  const shared = { model, epochs: 3, learningRate: 0.02 };
  const losses = (events: Awaited<ReturnType<typeof train>>) =>
    only(events, "evaluation").map((e) => e.metrics["loss"]!);
  const first = join(folder, "first");
  const before = losses(
    await train({ ...shared, loraRank: 3, loraAlpha: 5, loraRs: true, loraTargets: ["v_proj", "up_proj"] }, {
      rows: four,
      evaluation,
      folder: first,
    }),
  );
  assert.ok(before.at(-1)! < before[0]! - 1e-3, `${before}`);
  const adapter = join(first, "final");
  const second = join(folder, "second");
  const after = losses(
    await train({ ...shared, adapter, loraRank: 8 }, { rows: four, evaluation, folder: second }),
  );
  assertClose([after[0]!], [before.at(-1)!], 1e-6);
  assert.ok(after.at(-1)! < after[0]!, `${after}`);
  const config = async (path: string) =>
    JSON.parse(await Deno.readTextFile(join(path, "adapter_config.json")));
  const { r, lora_alpha, use_rslora, target_modules, base_model_name_or_path } = await config(
    join(second, "final"),
  );
  assert.deepEqual(
    { r, lora_alpha, use_rslora, target_modules, base_model_name_or_path },
    {
      r: 3,
      lora_alpha: 5,
      use_rslora: true,
      target_modules: ["up_proj", "v_proj"],
      base_model_name_or_path: (await openModelFolder(model)).path,
    },
  );
});

inFolder("sft trains what trainOn names", async (folder) => {
  const model = await tinyModel(folder);
  const trained = async (trainOn: "all" | "last" | "thought" | "action") => {
    const events = await train({ model, trainOn, skipEmpty: true, epochs: 1 }, {
      rows: conversations(6),
      folder: join(folder, trainOn),
    });
    return only(events, "start")[0]!.totals["trainedTokens"]!;
  };
  // The end token belongs to what is done; each last answer is "done" and its end token.
  const [all, last, thought, action] = [
    await trained("all"),
    await trained("last"),
    await trained("thought"),
    await trained("action"),
  ];
  assert.ok(thought > 0 && thought + action === all, `${thought} + ${action} is not ${all}`);
  assert.equal(last, 6 * "done<".length);
});

inFolder("sft holds whole tasks out for evaluation when asked to", async (folder) => {
  const model = await tinyModel(folder);
  const events = await train({ model, evalFraction: 0.25, epochs: 1 }, { rows: conversations(20), folder });
  const { sequences, rows } = only(events, "start")[0]!.totals;
  assert.deepEqual([rows, sequences], [20, 15]);
  assert.equal(only(events, "evaluation").length, 2);
});

inFolder("sft refuses a tokenizer with more tokens than the embedding has rows", async (folder) => {
  const model = await tinyModel(folder);
  const file = join(model, "tokenizer.json");
  const tokenizer = JSON.parse(await Deno.readTextFile(file));
  tokenizer.added_tokens.push({ ...tokenizer.added_tokens[0], id: 264, content: "<|one_more|>" });
  await Deno.writeTextFile(file, JSON.stringify(tokenizer));
  await assert.rejects(train({ model }, { folder: join(folder, "run") }), {
    code: "INVALID_DATA",
    message: `Cannot use tokenizer ${file}: wanted at most 264 tokens, the rows of the model's embedding: ` +
      "received 265",
  });
});

inFolder("sft refuses a provider that it does not know", async (folder) => {
  const model = await tinyModel(folder);
  await assert.rejects(train({ model, provider: "tpu" as "cpu" }, { folder }), {
    code: "INVALID_OPTIONS",
    message: 'Cannot use options of trainer "knowlyr/sft-v1": provider: invalid option: expected one of ' +
      '"auto"|"cpu"|"webgpu"|"cuda": received "tpu": did you mean "cpu"?',
  });
});
