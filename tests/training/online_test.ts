/**
 * Learning by doing, end to end: it learns, it promotes and rolls back, it stops by its rules, and a run that died at any
 * stage goes on to the same bytes.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { below, seeded } from "../../core/prng.ts";
import type { TrainEvent } from "../../core/trainer.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import {
  exchange,
  hashes,
  inFolder,
  only,
  series,
  tinyModel,
  train,
} from "../../plugins/trainers/_testing_test.ts";
import { inChild } from "./_child.ts";
import { beforeFileOperations } from "./_crash.ts";
import { online, type OnlineGiven, onlineStream } from "./_online.ts";

const bareModel = (folder: string) => tinyModel(folder, { template: "bare" });

async function lines(...path: readonly string[]): Promise<Record<string, unknown>[]> {
  const text = await Deno.readTextFile(join(...path));
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

const evaluations = (events: readonly TrainEvent[]) =>
  only(events, "evaluation").map(({ metrics }) => metrics);
const notices = (events: readonly TrainEvent[]) => only(events, "notice").map(({ message }) => message);

for (const algorithm of ["grpo", "dpo", "rejection"] as const) {
  inFolder(`online learns by ${algorithm}, and what it promoted is in best`, async (folder) => {
    const events = await online({
      model: await bareModel(folder),
      algorithm,
      ...{ iterations: 24, tasks: 8, evalEpisodes: 100, evalEvery: 8, passes: 2, promote: "highest" },
    }, { folder });
    const [before, ...after] = evaluations(events);
    const best = Math.max(...after.map(({ success }) => success!));
    assert.ok(best > before!["success"]! + 0.2, `${before!["success"]} → ${best}`);
    const { summary } = only(events, "end")[0]!;
    const { step } = (summary as { best: { step: number } }).best;
    const checkpoint = `checkpoint-${String(step).padStart(6, "0")}`;
    assert.deepEqual(
      await hashes(join(folder, "best")),
      await hashes(join(folder, "checkpoints", checkpoint, "model")),
    );
    assert.ok(series(events, "trainedTokens").some((count) => count > 0));
    const curve = JSON.parse(await Deno.readTextFile(join(folder, "curve.json")));
    assert.deepEqual(
      curve.evaluations.map(({ value }: { value: number }) => value),
      evaluations(events).map(({ success }) => success),
    );
    assert.deepEqual(
      curve.training.map(({ iteration }: { iteration: number }) => iteration),
      Array.from({ length: 24 }, (_, at) => at + 1),
    );
    assert.match(await Deno.readTextFile(join(folder, "curve.svg")), /^<svg .*<\/svg>\n$/s);
  });
}

inFolder("online gives the same bytes for any number of episodes at once", async (folder) => {
  const model = await bareModel(folder);
  const results = [];
  for (const concurrency of [1, 5, 64]) {
    const place = join(folder, String(concurrency));
    await online({ model, concurrency }, { folder: place });
    results.push({
      final: await hashes(join(place, "final")),
      tries: await Deno.readTextFile(join(place, "iterations", "000004", "collect.jsonl")),
      journal: await Deno.readTextFile(join(place, "journal.jsonl")).then((text) =>
        text.split("\n").slice(1)
      ),
    });
  }
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
});

inFolder(
  "online goes back to the incumbent when a reward that misleads made the model worse",
  async (folder) => {
    const events = await online({
      model: await bareModel(folder),
      ...{ iterations: 24, tasks: 8, evalEpisodes: 100, evalEvery: 12, keep: 8, learningRate: 2e-2 },
      ...{ rubrics: ["tests/odd-v1"], reward: "score", seed: 3 },
    }, { folder });
    const [before, after] = evaluations(events);
    assert.ok(
      after!["success"]! < before!["success"]! - 0.15,
      `${before!["success"]} → ${after!["success"]}`,
    );
    assert.equal(after!["rolledBack"], 1);
    assert.match(notices(events).join("\n"), /Training goes on from the incumbent\./);
    const checkpoint = (step: string) =>
      hashes(join(folder, "checkpoints", `checkpoint-0000${step}`, "model"));
    assert.deepEqual(await checkpoint("12"), await checkpoint("00"));
    assert.deepEqual(await hashes(join(folder, "best")), await checkpoint("00"));
    const seedsOf = async (iteration: string) =>
      (await lines(folder, "iterations", `0000${iteration}`, "collect.jsonl") as unknown as Trajectory[])
        .map(({ env }) => env!.seed);
    assert.notDeepEqual(await seedsOf("13"), await seedsOf("01"), "what was rolled back is not played again");
  },
);

inFolder("online stops when the interval says that it is enough, or that little is left", async (folder) => {
  const model = await bareModel(folder);
  const good = { algorithm: "rejection", iterations: 40, tasks: 8, evalEpisodes: 100, evalEvery: 8 } as const;
  const enough = await online({ model, ...good, enough: 0.6 }, { folder: join(folder, "enough") });
  const { reason, step } = only(enough, "end")[0]!;
  assert.equal(reason, "early_stop");
  assert.ok(step < 40, `${step}`);
  assert.ok(evaluations(enough).at(-1)!["successLow"]! >= 0.6);
  assert.match(
    notices(enough).at(-1)!,
    /^Enough: the interval of the success on held-out tasks begins at 0\.\d+/,
  );

  const little = await online({ model, ...good, learningRate: 1e-6, leastGain: 0.1 }, {
    folder: join(folder, "little"),
  });
  assert.deepEqual(only(little, "end").map((end) => [end.reason, end.step]), [["early_stop", 8]]);
  assert.match(
    notices(little).at(-1)!,
    /^Little left to gain: the interval of the difference ends at 0\.\d+/,
  );

  const patient = await online({ model, ...good, learningRate: 1e-6, patience: 2 }, {
    folder: join(folder, "patient"),
  });
  assert.deepEqual(only(patient, "end").map((end) => [end.reason, end.step]), [["early_stop", 16]]);
});

inFolder(
  "online plays further tasks in the place of those that taught nothing, up to the bound",
  async (folder) => {
    const model = await bareModel(folder);
    const given = { model, iterations: 3, tasks: 6, groupSize: 2, evalEpisodes: 0 };
    const plain = await online(given, { folder: join(folder, "plain") });
    const more = await online({ ...given, resample: 5 }, { folder: join(folder, "more") });
    assert.ok(series(plain, "zeroVarianceGroups").some((count) => count > 0));
    assert.deepEqual(series(plain, "tasks"), [6, 6, 6]);
    for (const { metrics } of only(more, "step")) {
      const telling = metrics["tasks"]! - metrics["zeroVarianceGroups"]!;
      assert.ok(telling >= 6 || metrics["tasks"] === 11, JSON.stringify(metrics));
    }
    const first = join("iterations", "000001", "collect.jsonl");
    assert.equal(
      await Deno.readTextFile(join(folder, "more", first)),
      await Deno.readTextFile(join(folder, "plain", first)),
    );
  },
);

inFolder(
  "online rewards steps by rubrics, and the episode by its score where it is told to",
  async (folder) => {
    const model = await bareModel(folder);
    const given = { model, iterations: 1, evalEpisodes: 0, rubrics: ["tests/wide-v1"], creditWeight: 0.5 };
    const readings = async (name: string, options: Partial<OnlineGiven>) => {
      const place = join(folder, name);
      const events = await online({ ...given, ...options }, { folder: place });
      const scored = await lines(place, "iterations", "000001", "score.jsonl") as unknown as Trajectory[];
      const played = await lines(place, "iterations", "000001", "collect.jsonl") as unknown as Trajectory[];
      return { scored, played, norm: series(events, "gradientNorm")[0]! };
    };
    const byEnv = await readings("env", {});
    const byScore = await readings("score", { reward: "score" });
    const uncredited = await readings("uncredited", { creditWeight: 0 });
    const width = ({ action }: Trajectory["steps"][number]) => (action.raw ?? "").length > 1 ? 1 : 0;
    for (const [at, { steps, reward }] of byEnv.scored.entries()) {
      assert.deepEqual(steps.map((step) => step.reward), steps.map(width));
      assert.equal(reward, byEnv.played[at]!.reward);
    }
    for (const { steps, reward } of byScore.scored) {
      assert.equal(reward, steps.reduce((sum, step) => sum + step.reward!, 0) / steps.length);
    }
    assert.notEqual(byEnv.norm, uncredited.norm);
    assert.notEqual(byEnv.norm, byScore.norm);
  },
);

inFolder(
  "online compares pairs with the policy that made them: the first update's loss is log 2",
  async (folder) => {
    const events = await online({
      ...{ model: await bareModel(folder), algorithm: "dpo", iterations: 2, passes: 2, evalEpisodes: 0 },
      ...{ temperature: 0.7, groupSize: 8 },
    }, { folder });
    const [first, second, third] = series(events, "loss");
    assert.ok(Math.abs(first! - Math.LN2) < 1e-5, `${first}`);
    assert.ok(second! < Math.LN2 - 1e-3, `${second}`);
    assert.ok(Math.abs(third! - Math.LN2) < 1e-5, `${third}`);
    assert.ok(series(events, "rewardAccuracy")[1]! > 0.5);
  },
);

inFolder("online says what is wrong when every episode ends by an error", async (folder) => {
  const model = await bareModel(folder);
  await assert.rejects(
    online({ model, env: "tests/broken-v1", evalEpisodes: 0 }, { folder }),
    {
      code: "PLUGIN_FAILED",
      message:
        /^Cannot learn in tests\/broken-v1: wanted episodes: all 16 ended by an error, the first by: .*out of order/,
    },
  );
});

inFolder(
  "online refuses options that its algorithm does not read, and another run's journal",
  async (folder) => {
    const model = await bareModel(folder);
    await assert.rejects(
      online({ model, algorithm: "dpo", creditWeight: 1 }, { folder }),
      /creditWeight: wanted nothing, for dpo does not read it; grpo would/,
    );
    await assert.rejects(
      online({ model, reward: "score" }, { folder }),
      /reward: wanted rubrics to score by, or env/,
    );
    const stopped = new AbortController();
    for await (const event of onlineStream({ model, saveEvery: 0 }, { folder, signal: stopped.signal })) {
      if (event.kind === "evaluation") stopped.abort();
    }
    await assert.rejects(online({ model, seed: 7 }, { folder, resume: true }), {
      code: "INVALID_DATA",
      message: /wanted the options that the run began with: received others$/,
    });
  },
);

inFolder(
  "online says how many tries and held-out episodes ended by an error, and by which",
  async (folder) => {
    const model = await bareModel(folder);
    const given = { model, env: "tests/shaky-v1", iterations: 2, tasks: 8, groupSize: 2 };
    const events = await online(given, { folder });
    const played = async (...path: string[]) => await lines(folder, ...path) as unknown as Trajectory[];
    const texts: string[] = [];
    const files = [
      ["held-out episodes", "evaluations", "000000.jsonl"],
      ["tries of iteration 1", "iterations", "000001", "collect.jsonl"],
      ["tries of iteration 2", "iterations", "000002", "collect.jsonl"],
      ["held-out episodes", "evaluations", "000002.jsonl"],
    ] as const;
    for (const [what, ...path] of files) {
      const episodes = await played(...path);
      const errors = episodes.filter(({ outcome }) => outcome.error !== null);
      if (errors.length === 0) continue;
      texts.push(
        `${errors.length} of ${episodes.length} ${what} ended by an error, the first by: ${
          errors[0]!.outcome.error
        }`,
      );
    }
    assert.ok(texts.length >= 3, texts.join("\n"));
    assert.match(texts[0]!, /no answer to a$/);
    assert.deepEqual(notices(events).filter((text) => text.includes("ended by an error")), texts);
  },
);

inFolder(
  "trainers refuse a maxLength beyond the model's context where a sequence may be longer",
  async (folder) => {
    const model = await tinyModel(folder, { template: "bare", contextLength: 48 });
    const rejected = (received: number) => ({
      code: "INVALID_OPTIONS",
      message: `Cannot train: maxLength: wanted at most 48, the model's context: received ${received}`,
    });
    await assert.rejects(online({ model }, { folder: join(folder, "online") }), rejected(64));
    const rows = [exchange("Say", "a"), exchange("Say", "b".repeat(60))];
    const short = { model, epochs: 1, maxLength: 200 };
    await assert.rejects(train(short, { rows, folder: join(folder, "long") }), rejected(200));
    const events = await train(short, { rows: rows.slice(0, 1), folder: join(folder, "short") });
    assert.ok(
      notices(events).includes("maxLength 200 is more than the model's context of 48; no row is longer"),
    );
    assert.equal(only(events, "end")[0]!.reason, "done");
  },
);

/** Everything of a run that must not depend on how often it was stopped. */
async function resultOf(folder: string, events: readonly TrainEvent[]) {
  const { step, reason, summary } = only(events, "end")[0]!;
  const { best, evaluation } = summary as { best: { step: number; loss: number }; evaluation: unknown };
  const journal = await lines(folder, "journal.jsonl");
  const finished = new Map(
    journal.filter(({ event }) => event === "finished").map((
      entry,
    ) => [`${entry["iteration"]} ${entry["stage"]}`, entry]),
  );
  return {
    final: await hashes(join(folder, "final")),
    best: { step: best.step, loss: best.loss, files: await hashes(join(folder, "best")) },
    tries: await hashes(join(folder, "iterations", "000002")),
    evaluations: await hashes(join(folder, "evaluations")),
    curve: await Deno.readTextFile(join(folder, "curve.json")),
    picture: await Deno.readTextFile(join(folder, "curve.svg")),
    journal: Object.fromEntries([...finished].sort()),
    evaluation,
    step,
    reason,
  };
}

const EVERYTHING = { passes: 2, miniBatches: 2, saveEvery: 1, evalEvery: 1, iterations: 3 } as const;
const VARIANTS: readonly (readonly [string, Partial<OnlineGiven>])[] = [
  ["GRPO with old policy, KL, rubrics and further tasks", {
    ...EVERYTHING,
    ...{ isCap: 2, beta: 0.01, resample: 2, rubrics: ["tests/wide-v1"], creditWeight: 0.2, method: "lora" },
  }],
  ["DPO that rolls back", { ...EVERYTHING, algorithm: "dpo", learningRate: 0.5 }],
  ["rejection sampling", { ...EVERYTHING, algorithm: "rejection", bestOf: 1 }],
];

for (const [name, options] of VARIANTS) {
  inFolder(`online aborted again and again and resumed gives the same bytes: ${name}`, async (folder) => {
    const model = await bareModel(folder);
    const [straight, broken] = [join(folder, "straight"), join(folder, "broken")];
    const wanted = await resultOf(straight, await online({ model, ...options }, { folder: straight }));
    for (let event = 0;; event += 2) {
      const controller = new AbortController();
      const events: TrainEvent[] = [];
      let left = event;
      const job = { folder: broken, resume: true, signal: controller.signal };
      for await (const told of onlineStream({ model, ...options }, job)) {
        events.push(told);
        if (told.kind !== "notice" && left-- === 0) controller.abort();
      }
      const end = only(events, "end")[0]!;
      if (end.reason !== "interrupted") {
        assert.deepEqual(await resultOf(broken, events), wanted);
        assert.ok(event > 4);
        return;
      }
    }
  });
}

inFolder("online killed five times and resumed gives the same bytes", async (folder) => {
  const model = await bareModel(folder);
  const options = { model, ...VARIANTS[0]![1] } as OnlineGiven;
  const [straight, broken] = [join(folder, "straight"), join(folder, "broken")];
  const job = { trainer: "online", options: options as never } as const;
  const whole = await inChild({ ...job, given: { folder: straight } });
  assert.equal(whole.error, null);
  const wanted = await resultOf(straight, whole.events);
  const prng = seeded(5);
  for (let kill = 0; kill < 5; kill++) {
    const killAt = Math.ceil((0.5 + prng()) * whole.operations! / 8);
    const { signal, stderr } = await inChild({ ...job, given: { folder: broken, resume: true }, killAt });
    assert.equal(signal, "SIGKILL", stderr);
  }
  const events = await online(options, { folder: broken, resume: true });
  assert.deepEqual(await resultOf(broken, events), wanted);
});

class Crash extends Error {}

inFolder("online stopped dead in any stage and resumed gives the same bytes", async (folder) => {
  const model = await bareModel(folder);
  const options = {
    ...{ model, iterations: 2, evalEvery: 2, saveEvery: 1, keep: 1, evalEpisodes: 20, tasks: 2 },
    ...{ rubrics: ["tests/wide-v1"], isCap: 2, passes: 2, learningRate: 0.3, method: "lora" as const },
  };
  const straight = join(folder, "straight");
  const wanted = await resultOf(straight, await online(options, { folder: straight }));
  const prng = seeded(9);
  let crashes = 0;
  const stages = new Set<string>();
  for (let at = 1;; at += 1 + below(prng, 14)) {
    const place = join(folder, String(at));
    {
      using _dying = beforeFileOperations((operation) => {
        if (operation >= at) throw new Crash();
      });
      const died = await online(options, { folder: place }).then(() => false, (thrown) => {
        assert.ok(thrown instanceof Crash || (thrown as Error).cause instanceof Crash, `${thrown}`);
        return true;
      });
      if (!died) break;
    }
    crashes++;
    const told = await lines(place, "journal.jsonl").catch(() => []);
    stages.add(String(told.at(-1)?.["stage"] ?? "none").replace(/-\d+$/, ""));
    const events = await online(options, { folder: place, resume: true });
    assert.deepEqual(await resultOf(place, events), wanted, `operation ${at}`);
  }
  assert.ok(crashes > 15, `${crashes} crashes`);
  for (const stage of ["evaluate", "judge", "collect", "score", "train"]) {
    assert.ok(stages.has(stage), `no crash after ${stage}: ${[...stages]}`);
  }
});
