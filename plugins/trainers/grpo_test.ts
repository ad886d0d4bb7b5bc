import assert from "node:assert/strict";
import { join } from "node:path";
import { GymError } from "../../core/errors.ts";
import type { ExportRow } from "../../core/exporter.ts";
import { createKernel } from "../../core/kernel.ts";
import type { TrainEvent, TrainJob } from "../../core/trainer.ts";
import { rowEpisodes } from "./_grpo/episodes.ts";
import { preparedSamples } from "./_grpo/prepare.ts";
import { samplesOf } from "./_grpo/samples.ts";
import { currentScorer, referenceScorer, scoresOf } from "./_grpo/score.ts";
import { grpoUpdate, type GrpoUpdateOptions } from "./_grpo/update.ts";
import { hashes, inFolder, only, series, tinyModel } from "./_testing_test.ts";
import { Trainee } from "./_trainee.ts";
import { encodeGrpoRow } from "./commands/_grpo_rows.ts";
import { type GrpoOptions, grpoTrainer, type GrpoTrainerOptions } from "./grpo.ts";
import trainers from "./mod.ts";

const GOOD = [17, 18, 19];
const BAD = [40, 41];
const LIMITS = { batchTokens: 256, maxLength: 32, padId: 0 };

interface Drawn {
  readonly prompt: number[];
  readonly completion: number[];
  readonly reward: number;
}

/** Three groups of four: completions of {@link GOOD} ids are rewarded. */
const DRAWN: readonly (readonly Drawn[])[] = [0, 1, 2].map((group) =>
  [0, 1, 2, 3].map((at) => ({
    prompt: [5, 6 + group, 7],
    completion: at % 2 === 0 ? GOOD.slice(0, 1 + group) : [...BAD, 50 + at].slice(0, 2 + (at % 3)),
    reward: at % 2 === 0 ? 1 : 0,
  }))
);

function rowOf(
  group: readonly Drawn[],
  logprobs: (at: number) => readonly number[],
  temperature: number,
): ExportRow {
  return {
    task_id: "t",
    completions: group.map(({ prompt, completion, reward }, at) => ({
      reward,
      truncated: false,
      step_rewards: [reward],
      tokens: [{
        step: 0,
        prompt_ids: prompt,
        completion_ids: completion,
        logprobs: [...logprobs(at)],
        sampling: { temperature, topK: null, topP: null, minP: null, repetitionPenalty: null, seed: null },
        reencoded: false,
      }],
    })),
  };
}

const zeros = (group: readonly Drawn[]) => (at: number) => group[at]!.completion.map(() => 0);

const traineeOf = (model: string, given: object = {}) =>
  Trainee.create({
    model,
    method: "lora",
    loraRank: 4,
    loraAlpha: 8,
    loraRs: false,
    loraTargets: ["q_proj", "down_proj"],
    seed: 1,
    provider: "cpu",
    prepack: true,
    threads: 1,
    ...given,
  }, () => {});

/** log p of every completion, group by group. */
async function scores(trainee: Trainee, temperature: number): Promise<number[][]> {
  const { samples } = samplesOf(
    DRAWN.map((group) => rowEpisodes(rowOf(group, zeros(group), temperature), "r")),
    LIMITS,
  );
  const { sequences } = preparedSamples(samples, {
    advantageScale: "none",
    creditWeight: 0,
    maskTruncated: false,
    beta: 1,
  });
  return (await scoresOf(currentScorer(trainee, LIMITS.maxLength), sequences, LIMITS)).map((s) => [...s]);
}

/** Rows with the log-probabilities that the untrained model gives them. */
async function rowsOf(model: string, temperature = 1): Promise<ExportRow[]> {
  await using trainee = await traineeOf(model);
  const all = await scores(trainee, temperature);
  return DRAWN.map((group, g) => rowOf(group, (at) => all[g * 4 + at]!, temperature));
}

async function* stream(
  options: Omit<GrpoTrainerOptions, "loraTargets">,
  { rows, ...job }: Omit<TrainJob, "rows"> & { rows: readonly ExportRow[] },
): AsyncGenerator<TrainEvent> {
  const kernel = createKernel({ plugins: [trainers] });
  const trainer = await kernel.make(grpoTrainer, {
    provider: "cpu",
    threads: 1,
    loraRank: 4,
    loraAlpha: 8,
    loraTargets: ["q_proj", "down_proj"],
    maxLength: 32,
    learningRate: 1e-2,
    schedule: "constant",
    warmupRatio: 0,
    ...options,
  });
  yield* trainer.train({
    ...job,
    rows: async function* () {
      yield* rows;
    },
  });
}

const train = (...given: Parameters<typeof stream>): Promise<TrainEvent[]> =>
  Array.fromAsync(stream(...given));

inFolder("grpo makes rewarded completions more likely and others less", async (folder) => {
  const model = await tinyModel(folder);
  for (const [name, temperature] of [["plain", 1], ["sharp", 0.5]] as const) {
    const rows = await rowsOf(model, temperature);
    const out = join(folder, name);
    const events = await train({ model, epochs: 20, groupsPerStep: 3, learningRate: 5e-2 }, {
      rows,
      folder: out,
    });
    const [first] = only(events, "step");
    const { metrics } = first!;
    // What was recorded is what the model says under the same temperature: the ratio is 1 before the first update.
    assert.ok(
      Math.abs(metrics["ratioMean"]! - 1) < 1e-5 && metrics["ratioMax"]! < 1 + 1e-5,
      `${metrics["ratioMean"]}`,
    );
    assert.ok(metrics["klOld"]! < 1e-9);
    assert.deepEqual([metrics["reward"], metrics["groups"], metrics["episodes"]], [0.5, 3, 12]);
    assert.ok(series(events, "ratioMax").at(-1)! > 1.1);
    assert.ok(series(events, "clippedHigh").at(-1)! > 0);
    await using before = await traineeOf(model);
    await using after = await traineeOf(model, { adapter: join(out, "final") });
    const [old, now] = [
      (await scores(before, temperature)).flat(),
      (await scores(after, temperature)).flat(),
    ];
    const rewarded = DRAWN.flat().flatMap(({ completion, reward }) => completion.map(() => reward));
    const gained = (wanted: number) =>
      now.reduce((sum, value, n) => sum + (rewarded[n] === wanted ? value - old[n]! : 0), 0);
    assert.ok(gained(1) > 0.5 && gained(0) < -0.5, `${gained(1)} ${gained(0)}`);
  }
});

inFolder("grpo takes the same steps however a batch is cut up, with every kind of loss", async (folder) => {
  const model = await tinyModel(folder);
  const rows = await rowsOf(model);
  for (
    const loss of [
      {},
      { level: "sequence", aggregation: "grpo", beta: 0.1 },
      { aggregation: "dr_grpo", isCap: 2, creditWeight: 0.5 },
    ] as const
  ) {
    const runs = [];
    for (const [at, way] of [{}, { batchTokens: 16 }, { headChunk: 5, recompute: true }].entries()) {
      const out = join(folder, JSON.stringify(loss), `${at}`);
      runs.push(await train({ model, epochs: 3, groupsPerStep: 2, ...loss, ...way }, { rows, folder: out }));
    }
    const [whole, ...others] = runs.map((events) => series(events, "loss"));
    assert.equal(whole!.length, 6);
    assert.notEqual(whole![0], whole![5]);
    for (const other of others) {
      for (const [at, value] of other.entries()) {
        assert.ok(
          Math.abs(value - whole![at]!) < 2e-5,
          `${JSON.stringify(loss)} ${at}: ${value}, not ${whole![at]}`,
        );
      }
    }
  }
});

inFolder(
  "grpo goes on to the same bytes, its old policy and reference those before training",
  async (folder) => {
    const model = await tinyModel(folder);
    const rows = await rowsOf(model);
    for (const method of ["lora", "full"] as const) {
      const options = {
        model,
        method,
        epochs: 3,
        groupsPerStep: 1,
        beta: 0.05,
        isCap: 2,
        saveEvery: 2,
      } as const;
      const [whole, cut] = [join(folder, method, "whole"), join(folder, method, "cut")];
      await train(options, { rows, folder: whole });
      const abort = new AbortController();
      for await (const event of stream(options, { rows, folder: cut, signal: abort.signal })) {
        if (event.kind === "step" && event.step === 5) abort.abort();
      }
      const events = await train(options, { rows, folder: cut, resume: true });
      assert.equal(only(events, "step")[0]!.step, 6);
      assert.deepEqual(await hashes(join(cut, "final")), await hashes(join(whole, "final")));
    }
  },
);

inFolder("grpo tells what it refused, and refuses data without anything to learn", async (folder) => {
  const model = await tinyModel(folder);
  const equal = DRAWN.map((group) => rowOf(group.map((drawn) => ({ ...drawn, reward: 1 })), zeros(group), 1));
  const greedy = rowOf(DRAWN[0]!, zeros(DRAWN[0]!), 0);
  await assert.rejects(
    () => train({ model }, { rows: [...equal, greedy], folder: join(folder, "a"), source: "groups.jsonl" }),
    new GymError(
      "INVALID_DATA",
      "Cannot train on groups.jsonl: wanted a group whose rewards differ: received 4 groups, 16 episodes, mean reward " +
        "1.000; 4 episodes refused: not sampled but greedy; 3 groups whose rewards are all equal; 12 sequences left out " +
        "because every advantage in them is 0",
      { source: "groups.jsonl", refused: { "not sampled but greedy": 4 } },
    ),
  );
  const events = await train({ model, maxSteps: 1 }, {
    rows: [...await rowsOf(model), greedy],
    folder: join(folder, "b"),
  });
  const { totals } = only(events, "start")[0]!;
  assert.deepEqual([totals["rows"], totals["episodes"], totals["refused"], totals["sequences"]], [
    4,
    16,
    4,
    12,
  ]);
  const notices = only(events, "notice").map(({ message }) => message);
  assert.ok(
    notices.includes("4 groups, 16 episodes, mean reward 0.5000; 4 episodes refused: not sampled but greedy"),
    notices.join("\n"),
  );
});

Deno.test("encodeGrpoRow() shows prompt, sampled tokens and those of the environment apart", () => {
  const sampling = {
    temperature: 1,
    topK: null,
    topP: null,
    minP: null,
    repetitionPenalty: null,
    seed: null,
  };
  const tokens = [
    { step: 0, prompt_ids: [1, 2], completion_ids: [3], logprobs: [-1], sampling, reencoded: false },
    {
      step: 1,
      prompt_ids: [1, 2, 3, 4],
      completion_ids: [5, 6],
      logprobs: [-1, -1],
      sampling,
      reencoded: false,
    },
  ];
  const row = { completions: [{ reward: 1, step_rewards: [0, 1], tokens }, { reward: 0, tokens: null }] };
  const position = { file: "g.jsonl", line: 4, row: 3 };
  const options = { maxLength: 8 } as GrpoOptions; // sound: no other field is read
  const codec = null as never; // sound: recorded tokens are not encoded
  const { sequences, skipped } = encodeGrpoRow(row, position, codec, options);
  assert.equal(skipped, null);
  assert.equal(sequences.length, 1);
  const { ids, weights, roles, steps, origin } = sequences[0]!;
  assert.deepEqual([...ids], [1, 2, 3, 4, 5, 6]);
  assert.deepEqual([...weights], [0, 0, 1, 0, 1, 1]);
  assert.deepEqual([...roles], [2, 2, 3, 4, 3, 3]);
  assert.deepEqual([...steps], [-1, -1, 0, 0, 1, 1]);
  assert.equal(origin, "g.jsonl:4");
  const refused = { completions: [{ reward: 0, tokens: null }] };
  assert.equal(encodeGrpoRow(refused, position, codec, options).skipped, "no recorded tokens");
});

inFolder("grpo refuses rows to evaluate on", async (folder) => {
  const evaluation = async function* () {};
  await assert.rejects(
    () => train({ model: "none" }, { rows: [], folder, evaluation }),
    new GymError(
      "INVALID_OPTIONS",
      "Cannot train with grpo: wanted no rows to evaluate on, for recorded episodes say nothing of how a changed " +
        "policy acts: received some; evaluate the result in its environment",
      {},
    ),
  );
});

inFolder("grpo refuses ids that the model does not have", async (folder) => {
  const model = await tinyModel(folder);
  const foreign = DRAWN[0]!.map((drawn) => ({ ...drawn, prompt: [99_999] }));
  await assert.rejects(
    () => train({ model }, { rows: [rowOf(foreign, zeros(foreign), 1)], folder: join(folder, "a") }),
    {
      code: "INVALID_DATA",
      message: /^Cannot train on rows: row 1: wanted token ids below \d+, as the model has: received 99999$/,
    },
  );
});

inFolder("grpoUpdate() is one update from samples, and none when nothing has a gradient", async (folder) => {
  const model = await tinyModel(folder);
  const options: GrpoUpdateOptions = {
    ...LIMITS,
    aggregation: "dapo",
    level: "token",
    epsilonLow: 0.2,
    epsilonHigh: 0.2,
    delta: null,
    beta: 0,
    klBiasCorrection: true,
    isCap: 2,
    recompute: false,
    advantageScale: "group",
    creditWeight: 0,
    maskTruncated: false,
    update: { learningRate: 5e-2 },
  };
  await using trainee = await traineeOf(model);
  const rows = await rowsOf(model);
  const { samples } = samplesOf(rows.map((row) => rowEpisodes(row, "r")), LIMITS);
  const before = await scores(trainee, 1);
  for (let iteration = 0; iteration < 3; iteration++) {
    const { metrics, update } = await grpoUpdate(trainee, samples, options);
    assert.equal(update!.applied, true);
    // With isCap the old policy is the one of this very moment.
    assert.ok(Math.abs(metrics!["ratioMean"]! - 1) < 1e-6);
  }
  const after = await scores(trainee, 1);
  assert.ok(after[0]![0]! > before[0]![0]! + 0.01, `${before[0]} ${after[0]}`);
  assert.equal(trainee.learner.updates, 3);
  const idle = await grpoUpdate(trainee, samples.map((sample) => ({ ...sample, reward: 1 })), options);
  assert.deepEqual([idle.metrics, idle.update, idle.report.zeroVarianceGroups], [null, null, 3]);
  await assert.rejects(
    () => grpoUpdate(trainee, samples, { ...options, beta: 0.1 }),
    new TypeError("Cannot update: beta above 0: wanted a reference: received none"),
  );
  const reference = referenceScorer(trainee, LIMITS.maxLength, false);
  const held = await grpoUpdate(trainee, samples, { ...options, beta: 0.1, reference });
  assert.ok(held.metrics!["kl"]! > 0);
});

inFolder(
  "grpo refuses episodes longer than the model's context, and says when only maxLength is",
  async (folder) => {
    const model = await tinyModel(folder, { contextLength: 8 });
    const short = DRAWN.map((group) => rowOf(group, zeros(group), 1));
    const first = DRAWN[0]!.map((drawn) => ({ ...drawn, prompt: Array<number>(9).fill(5) }));
    const long = rowOf(first, zeros(first), 1);
    await assert.rejects(train({ model }, { rows: [long], folder: join(folder, "long") }), {
      code: "INVALID_OPTIONS",
      message: "Cannot train: maxLength: wanted at most 8, the model's context: received 32",
    });
    const events = await train({ model, epochs: 1 }, { rows: short, folder: join(folder, "short") });
    const said = only(events, "notice").map(({ message }) => message);
    assert.ok(
      said.includes("maxLength 32 is more than the model's context of 8; no row is longer"),
      said.join(),
    );
  },
);
