import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import type { CommandContext } from "../../../core/command.ts";
import { createKernel } from "../../../core/kernel.ts";
import { definePlugin } from "../../../core/plugin.ts";
import { noOptions } from "../../../core/schema.ts";
import { sink } from "../../../core/sink.ts";
import { trainer, type TrainEvent, type TrainJob } from "../../../core/trainer.ts";
import { jsonlSink, opentelemetrySink, tensorboardSink } from "../../sinks/mod.ts";
import { contextAt, inFolder, tinyKernel } from "../_testing_test.ts";
import { run } from "../run.ts";

const PIPELINE = `name: tiny
sources:
  - collect: { env: tiny/counter, policy: tiny/careful, tasks: [tasks.yaml], episodes: 2 }
select: { dedupe: false }
export:
  - format: flat
train:
  - trainer: steps
    data: flat.jsonl
    model: { init: nano, seed: 7 }
    options: { steps: 3 }
`;

/** How often the trainer was asked, and with what. */
class Calls {
  readonly jobs: { readonly model: string; readonly resume: boolean; readonly rows: number }[] = [];
  /** Called after each step. */
  onStep: () => void = () => {};

  /** A trainer whose loss falls by half with each step, and a plugin of sinks that draw nothing. */
  readonly plugin = definePlugin({
    name: "tiny/training",
    version: "0.1.0",
    provides: [
      trainer("tiny/steps-v1", {
        description: "Counts",
        options: z.strictObject({ model: z.string(), steps: z.int().default(3) }),
        create: ({ model, steps }) => ({ name: "steps", train: (job) => this.#train(model, steps, job) }),
      }),
      jsonlSink,
      tensorboardSink,
      opentelemetrySink,
      sink("knowlyr/progress-v1", {
        description: "Shows nothing",
        options: noOptions,
        create: () => ({ write: () => {}, close: () => {} }),
      }),
    ],
  });

  async *#train(model: string, steps: number, job: TrainJob): AsyncGenerator<TrainEvent> {
    const rows = (await Array.fromAsync(job.rows())).length;
    this.jobs.push({ model, resume: job.resume === true, rows });
    yield { kind: "start", config: null, totals: { steps } };
    yield { kind: "evaluation", step: 0, metrics: { loss: 2 } };
    for (let step = 1; step <= steps; step++) {
      if (job.signal?.aborted) {
        return yield { kind: "end", step: step - 1, reason: "interrupted", summary: null };
      }
      yield { kind: "step", step, steps, metrics: { loss: 1 / 2 ** step } };
      this.onStep();
    }
    yield { kind: "evaluation", step: steps, metrics: { loss: 1 } };
    await Deno.mkdir(join(job.folder, "final"), { recursive: true });
    yield { kind: "end", step: steps, reason: "done", summary: null };
  }
}

function contextWith(calls: Calls, folder: string, signal?: AbortSignal): CommandContext {
  const kernel = createKernel({ plugins: [...tinyKernel.plugins, calls.plugin] });
  return { ...contextAt(folder, signal).context, kernel };
}

async function ran(context: CommandContext, folder: string, pipeline = PIPELINE) {
  await Deno.writeTextFile(join(folder, "gym.yaml"), pipeline);
  await Deno.writeTextFile(join(folder, "tasks.yaml"), "id: one\ndescription: Count\n");
  const made = await createKernel({ plugins: [] }).make(run, {});
  const input = (made.input as z.ZodType).parse({ pipeline: "gym.yaml" });
  return await made.run(input as never, context);
}

Deno.test("run trains on what it exported, on a model it makes, and does not train again", () =>
  inFolder(async (folder) => {
    const calls = new Calls();
    const first = await ran(contextWith(calls, folder), folder);
    const data = first.data as { folder: string; training: unknown };
    assert.deepEqual(data.training, [{
      trainer: "tiny/steps-v1",
      folder: "steps",
      data: "flat.jsonl",
      steps: 3,
      loss: { first: 0.5, middle: 0.25, last: 0.125 },
      evaluation: { before: 2, after: 1 },
    }]);
    assert.match(first.text, /^steps\/final +flat\.jsonl +3 +0\.500 +0\.250 +0\.125 +2 +1$/m);
    const model = join(folder, data.folder, "model-llama-nano-7");
    assert.deepEqual(calls.jobs, [{ model, resume: false, rows: 2 }]);
    assert.ok((await Deno.stat(join(model, "config.json"))).isFile);
    const second = await ran(contextWith(calls, folder), folder);
    assert.deepEqual([second.text, calls.jobs.length], [first.text, 1]);
  }));

Deno.test("run stopped in training goes on with it when typed again", () =>
  inFolder(async (folder) => {
    const calls = new Calls();
    const controller = new AbortController();
    calls.onStep = () => controller.abort();
    await assert.rejects(ran(contextWith(calls, folder, controller.signal), folder), {
      code: "INTERRUPTED",
      message:
        "Cannot finish the run: interrupted: what was finished is kept: type gym run gym.yaml -o runs to go on",
    });
    await ran(contextWith(calls, folder), folder);
    assert.deepEqual(calls.jobs.map(({ resume }) => resume), [false, true]);
  }));

Deno.test("run trains again when the model folder has changed", () =>
  inFolder(async (folder) => {
    const calls = new Calls();
    const pipeline = PIPELINE.replace("{ init: nano, seed: 7 }", "mine");
    await assert.rejects(ran(contextWith(calls, folder), folder, pipeline), {
      message:
        /^Cannot use pipeline: gym\.yaml:\d+:\d+: train\.0\.model: cannot read "mine": no such file or folder$/,
    });
    assert.deepEqual(calls.jobs, []); // told before anything is read or collected
    await Deno.mkdir(join(folder, "mine"));
    for (const weights of ["one", "longer"]) {
      await Deno.writeTextFile(join(folder, "mine/weights"), weights);
      await ran(contextWith(calls, folder), folder, pipeline);
    }
    assert.deepEqual(calls.jobs, Array(2).fill({ model: join(folder, "mine"), resume: false, rows: 2 }));
  }));

const WRONG: readonly (readonly [string, string, string])[] = [
  [
    "an unknown trainer",
    PIPELINE.replace("trainer: steps", "trainer: step"),
    "8:5: train.0.trainer: cannot find " +
    'trainer "step": no such name: did you mean "steps"?',
  ],
  [
    "an unknown export",
    PIPELINE.replace("data: flat", "data: flt"),
    "9:5: train.0.data: wanted the file of an " +
    'export: received "flt.jsonl": did you mean "flat.jsonl"?',
  ],
  [
    "an unknown option",
    PIPELINE.replace("steps: 3", "step: 3"),
    "11:16: train.0.options.step: cannot use options of " +
    'trainer "tiny/steps-v1": step: unknown field: did you mean "steps"?',
  ],
  [
    "a folder that is taken",
    PIPELINE.replace("trainer: steps", "trainer: steps\n    name: flat.jsonl"),
    '9:5: train.0.name: wanted a folder of its own: received "flat.jsonl", which is taken',
  ],
];

for (const [what, pipeline, message] of WRONG) {
  Deno.test(`run names file, line, column and field of ${what}`, () =>
    inFolder(async (folder) => {
      await assert.rejects(ran(contextWith(new Calls(), folder), folder, pipeline), {
        message: `Cannot use pipeline: gym.yaml:${message}`,
      });
    }));
}
