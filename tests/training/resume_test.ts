/**
 * A run that was killed or stopped and went on gives the bytes of one that was not.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { below, seeded } from "../../core/prng.ts";
import type { TrainEvent } from "../../core/trainer.ts";
import type { SftTrainerOptions } from "../../plugins/trainers/mod.ts";
import { CheckpointStore } from "../../plugins/trainers/_checkpoint/mod.ts";
import {
  conversations,
  type Given,
  hashes,
  inFolder,
  only,
  stream,
  tinyModel,
  train,
} from "../../plugins/trainers/_testing_test.ts";
import { inChild } from "./_child.ts";
import { beforeFileOperations } from "./_crash.ts";

type Options = Omit<SftTrainerOptions, "model">;

const PLAIN: Options = { batchSize: 2, epochs: 2, saveEvery: 1, learningRate: 1e-2 };
const EVERYTHING: Options = {
  batchSize: 1,
  accumulation: 2,
  packing: true,
  maxLength: 256,
  epochs: 8,
  curriculum: true,
  curriculumEpochs: 3,
  weighting: "rewards",
  evalEvery: 1,
  saveEvery: 1,
  // Jumps about, so that it stops early.
  learningRate: 0.2,
  warmupRatio: 0,
  schedule: "constant",
  beta2: 0.9,
};
const EVALUATION = conversations(15).slice(12);

const VARIANTS: readonly (readonly [string, Options])[] = [
  ["LoRA", { ...PLAIN, method: "lora" }],
  ["all weights", { ...PLAIN, method: "full" }],
  ["LoRA, packed, accumulated, with curriculum, evaluations and patience", {
    ...EVERYTHING,
    method: "lora",
    patience: 3,
  }],
  ["all weights, packed, accumulated, with curriculum, evaluations and patience", {
    ...EVERYTHING,
    method: "full",
    patience: 2,
  }],
];

const givenOf = (options: Options, folder: string): Given => ({
  folder,
  ...(options.patience !== undefined && { evaluation: EVALUATION }),
});

/** Bytes of the results and what the end says of them, folders left out. */
async function resultOf(folder: string, events: readonly TrainEvent[]) {
  const { step, reason, summary } = only(events, "end")[0]!;
  const { best, evaluation } = summary as {
    best: { step: number; loss: number } | null;
    evaluation: unknown;
  };
  return {
    final: await hashes(join(folder, "final")),
    best: best === null
      ? null
      : { step: best.step, loss: best.loss, files: await hashes(join(folder, "best")) },
    evaluation,
    step,
    reason,
  };
}

for (const [name, options] of VARIANTS) {
  inFolder(`sft killed five times and resumed gives the same bytes: ${name}`, async (folder) => {
    const model = await tinyModel(folder);
    const [straight, broken] = [join(folder, "straight"), join(folder, "broken")];
    const whole = await inChild({ options: { ...options, model }, given: givenOf(options, straight) });
    assert.equal(whole.error, null);
    const wanted = await resultOf(straight, whole.events);
    const prng = seeded(11);
    const begun: number[] = [];
    for (let kill = 0; kill < 5; kill++) {
      // At most five times 3/16 of the operations: the run cannot end before the fifth kill.
      const killAt = Math.ceil((0.5 + prng()) * whole.operations! / 8);
      const given = { ...givenOf(options, broken), resume: true };
      const { signal, events, stderr } = await inChild({ options: { ...options, model }, given, killAt });
      assert.equal(signal, "SIGKILL", stderr);
      begun.push(only(events, "start")[0]?.step ?? 0);
    }
    assert.ok(begun.at(-1)! > 0, `resumed at ${begun}`);
    const given = { ...givenOf(options, broken), resume: true };
    assert.deepEqual(await resultOf(broken, await train({ ...options, model }, given)), wanted);
  });
}

class Crash extends Error {}

/** Runs until file operation `at`; from there on every one fails, as in a process that is no more. */
async function crashed(at: number, options: SftTrainerOptions, given: Given): Promise<boolean> {
  using _dying = beforeFileOperations((operation) => {
    if (operation >= at) throw new Crash();
  });
  try {
    await train(options, given);
    return false;
  } catch (thrown) {
    assert.ok(thrown instanceof Crash || (thrown as Error).cause instanceof Crash, `${thrown}`);
    return true;
  }
}

inFolder("sft stopped dead before a file operation and resumed gives the same bytes", async (folder) => {
  const options = {
    model: await tinyModel(folder),
    batchSize: 4,
    maxSteps: 2,
    saveEvery: 1,
    keep: 1,
    learningRate: 1e-2,
    loraTargets: ["q_proj"],
  };
  const given = (name: string) => ({
    folder: join(folder, name),
    rows: conversations(8),
    evaluation: EVALUATION,
  });
  const wanted = await resultOf(join(folder, "straight"), await train(options, given("straight")));
  const prng = seeded(3);
  let [at, crashes] = [1, 0];
  // Every operation takes a minute; these are 20 or so of them, others with another seed.
  for (; await crashed(at, options, given(`${at}`)); at += 1 + below(prng, 12)) {
    crashes++;
    const { store, newest } = await newestOf(join(folder, `${at}`));
    const events = await train(options, { ...given(`${at}`), resume: true });
    assert.equal(only(events, "start")[0]!.step, newest, `operation ${at}`);
    assert.deepEqual(await resultOf(join(folder, `${at}`), events), wanted, `operation ${at}`);
    assert.equal((await store.latest())?.step, 2);
  }
  assert.ok(crashes > 10, `${crashes} crashes`);
});

async function newestOf(folder: string) {
  const notices: string[] = [];
  const store = await CheckpointStore.open(join(folder, "checkpoints"), {
    onNotice: (text) => notices.push(text),
  });
  const newest = (await store.latest())?.step ?? 0;
  assert.deepEqual(notices, []);
  return { store, newest };
}

for (const [name, options] of VARIANTS) {
  inFolder(`sft aborted again and again and resumed gives the same bytes: ${name}`, async (folder) => {
    const model = await tinyModel(folder);
    const [straight, broken] = [join(folder, "straight"), join(folder, "broken")];
    const wanted = await resultOf(straight, await train({ ...options, model }, givenOf(options, straight)));
    for (let event = 0;; event += 2) {
      const { events, aborted } = await abortedAfter(event, { ...options, model }, {
        ...givenOf(options, broken),
        resume: true,
      });
      if (!aborted) {
        assert.deepEqual(await resultOf(broken, events), wanted);
        assert.equal(wanted.reason, options.patience === undefined ? "done" : "early_stop");
        assert.ok(event > 4);
        return;
      }
      const end = events.at(-1)!;
      assert.ok(end.kind === "end" && end.reason === "interrupted", `${end.kind} after event ${event}`);
      const checkpoint = join(broken, "checkpoints", `checkpoint-${String(end.step).padStart(6, "0")}`);
      assert.deepEqual(end.summary, { checkpoint });
      assert.equal((await newestOf(broken)).newest, end.step);
    }
  });
}

/** Aborts at the n-th event after the start that is no notice, evaluations, which come before a checkpoint, included. */
async function abortedAfter(event: number, options: SftTrainerOptions, given: Given) {
  const controller = new AbortController();
  const events: TrainEvent[] = [];
  let left = event;
  for await (const told of stream(options, { ...given, signal: controller.signal })) {
    events.push(told);
    if (told.kind !== "notice" && left-- === 0) controller.abort();
  }
  return { events, aborted: controller.signal.aborted && only(events, "end")[0]?.reason === "interrupted" };
}
