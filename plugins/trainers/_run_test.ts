/** The course of a run, with gradients that are the parameters themselves and losses given by the test. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { hashes, inFolder, only, tinyModel } from "./_testing_test.ts";
import type { TrainEvent, TrainJob } from "../../core/trainer.ts";
import { Graph } from "../onnx/graph.ts";
import type { PlannedStep } from "./_data/mod.ts";
import { runSteps } from "./_run.ts";
import type { RunOptions } from "./_run_parts.ts";
import { Trainee } from "./_trainee.ts";

const OPTIONS: RunOptions = {
  method: "lora",
  schedule: "constant",
  warmupRatio: 0,
  weightDecay: 0,
  maxGradientNorm: 0,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  maxNonFinite: 5,
  seed: 1,
  saveEvery: 0,
  keep: 2,
  overwrite: false,
};

/** What the test decides of a run of six steps in two epochs. */
interface Course {
  /** Loss of each step. */
  readonly losses?: readonly number[];
  /** Loss of each evaluation, by step; null evaluates nothing. */
  readonly evaluations?: Readonly<Record<number, number>> | null;
  readonly options?: Partial<RunOptions>;
  /** Throws instead of training this step. */
  readonly failing?: number;
}

const STEPS: readonly PlannedStep[] = [0, 0, 0, 1, 1, 1].map((epoch) => ({
  epoch,
  microBatches: [{ rows: [[0], [1]], length: 16 }, { rows: [[2]], length: 8 }],
  totalWeight: 1,
  tokens: 30,
  trainedTokens: 10,
}));

async function* stream(
  model: string,
  job: Omit<TrainJob, "rows">,
  { losses = [6, 5, 4, 3, 2, 1], evaluations = null, options = {}, failing }: Course,
): AsyncGenerator<TrainEvent> {
  await using trainee = await Trainee.create({
    ...{ model, method: "lora", loraRank: 1, loraAlpha: 1, loraRs: false, loraTargets: ["q_proj"] },
    ...{ seed: 1, provider: "cpu", prepack: true, threads: 1 },
  }, () => {});
  const session = await trainee.session("test", () => {
    const graph = new Graph();
    const { name, size } = trainee.model.buckets[0]!;
    graph.output(`gradient.${name}`, graph.mul(graph.input(name, "float32", [size]), 1));
    return graph;
  });
  let current = 0;
  const told = runSteps({ ...OPTIONS, ...options }, {
    trainee,
    steps: STEPS,
    config: { seed: 1 },
    dataHash: "data",
    totals: { steps: STEPS.length },
    accumulate: async () => {
      if (current + 1 === failing) throw new Error("out of memory");
      await trainee.learner.accumulate(session, {});
      return { loss: losses[current]! };
    },
    evaluate: evaluations === null ? null : () => {
      job.signal?.throwIfAborted();
      return Promise.resolve({ loss: evaluations[current] ?? assert.fail(`no evaluation at ${current}`) });
    },
  }, { ...job, rows: () => assert.fail("the data are planned") });
  for await (const event of told) {
    if ("step" in event && event.step !== undefined) current = event.step;
    yield event;
  }
}

/** The course of a run in short: `step 1`, `evaluation 3`, `checkpoint 6`, `end done`. */
function course(events: readonly TrainEvent[]): string[] {
  return events.flatMap((event) =>
    event.kind === "notice" || event.kind === "start"
      ? []
      : [`${event.kind} ${event.kind === "end" ? event.reason : event.step}`]
  );
}

const run = (model: string, folder: string, given: Course, job: Partial<TrainJob> = {}) =>
  Array.fromAsync(stream(model, { folder, ...job }, given));

inFolder(
  "a run evaluates before the first step and after every epoch, saves the best and the last",
  async (folder) => {
    const model = await tinyModel(folder);
    const events = await run(model, folder, { evaluations: { 0: 9, 3: 8, 6: 8.5 } });
    assert.deepEqual(course(events), [
      ...["evaluation 0", "step 1", "step 2", "step 3", "evaluation 3", "checkpoint 3"],
      ...["step 4", "step 5", "step 6", "evaluation 6", "checkpoint 6", "end done"],
    ]);
    assert.deepEqual(only(events, "end")[0]!.summary, {
      final: join(folder, "final"),
      best: { folder: join(folder, "best"), step: 3, loss: 8 },
      evaluation: { loss: 8.5 },
    });
    const checkpoint = (step: number) =>
      hashes(join(folder, "checkpoints", `checkpoint-00000${step}`, "adapter"));
    assert.deepEqual(await hashes(join(folder, "best")), await checkpoint(3));
    assert.deepEqual(await hashes(join(folder, "final")), await checkpoint(6));
  },
);

inFolder(
  "a run evaluates and saves as often as it is told, and has no best without evaluations",
  async (folder) => {
    const model = await tinyModel(folder);
    const often = { evalEvery: 2, saveEvery: 5 };
    const events = await run(model, join(folder, "a"), {
      evaluations: { 0: 1, 2: 2, 4: 3, 6: 4 },
      options: often,
    });
    assert.deepEqual(course(events), [
      ...["evaluation 0", "step 1", "step 2", "evaluation 2", "step 3", "step 4", "evaluation 4", "step 5"],
      ...["checkpoint 5", "step 6", "evaluation 6", "checkpoint 6", "end done"],
    ]);
    const plain = await run(model, join(folder, "b"), {});
    assert.deepEqual(course(plain).slice(-2), ["checkpoint 6", "end done"]);
    assert.deepEqual(only(plain, "end")[0]!.summary, {
      final: join(folder, "b", "final"),
      best: null,
      evaluation: null,
    });
  },
);

inFolder("a run stops early, and so it does when it was killed just before", async (folder) => {
  const model = await tinyModel(folder);
  const given = { evaluations: { 0: 5, 1: 4, 2: 4, 3: 6, 4: 3 }, options: { evalEvery: 1, patience: 2 } };
  const wanted = [
    ...[
      "evaluation 0",
      "step 1",
      "evaluation 1",
      "checkpoint 1",
      "step 2",
      "evaluation 2",
      "step 3",
      "evaluation 3",
    ],
    ...["checkpoint 3", "end early_stop"],
  ];
  assert.deepEqual(course(await run(model, join(folder, "a"), given)), wanted);
  const events: TrainEvent[] = [];
  for await (const event of stream(model, { folder: join(folder, "b") }, given)) {
    events.push(event);
    if (event.kind === "checkpoint" && event.step === 3) break; // as a kill would leave it
  }
  assert.deepEqual(course(events), wanted.slice(0, -1));
  const resumed = await run(model, join(folder, "b"), given, { resume: true });
  assert.deepEqual(course(resumed), ["end early_stop"]);
  assert.deepEqual(await hashes(join(folder, "b", "final")), await hashes(join(folder, "a", "final")));
  assert.deepEqual(await hashes(join(folder, "b", "best")), await hashes(join(folder, "a", "best")));
  // More patience goes on from there.
  const patient = {
    ...given,
    evaluations: { ...given.evaluations, 5: 2, 6: 1 },
    options: { evalEvery: 1, patience: 3 },
  };
  assert.deepEqual(course(await run(model, join(folder, "b"), patient, { resume: true })).slice(0, 2), [
    "step 4",
    "evaluation 4",
  ]);
});

inFolder(
  "a run that is aborted before or in an evaluation makes up for it when it goes on",
  async (folder) => {
    const model = await tinyModel(folder);
    const given = { evaluations: { 0: 5, 3: 4, 6: 3 } };
    const before = await run(model, folder, given, { signal: AbortSignal.abort() });
    assert.deepEqual(course(before), ["checkpoint 0", "end interrupted"]);
    const controller = new AbortController();
    const events: TrainEvent[] = [];
    for await (const event of stream(model, { folder, resume: true, signal: controller.signal }, given)) {
      events.push(event);
      if (event.kind === "step" && event.step === 3) controller.abort();
    }
    assert.deepEqual(course(events), [
      ...["evaluation 0", "step 1", "step 2", "step 3", "checkpoint 3", "end interrupted"],
    ]);
    const after = await run(model, folder, given, { resume: true });
    assert.deepEqual(course(after).slice(0, 3), ["evaluation 3", "checkpoint 3", "step 4"]);
    assert.deepEqual(only(after, "end")[0]!.reason, "done");
  },
);

inFolder("a run passes an evaluation's own error on", async (folder) => {
  const model = await tinyModel(folder);
  await assert.rejects(run(model, folder, { evaluations: {} }), { message: "no evaluation at 0" });
});

inFolder("a run never takes a loss that is not finite for the best", async (folder) => {
  const model = await tinyModel(folder);
  const given = { evaluations: { 0: NaN, 3: Infinity, 6: 7 } };
  const events = await run(model, folder, { ...given, options: { saveEvery: 1 } });
  assert.deepEqual((only(events, "end")[0]!.summary as { best: unknown }).best, {
    folder: join(folder, "best"),
    step: 6,
    loss: 7,
  });
});

inFolder("a run changes nothing in a step whose loss alone is not finite", async (folder) => {
  const model = await tinyModel(folder);
  const given = { losses: [1, Infinity, 1, 1, NaN, 1], options: { saveEvery: 1, keep: 9, maxNonFinite: 2 } };
  const events = await run(model, folder, given);
  const told = only(events, "notice").map(({ message }) => message);
  assert.deepEqual(
    told,
    [2, 5].map((at) => `Step ${at} met numbers that are not finite and changed nothing`),
  );
  const saved = await Promise.all(
    [1, 2, 3, 4, 5, 6].map((step) =>
      hashes(join(folder, "checkpoints", `checkpoint-00000${step}`, "adapter"))
    ),
  );
  const weights = saved.map((files) => files["adapter_model.safetensors"]);
  assert.equal(weights[1], weights[0]);
  assert.equal(weights[4], weights[3]);
  assert.equal(new Set(weights).size, 4);
});

inFolder(
  "a run gives up when the numbers of too many steps are not finite, a resume counted on",
  async (folder) => {
    const model = await tinyModel(folder);
    const given = { losses: [1, NaN, NaN, NaN, 1, 1], options: { saveEvery: 1, maxNonFinite: 3 } };
    const diverged = {
      code: "DIVERGED",
      message:
        "Cannot go on training: wanted finite losses and gradients: received others in 3 steps in a row, up to " +
        "step 4; a lower learningRate helps, the last checkpoint is whole",
      data: { step: 4 },
    };
    await assert.rejects(run(model, folder, given), diverged);
    await assert.rejects(run(model, folder, given, { resume: true }), diverged);
  },
);

inFolder("a run names the step and the batches that failed", async (folder) => {
  const model = await tinyModel(folder);
  await assert.rejects(run(model, folder, { failing: 3, options: { saveEvery: 1 } }), {
    code: "ENGINE_FAILED",
    message:
      "Cannot train step 3 with batches of 2 × 16, 1 × 8 tokens: out of memory; when memory is short, " +
      "resume with recompute or headChunk, or begin anew with a smaller batchSize or maxLength; the last checkpoint is whole",
    data: { step: 3 },
  });
  const resumed = await run(model, folder, {}, { resume: true });
  assert.equal(only(resumed, "start")[0]!.step, 2);
});

inFolder("a run that finds no checkpoint to go on from says so and starts", async (folder) => {
  const events = await run(await tinyModel(folder), folder, {}, { resume: true });
  assert.ok(
    only(events, "notice").some(({ message }) =>
      message === `No checkpoint in ${join(folder, "checkpoints")}: starting from the first step`
    ),
  );
  assert.equal(only(events, "step").length, 6);
});

inFolder("a run goes on from the checkpoint before one that is broken, and says so", async (folder) => {
  const model = await tinyModel(folder);
  await run(model, folder, { options: { saveEvery: 1, keep: 9 } });
  const wanted = await hashes(join(folder, "final"));
  for (const step of [5, 6]) {
    await Deno.truncate(join(folder, "checkpoints", `checkpoint-00000${step}`, "optimizer.safetensors"), 40);
  }
  const events = await run(model, folder, { options: { saveEvery: 1, keep: 9 } }, { resume: true });
  assert.equal(only(events, "start")[0]!.step, 4);
  const told = only(events, "notice").map(({ message }) => message);
  assert.ok(told[1]!.includes("checkpoint-000005"), told[1]);
  assert.match(
    told[0]!,
    /^Cannot use checkpoint ".+checkpoint-000006": optimizer\.safetensors: wanted \d+ bytes: received 40$/,
  );
  assert.deepEqual(await hashes(join(folder, "final")), wanted);
});
