/**
 * What goes wrong around a run is told clearly, and the last checkpoint stays whole.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { TrainEvent } from "../../core/trainer.ts";
import { openModelFolder } from "../../plugins/models/mod.ts";
import { readHeader, readTensor } from "../../plugins/onnx/safetensors.ts";
import { CheckpointStore } from "../../plugins/trainers/_checkpoint/mod.ts";
import {
  conversations,
  exchange,
  type Given,
  hashes,
  inFolder,
  only,
  series,
  stream,
  tinyModel,
  train,
} from "../../plugins/trainers/_testing_test.ts";
import type { SftTrainerOptions } from "../../plugins/trainers/mod.ts";
import { inChild } from "./_child.ts";

/** Limits of a shell's children are those of Linux here. */
const NO_LIMITS = Deno.build.os !== "linux";

/** Step of the newest checkpoint; all of them must be whole. */
async function newestStep(folder: string): Promise<number | null> {
  const store = await CheckpointStore.open(join(folder, "checkpoints"), {
    keep: 9,
    onNotice: (text) => assert.fail(text),
  });
  return (await store.latest())?.step ?? null;
}

/** Stops a run after a step. */
async function stopAfter(step: number, options: SftTrainerOptions, given: Given): Promise<void> {
  const controller = new AbortController();
  for await (const event of stream(options, { ...given, signal: controller.signal })) {
    if (event.kind === "step" && event.step === step) controller.abort();
  }
}

/** What a run told before it failed, and how it failed. */
async function failure(options: SftTrainerOptions, given: Given) {
  const events: TrainEvent[] = [];
  try {
    for await (const event of stream(options, given)) events.push(event);
  } catch (thrown) {
    const { code, message } = thrown as { code: string; message: string };
    return { events, code, message };
  }
  return assert.fail("the run came to its end");
}

// In blocks of 512 bytes: less than the weights that are written.
for (const [method, limit] of [["lora", "-f 8"], ["full", "-f 80"]] as const) {
  inFolder(
    `sft on a disk that is full keeps the last checkpoint and goes on from it: ${method}`,
    async (folder) => {
      const options = {
        model: await tinyModel(folder),
        method,
        batchSize: 2,
        epochs: 1,
        saveEvery: 1,
        keep: 9,
      };
      const [straight, broken] = [join(folder, "straight"), join(folder, "broken")];
      await train(options, { folder: straight });
      await stopAfter(3, options, { folder: broken });
      // No file may grow beyond 8 blocks of 512 or 1 024 bytes.
      const { error, events } = await inChild({
        options,
        given: { folder: broken, resume: true },
        limit,
      });
      assert.deepEqual(only(events, "step").map(({ step }) => step), [4]);
      const file = method === "lora" ? "adapter.part/adapter_model" : "model.part/model";
      assert.deepEqual(error, {
        kind: "error",
        code: "FILE_ACCESS",
        message: `Cannot write weights ${broken}/checkpoints/checkpoint-000004.part/${file}.safetensors: ` +
          "File too large (os error 27)",
      });
      assert.equal(await newestStep(broken), 3);
      await train(options, { folder: broken, resume: true });
      assert.deepEqual(await hashes(join(broken, "final")), await hashes(join(straight, "final")));
    },
  );
}

inFolder("sft names step and batch when memory ends, and keeps the last checkpoint", async (folder) => {
  const rows = Array.from({ length: 33 }, (_, at) => exchange("Say", "a".repeat(at === 32 ? 30_000 : 5)));
  const options = {
    model: await tinyModel(folder, { contextLength: 32_768 }),
    batchSize: 16,
    epochs: 1,
    maxLength: 32_768,
    saveEvery: 1,
    seed: 2,
  };
  // Attention over 30 000 tokens takes 7 GB for each product; the limit is 3 GB.
  const { error, events } = await inChild({ options, given: { folder, rows }, limit: "-d 3000000" });
  const steps = only(events, "step").length;
  assert.ok(steps > 0);
  assert.equal(error?.code, "ENGINE_FAILED");
  assert.match(
    error.message,
    new RegExp(
      `^Cannot train step ${
        steps + 1
      } with batches of 1 × 30024 tokens: Cannot run the graph: .+; when memory is ` +
        "short, resume with recompute or headChunk, or begin anew with a smaller batchSize or maxLength; the last checkpoint is whole$",
      "s",
    ),
  );
  assert.equal(await newestStep(folder), steps);
}, NO_LIMITS);

inFolder("sft refuses to resume with other options or data, and to train where a run is", async (folder) => {
  const options = { model: await tinyModel(folder), epochs: 1, saveEvery: 1 };
  await stopAfter(2, options, { folder });
  const checkpoint = join(folder, "checkpoints", "checkpoint-000002");
  for (
    const [what, changed, rows] of [
      ["options", { learningRate: 0.5 }, undefined],
      ["options", { seed: 1 }, undefined],
      ["data", {}, conversations(11)],
    ] as const
  ) {
    const { code, message } = await failure({ ...options, ...changed }, {
      folder,
      ...(rows && { rows }),
      resume: true,
    });
    assert.deepEqual([code, message], [
      "INVALID_DATA",
      `Cannot resume from ${checkpoint}: wanted the ${what} that the run began with: received others`,
    ]);
  }
  const { code, message } = await failure(options, { folder });
  assert.deepEqual([code, message], [
    "FILE_ACCESS",
    `Cannot train into ${folder}: wanted a folder without a run: it has checkpoints; resume the run, or overwrite it`,
  ]);
  assert.equal(await newestStep(folder), 2);
  const changeable = {
    ...{ saveEvery: 7, keep: 1, patience: 9, maxNonFinite: 1, prepack: false, threads: 2 },
    ...{ recompute: true, headChunk: 16 },
  };
  const events = await train({ ...options, ...changeable }, { folder, resume: true });
  assert.deepEqual([only(events, "start")[0]!.step, only(events, "end")[0]!.reason], [2, "done"]);
});

inFolder("sft starts anew with overwrite, and nothing of the run before is left", async (folder) => {
  const model = await tinyModel(folder);
  const given = { folder: join(folder, "run"), evaluation: conversations(2) };
  const aborted = new AbortController();
  aborted.abort();
  const before = { model, epochs: 1, learningRate: 0.1 };
  // A checkpoint before the first step, then the whole run.
  await train(before, { ...given, signal: aborted.signal });
  await train(before, { ...given, resume: true });
  const after = { model, epochs: 1, overwrite: true };
  await train(after, { folder: given.folder });
  await train(after, { folder: join(folder, "straight") });
  assert.deepEqual(
    await hashes(join(given.folder, "final")),
    await hashes(join(folder, "straight", "final")),
  );
  assert.deepEqual([...Deno.readDirSync(given.folder)].map(({ name }) => name).sort(), [
    "checkpoints",
    "final",
  ]);
  assert.deepEqual([...Deno.readDirSync(join(given.folder, "checkpoints"))].map(({ name }) => name).sort(), [
    "checkpoint-000003",
    "latest",
  ]);
});

/** Makes a value of the model's weights not a number. */
async function poison(model: string, tensor: string, element: number): Promise<void> {
  const entry = (await openModelFolder(model)).weights.tensors.get(tensor)!;
  using file = await Deno.open(entry.file, { write: true });
  await file.seek(entry.offset + 4 * element, Deno.SeekMode.Start);
  await file.write(new Uint8Array(Float32Array.of(NaN).buffer));
}

inFolder("sft leaves out a step whose numbers are not finite and changes nothing by it", async (folder) => {
  const model = await tinyModel(folder);
  await poison(model, "model.embed_tokens.weight", 16 * "@".charCodeAt(0));
  const rows = [...conversations(6), exchange("Say @", "no")];
  const options = {
    model,
    batchSize: 1,
    epochs: 2,
    maxNonFinite: 2,
    saveEvery: 1,
    keep: 99,
    learningRate: 1e-2,
  };
  const events = await train(options, { rows, folder });
  const bad = series(events, "loss").flatMap((loss, at) => Number.isFinite(loss) ? [] : [at + 1]);
  assert.equal(bad.length, 2); // once an epoch
  const told = only(events, "notice").map(({ message }) => message).filter((text) => text.startsWith("Step"));
  assert.deepEqual(
    told,
    bad.map((step) => `Step ${step} met numbers that are not finite and changed nothing`),
  );
  for (const step of bad) {
    const at = (step: number) => join(folder, "checkpoints", `checkpoint-${String(step).padStart(6, "0")}`);
    if (step === 1) continue;
    const [before, after] = [
      await hashes(join(at(step - 1), "adapter")),
      await hashes(join(at(step), "adapter")),
    ];
    assert.deepEqual(after, before);
  }
});

inFolder("sft gives up after so many steps in a row that were not finite", async (folder) => {
  const model = await tinyModel(folder);
  await poison(model, "model.norm.weight", 0);
  const given = { folder: join(folder, "run"), evaluation: conversations(2) };
  const options = { model, maxNonFinite: 3, saveEvery: 1, keep: 9, epochs: 5 };
  const { events, code, message } = await failure(options, given);
  assert.deepEqual([code, message], [
    "DIVERGED",
    "Cannot go on training: wanted finite losses and gradients: received others in 3 steps in a row, up to step 3; " +
    "a lower learningRate helps, the last checkpoint is whole",
  ]);
  assert.equal(only(events, "step").length, 2);
  assert.equal(await newestStep(given.folder), 2);
  const { tensors } = await readHeader(
    join(given.folder, "checkpoints/checkpoint-000002/adapter/adapter_model.safetensors"),
  );
  for (const [name, entry] of tensors) {
    const { data } = await readTensor(entry);
    assert.ok(name.includes("lora_A") ? data.every(Number.isFinite) : data.every((x) => x === 0), name);
  }
  // The count goes on over a resume.
  const again = await failure(options, { ...given, resume: true });
  assert.deepEqual([again.code, again.message], [code, message]);
});

inFolder("sft refuses rows whose numbers are not finite", async (folder) => {
  const model = await tinyModel(folder);
  const weighted = {
    messages: [{ role: "user", content: "a" }, { role: "assistant", content: "b", weight: Infinity }],
  };
  for (
    const [field, received, row] of [
      ["reward", NaN, { ...exchange("a", "b"), reward: NaN }],
      ["messages.1.weight", Infinity, weighted],
    ] as const
  ) {
    const { code, message } = await failure({ model }, {
      folder: join(folder, "run"),
      source: "data.jsonl",
      rows: [exchange("a", "b"), row],
    });
    assert.equal(code, "INVALID_DATA");
    assert.equal(message, `Cannot read data.jsonl:2: ${field}: wanted a finite number: received ${received}`);
  }
});
