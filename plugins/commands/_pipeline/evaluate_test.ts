import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import type { CommandContext, CommandResult } from "../../../core/command.ts";
import { createKernel } from "../../../core/kernel.ts";
import { definePlugin } from "../../../core/plugin.ts";
import { policy } from "../../../core/policy.ts";
import { noOptions } from "../../../core/schema.ts";
import { sink } from "../../../core/sink.ts";
import { trainer, type TrainEvent, type TrainJob } from "../../../core/trainer.ts";
import type { Trajectory } from "../../../core/trajectory.ts";
import { jsonlSink, opentelemetrySink, tensorboardSink } from "../../sinks/mod.ts";
import { contextAt, inFolder, tinyKernel } from "../_testing_test.ts";
import { run } from "../run.ts";
import { rowsOf } from "./rows.ts";
import type { RunSummary } from "./text.ts";

const TRAINING = `
train:
  - trainer: learner
    name: taught
    model: base
    options: { method: adapter }
  - trainer: learner
    name: again
    model: { train: taught }
`;
const EVALUATION = `
evaluate:
  - name: count
    env: tiny/counter
    tasks: [tasks.yaml]
    episodes: 20
    maxSteps: 9
    policies:
      - name: before
        policy: tiny/reader
        model: base
      - name: after
        policy: tiny/reader
        model: { train: again }
`;
const PIPELINE = `name: tiny
seed: 3
sources:
  - collect: { env: tiny/counter, policy: tiny/careful, tasks: [tasks.yaml], episodes: 2 }
${TRAINING}${EVALUATION}`;

interface Opened {
  readonly model: string;
  readonly adapter?: string | undefined;
}

/** A trainer that writes down how to count, and a policy that does as is written. Both tell what they were given. */
class World {
  readonly trained: Opened[] = [];
  readonly acted: Opened[] = [];
  readonly rows: number[] = [];
  readonly plugin = definePlugin({
    name: "tiny/learning",
    version: "0.1.0",
    provides: [
      trainer("tiny/learner-v1", {
        description: "Learns to count",
        options: z.strictObject({
          model: z.string(),
          adapter: z.string().optional(),
          method: z.enum(["adapter", "model"]).default("model"),
        }),
        create: ({ method, ...opened }) => ({
          name: "learner",
          train: (job) => {
            this.trained.push(opened);
            return this.#train(method, job);
          },
        }),
      }),
      policy("tiny/reader-v1", {
        description: "Counts as its model says",
        options: z.strictObject({ model: z.string(), adapter: z.string().optional() }),
        create: async (opened) => {
          this.acted.push(opened);
          const step = Number(await Deno.readTextFile(join(opened.adapter ?? opened.model, "step.txt")));
          return {
            name: "reader",
            model: null,
            act: ({ prng }) => ({ action: { tool: "add", params: { by: prng() < 0.5 ? step : 1 } } }),
          };
        },
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

  async *#train(method: string, job: TrainJob): AsyncGenerator<TrainEvent> {
    this.rows.push((await Array.fromAsync(job.rows())).length);
    yield { kind: "start", config: null, totals: {} };
    const final = join(job.folder, "final");
    await Deno.mkdir(final, { recursive: true });
    await Deno.writeTextFile(join(final, "step.txt"), "1");
    await Deno.writeTextFile(join(final, method === "adapter" ? "adapter_config.json" : "config.json"), "{}");
    yield { kind: "end", step: 1, reason: "done", summary: null };
  }
}

async function ran(
  folder: string,
  { world = new World(), pipeline = PIPELINE, ...rest }: {
    readonly world?: World;
    readonly pipeline?: string;
    readonly signal?: AbortSignal;
    readonly progress?: (line: string) => void;
  } = {},
): Promise<CommandResult> {
  await Deno.writeTextFile(join(folder, "gym.yaml"), pipeline);
  await Deno.writeTextFile(join(folder, "tasks.yaml"), "id: one\ndescription: Count\n");
  await Deno.mkdir(join(folder, "base"), { recursive: true });
  if (!await Deno.stat(join(folder, "base/step.txt")).then(() => true, () => false)) {
    await Deno.writeTextFile(join(folder, "base/step.txt"), "5");
  }
  const kernel = createKernel({ plugins: [...tinyKernel.plugins, world.plugin] });
  const context: CommandContext = { ...contextAt(folder).context, kernel, ...rest };
  const made = await createKernel({ plugins: [] }).make(run, {});
  const input = (made.input as z.ZodType).parse({ pipeline: "gym.yaml" });
  return await made.run(input as never, context);
}

type Done = RunSummary & { readonly folder: string };
const dataOf = (result: CommandResult): Done => result.data as unknown as Done;

function episodesOf(folder: string, { folder: path }: Done, name: string): Promise<Trajectory[]> {
  return Array.fromAsync(rowsOf(join(folder, path, `evaluate-count/${name}/trajectories.jsonl`)));
}

Deno.test("run evaluates what it trained beside what it began with, on the same episodes, and says which is better", () =>
  inFolder(async (folder) => {
    const { text, data } = await ran(folder);
    const [evaluation] = (data as unknown as Done).evaluations;
    const [before, after] = evaluation!.policies;
    assert.deepEqual([before?.name, before?.episodes, after?.name, after?.succeeded], [
      "before",
      20,
      "after",
      20,
    ]);
    assert.ok(before!.succeeded < 20);
    const [comparison] = evaluation!.comparisons;
    assert.equal(comparison?.decided, "better");
    const table = text.slice(text.indexOf("evaluation count")).split("\n");
    assert.match(table[0]!, /^evaluation count +success +rate +95 % from +to +mean reward +errors$/);
    assert.match(table[1]!, new RegExp(`^before +${before!.succeeded} of 20 +0\\.`));
    assert.match(table[2]!, /^after +20 of 20 +1\.000 +0\.839 +1\.000 +0 +0$/);
    assert.equal(table[3], comparison?.sentence);
    const [a, b] = await Promise.all(
      ["before", "after"].map((name) => episodesOf(folder, dataOf({ text, data }), name)),
    );
    assert.deepEqual(a?.map(({ env }) => env?.seed), b?.map(({ env }) => env?.seed));
    assert.equal(new Set(a?.map(({ env }) => env?.seed)).size, 20);
  }));

Deno.test("run evaluates on seeds that no source has, and leaves places out of what it records", () =>
  inFolder(async (folder) => {
    const done = dataOf(await ran(folder));
    const played = await Array.fromAsync(rowsOf(join(folder, done.folder, "trajectories.jsonl")));
    const seeds = new Set(played.map(({ env }) => env?.seed));
    const episodes = await episodesOf(folder, done, "after");
    assert.ok(episodes.every(({ env }) => !seeds.has(env?.seed)));
    assert.deepEqual(episodes[0]?.metadata["run"], { evaluation: "count", policy: "after" });
    assert.ok(episodes.every((episode) => !JSON.stringify(episode).includes(folder)));
    await inFolder(async (elsewhere) => {
      const copy = dataOf(await ran(elsewhere));
      assert.deepEqual(await episodesOf(elsewhere, copy, "after"), episodes);
      assert.deepEqual(copy.evaluations, done.evaluations);
    });
  }));

Deno.test("run gives a model that was trained to trainer and policy: a folder, or an adapter on its base", () =>
  inFolder(async (folder) => {
    const world = new World();
    const { folder: path } = dataOf(await ran(folder, { world }));
    const [base, adapter] = [join(folder, "base"), join(folder, path, "taught/final")];
    assert.deepEqual(world.trained, [{ model: base }, { model: base, adapter }]);
    assert.deepEqual(world.rows, [0, 0]);
    assert.deepEqual(world.acted[0], { model: base });
    assert.deepEqual(world.acted.at(-1), { model: join(folder, path, "again/final") });
  }));

Deno.test("run typed again evaluates nothing again, and all that a changed model reaches", () =>
  inFolder(async (folder) => {
    const first = await ran(folder);
    const second = new World();
    assert.deepEqual(await ran(folder, { world: second }), first);
    assert.deepEqual([second.trained, second.acted], [[], []]);
    await Deno.writeTextFile(join(folder, "base/step.txt"), "1 ");
    const third = new World();
    const { evaluations } = dataOf(await ran(folder, { world: third }));
    assert.equal(third.trained.length, 2);
    assert.deepEqual(evaluations[0]?.policies.map(({ succeeded }) => succeeded), [20, 20]);
    assert.equal(evaluations[0]?.comparisons[0]?.decided, "not decided");
  }));

Deno.test("run stopped while a policy is evaluated goes on with its next episode, to the same bytes", () =>
  inFolder(async (folder) => {
    const straight = dataOf(await ran(folder));
    const episodes = await episodesOf(folder, straight, "after");
    await Deno.remove(join(folder, "runs"), { recursive: true });
    const stop = new AbortController();
    let seen = false;
    const progress = (line: string): void => {
      seen ||= line === "stage evaluate count/after";
      if (seen && line.startsWith("5/20 ")) stop.abort();
    };
    await assert.rejects(ran(folder, { signal: stop.signal, progress }), { code: "INTERRUPTED" });
    const lines: string[] = [];
    const done = dataOf(await ran(folder, { progress: (line) => void lines.push(line) }));
    const open = Number(lines.flatMap((line) => /^1\/(\d+) /.exec(line)?.[1] ?? [])[0]);
    assert.ok(open > 0 && open <= 15, `${open} episodes were played again`);
    assert.deepEqual(await episodesOf(folder, done, "after"), episodes);
    assert.deepEqual(
      (await Array.fromAsync(Deno.readDir(join(folder, done.folder, "evaluate-count/after")))).map((entry) =>
        entry.name
      ),
      ["trajectories.jsonl"],
    );
  }));

Deno.test("run says when a policy of an evaluation breaks, and ends with 1 when it always does", () =>
  inFolder(async (folder) => {
    const broken = `${PIPELINE.split("evaluate:")[0]}evaluate:
  - { env: tiny/counter, tasks: [broken.yaml], policies: [{ policy: tiny/careful }, { policy: tiny/guesser }] }
`;
    await Deno.writeTextFile(join(folder, "broken.yaml"), "id: b\ndescription: Count\nbroken: true\n");
    const { text, exitCode, data } = await ran(folder, { pipeline: broken });
    assert.equal(exitCode, 1);
    assert.match(text, /^evaluation counter +success +rate .* errors\ncareful +unknown +- +- +- +- +1$/m);
    const [evaluation] = (data as unknown as Done).evaluations;
    assert.deepEqual(evaluation?.policies.map(({ errors, success }) => [errors, success]), [[1, null], [
      1,
      null,
    ]]);
  }));

Deno.test("run exports the sources that are named", () =>
  inFolder(async (folder) => {
    const pipeline = `name: tiny
sources:
  - collect: { env: tiny/counter, policy: tiny/careful, tasks: [tasks.yaml], episodes: 2 }
  - collect: { env: tiny/counter, policy: tiny/guesser, tasks: [tasks.yaml], episodes: 3 }
select: { dedupe: false }
export:
  - format: flat
  - format: flat
    sources: [guesser]
    file: guessed.jsonl
`;
    const { exports } = dataOf(await ran(folder, { pipeline }));
    assert.deepEqual(exports.map(({ file, rows }) => [file, rows]), [["flat.jsonl", 5], [
      "guessed.jsonl",
      3,
    ]]);
  }));

/** What is written wrong, and the message after the line and column. */
const WRONG: readonly (readonly [string, string, string])[] = [
  [
    "an unknown training",
    PIPELINE.replace("{ train: again }", "{ train: agian }"),
    '27:18: evaluate.0.policies.1.model.train: wanted the name of an item of train: received "agian": did you mean "again"?',
  ],
  [
    "a training of a later item",
    PIPELINE.replace("model: base\n    options", "model: { train: again }\n    options"),
    '9:14: train.0.model.train: wanted the name of an earlier item of train: received "again", which comes later',
  ],
  [
    "a training of itself",
    PIPELINE.replace("{ train: taught }", "{ train: again }"),
    '13:14: train.1.model.train: wanted the name of an earlier item of train: received "again", which is this one',
  ],
  [
    "a training where there is none before",
    PIPELINE.replace("model: base\n    options", "model: { train: x }\n    options"),
    '9:14: train.0.model.train: wanted the name of an earlier item of train: received "x": the earlier items are none',
  ],
  [
    "an unknown source of an export",
    `${PIPELINE}export:\n  - format: flat\n    sources: [careful, carefull]\n`,
    '30:24: export.0.sources.1: wanted the name of a source: received "carefull": did you mean "careful"?',
  ],
  [
    "an unknown policy",
    PIPELINE.replace("policy: tiny/reader\n        model: base", "policy: tiny/raeder"),
    '23:9: evaluate.0.policies.0.policy: cannot make policy "tiny/raeder": no such id: known are tiny/careful-v1, tiny/guesser-v1, tiny/reader-v1',
  ],
  [
    "a policy without the model it needs",
    PIPELINE.replace("policy: tiny/reader\n        model: base", "policy: tiny/reader"),
    '22:9: evaluate.0.policies.0.policyOptions.model: cannot use options of policy "tiny/reader-v1": model: expected string: received nothing',
  ],
  [
    "a name twice",
    PIPELINE.replace("name: after", "name: before"),
    '25:9: evaluate.0.policies.1.name: wanted a name of its own for every policy: received "before" twice',
  ],
  [
    "a model of no kind",
    PIPELINE.replace("{ train: again }", "{ trian: again }"),
    '27:9: evaluate.0.policies.1.model: expected a folder, { init: nano } or { train: NAME }: received {"trian":"again"}',
  ],
  [
    "a model of an unknown size",
    PIPELINE.replace("{ train: again }", "{ init: nanoo }"),
    '27:18: evaluate.0.policies.1.model.init: expected nano, tiny or small: received "nanoo": did you mean "nano"?',
  ],
];

for (const [what, pipeline, message] of WRONG) {
  Deno.test(`run names file, line, column and field of ${what}`, () =>
    inFolder(async (folder) => {
      await assert.rejects(ran(folder, { pipeline }), {
        message: `Cannot use pipeline: gym.yaml:${message}`,
      });
    }));
}
