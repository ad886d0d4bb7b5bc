import assert from "node:assert/strict";
import { join } from "node:path";
import type { z } from "zod";
import type { ExportRow } from "../../core/exporter.ts";
import { createKernel } from "../../core/kernel.ts";
import { type Given, hashes, inFolder, only, series, streamWith, tinyModel } from "./_testing_test.ts";
import type { dpoOptions } from "./dpo.ts";
import trainers, { dpoTrainer, type DpoTrainerOptions } from "./mod.ts";

const FAST = { provider: "cpu", threads: 1, loraRank: 4, maxLength: 128, learningRate: 1e-2 } as const;

function train(options: DpoTrainerOptions, given: Given) {
  return Array.fromAsync(streamWith(dpoTrainer, { ...FAST, ...options }, given));
}

/** Pairs with answers of different lengths, some with a turn of the environment. */
function pairs(count: number): ExportRow[] {
  return Array.from({ length: count }, (_, at) => ({
    task_id: `task-${at}`,
    prompt: [{ role: "user", content: `Count to ${at}` }],
    chosen: [{ role: "assistant", content: "ab ".repeat(1 + at % 4) }],
    rejected: at % 2 === 0 ? [{ role: "assistant", content: "cd ".repeat(1 + at % 3) }] : [
      { role: "assistant", content: "wait" },
      { role: "user", content: "More" },
      { role: "assistant", content: "cd" },
    ],
    margin: 0.5 + at % 3,
  }));
}

/** The named metric at each evaluation. */
function evaluated(events: Awaited<ReturnType<typeof train>>, metric: string): number[] {
  return only(events, "evaluation").map(({ metrics }) => metrics[metric]!);
}

function assertClose(actual: readonly number[], expected: readonly number[], within: number, what: string) {
  assert.equal(actual.length, expected.length, what);
  for (const [at, value] of actual.entries()) {
    assert.ok(Math.abs(value - expected[at]!) <= within, `${what}: ${actual} and ${expected}`);
  }
}

const LOSSES = [
  "sigmoid",
  "robust",
  "ipo",
  "hinge",
  "sigmoid_norm",
  "simpo",
  "orpo",
  "apo_zero",
  "apo_down",
  "sppo_hard",
  "kto",
] as const;

inFolder("dpo makes chosen answers likelier than rejected ones, with every loss", async (folder) => {
  const model = await tinyModel(folder);
  for (const loss of LOSSES) {
    const given = { folder: join(folder, loss), rows: pairs(4), evaluation: pairs(4) };
    const events = await train({ model, loss, epochs: 12 }, given);
    const [margins, losses] = [evaluated(events, "rewardMargin"), evaluated(events, "loss")];
    assert.ok(margins.at(-1)! > margins[0]! + 0.005, `${loss}: ${margins}`);
    assert.ok(losses.at(-1)! < losses[0]!, `${loss}: ${losses}`);
    assert.equal(only(events, "end")[0]!.reason, "done");
  }
});

inFolder("dpo takes the same steps however a step is cut and whatever memory it saves", async (folder) => {
  const model = await tinyModel(folder);
  for (const loss of ["sigmoid", "simpo", "kto"] as const) {
    for (const method of ["lora", "full"] as const) {
      const run = async (name: string, options: Partial<DpoTrainerOptions>) => {
        const given = { folder: join(folder, loss, method, name), rows: pairs(2) };
        const shared = { model, loss, method, epochs: 6, loraTargets: ["q_proj", "down_proj"] };
        const events = await train({ ...shared, ...options }, given);
        return ["loss", "chosenLogProbability", "rejectedLogProbability"].map((name) => series(events, name));
      };
      // Two pairs are four judged answers to kto.
      const items = loss === "kto" ? 4 : 2;
      const whole = await run("whole", { batchSize: items });
      assert.equal(whole[0]!.length, 6);
      const variants = {
        accumulated: { batchSize: 1, accumulation: items },
        packed: { batchSize: items, packing: true },
        saving: { batchSize: items, recompute: true, headChunk: 5 },
      };
      for (const [name, options] of Object.entries(variants)) {
        const other = await run(name, options);
        for (const [at, values] of other.entries()) {
          assertClose(values, whole[at]!, at === 0 ? 1e-5 : 2e-3, `${loss}, ${method}, ${name}`);
        }
      }
    }
  }
});

inFolder("dpo begins where policy and reference are one", async (folder) => {
  const model = await tinyModel(folder);
  const given = { folder: join(folder, "run"), rows: pairs(8), evaluation: pairs(3) };
  const events = await train({ model, epochs: 1, batchSize: 2 }, given);
  const [first] = only(events, "evaluation");
  assert.ok(Math.abs(first!.metrics["loss"]! - Math.LN2) < 1e-6);
  for (const name of ["chosenReward", "rejectedReward", "rewardMargin", "kl"]) {
    assert.ok(Math.abs(first!.metrics[name]!) < 1e-5, `${name}: ${first!.metrics[name]}`);
  }
  assert.ok(first!.metrics["chosenLogProbability"]! < 0);
  assert.deepEqual(only(events, "start")[0]!.totals, {
    ...only(events, "start")[0]!.totals,
    steps: 4,
    rows: 8,
    pairs: 8,
  });
});

inFolder("dpo on an adapter starts from it, or compares with the base model", async (folder) => {
  const model = await tinyModel(folder);
  await train({ model, epochs: 4 }, { folder: join(folder, "first"), rows: pairs(4) });
  const adapter = join(folder, "first", "final");
  const firstMargin = async (reference: "start" | "base") => {
    const given = { folder: join(folder, reference), rows: pairs(4), evaluation: pairs(4) };
    return evaluated(await train({ model, adapter, reference, maxSteps: 1 }, given), "rewardMargin")[0]!;
  };
  assert.ok(Math.abs(await firstMargin("start")) < 1e-5);
  assert.ok(await firstMargin("base") > 0.005);
});

inFolder("dpo keeps the reference for a resume and finds the same numbers without it", async (folder) => {
  const model = await tinyModel(folder);
  const options = { model, method: "full", epochs: 2, batchSize: 2, saveEvery: 1 } as const;
  const given = (name: string) => ({ folder: join(folder, name), rows: pairs(4), evaluation: pairs(2) });
  await train(options, given("straight"));
  const wanted = await hashes(join(folder, "straight", "final"));
  for (const lost of [false, true]) {
    const name = lost ? "lost" : "kept";
    const controller = new AbortController();
    const began = streamWith(dpoTrainer, { ...FAST, ...options }, {
      ...given(name),
      signal: controller.signal,
    });
    for await (const event of began) if (event.kind === "step" && event.step === 2) controller.abort();
    const file = join(folder, name, "reference.json");
    const kept = await Deno.readTextFile(file);
    if (lost) await Deno.remove(file);
    await train(options, { ...given(name), resume: true });
    assert.equal(await Deno.readTextFile(file), kept);
    assert.deepEqual(await hashes(join(folder, name, "final")), wanted);
  }
});

inFolder("dpo believes rows that tell log-probabilities of the reference", async (folder) => {
  const model = await tinyModel(folder);
  const rows = pairs(1).map((row) => ({ ...row, ref_chosen_logps: -1000, ref_rejected_logps: -990 }));
  const given = { folder: join(folder, "run"), rows };
  const [first] = only(await train({ model, maxSteps: 1 }, given), "step");
  const { chosenReward, chosenLogProbability, rejectedReward, rejectedLogProbability } = first!.metrics;
  assert.ok(Math.abs(chosenReward! - 0.1 * (chosenLogProbability! + 1000)) < 1e-6);
  assert.ok(Math.abs(rejectedReward! - 0.1 * (rejectedLogProbability! + 990)) < 1e-6);
});

inFolder("dpo aborted while it scores the reference ends and can go on", async (folder) => {
  const model = await tinyModel(folder);
  const options = { model, epochs: 1, batchSize: 2 };
  await train(options, { folder: join(folder, "straight"), rows: pairs(4) });
  const controller = new AbortController();
  const given = { folder: join(folder, "run"), rows: pairs(4), signal: controller.signal };
  const events = [];
  for await (const event of streamWith(dpoTrainer, { ...FAST, ...options }, given)) {
    events.push(event);
    if (event.kind === "notice" && event.message === "Scoring 8 answers under the reference") {
      controller.abort();
    }
  }
  assert.equal(only(events, "end")[0]!.reason, "interrupted");
  assert.deepEqual(only(events, "step"), []);
  await train(options, { folder: join(folder, "run"), rows: pairs(4), resume: true });
  assert.deepEqual(
    await hashes(join(folder, "run", "final")),
    await hashes(join(folder, "straight", "final")),
  );
});

Deno.test("dpo refuses options that its loss does not read", async () => {
  const kernel = createKernel({ plugins: [trainers] });
  await assert.rejects(() => kernel.make(dpoTrainer, { model: "m", loss: "hinge", labelSmoothing: 0.1 }), {
    code: "INVALID_OPTIONS",
    message:
      'Cannot use options of trainer "knowlyr/dpo-v1": labelSmoothing: wanted nothing, for loss "hinge" does ' +
      "not read it; sigmoid, sigmoid_norm, robust would: received 0.1",
  });
  for (
    const [loss, option] of [["sigmoid", { gamma: 1 }], ["kto", { rpoAlpha: 1 }], ["ipo", {
      desirableWeight: 2,
    }]]
  ) {
    const options = { model: "m", loss: loss as "ipo", ...option as object };
    await assert.rejects(() => kernel.make(dpoTrainer, options), { code: "INVALID_OPTIONS" });
  }
});

/** Fields of one type that the other lacks, or has with another type. */
type Differing<A, B> = {
  [K in keyof A]-?: K extends keyof B ? [A[K], B[K]] extends [B[K], A[K]] ? never : K : K;
}[keyof A];

Deno.test("the options of dpo that are written down are those that the schema accepts", () => {
  type Schema = z.input<typeof dpoOptions>;
  const none: [Differing<Schema, DpoTrainerOptions>, Differing<DpoTrainerOptions, Schema>] extends
    [never, never] ? true
    : false = true; // does not compile when a field differs
  assert.ok(none);
});

inFolder(
  "dpo refuses answers longer than the model's context, and says when only maxLength is",
  async (folder) => {
    const model = await tinyModel(folder, { contextLength: 100 });
    const [pair] = pairs(1);
    const long = { ...pair, chosen: [{ role: "assistant", content: "ab".repeat(60) }] };
    const options = { model, maxSteps: 1, maxLength: 300 };
    await assert.rejects(train(options, { rows: [long as ExportRow], folder: join(folder, "long") }), {
      code: "INVALID_OPTIONS",
      message: "Cannot train: maxLength: wanted at most 100, the model's context: received 300",
    });
    const events = await train(options, { rows: [pair!], folder: join(folder, "short") });
    const said = only(events, "notice").map(({ message }) => message);
    assert.ok(
      said.includes("maxLength 300 is more than the model's context of 100; no row is longer"),
      said.join(),
    );
  },
);
