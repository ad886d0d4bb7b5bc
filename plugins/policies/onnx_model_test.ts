/** The policy on real models: tiny ones with random weights, which write rubbish by nature. */
import assert from "node:assert/strict";
import { createKernel } from "../../core/kernel.ts";
import { type Policy, policy } from "../../core/policy.ts";
import { seeded } from "../../core/prng.ts";
import { rollout } from "../../core/rollout.ts";
import { ToyEnv } from "../../core/testing/_toy_env.ts";
import { parseTrajectory } from "../../core/trajectory_schema.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import { distance, feedsOf, modelPath } from "../../tests/training/_golden.ts";
import { initModel } from "../models/init.ts";
import { openModelFolder } from "../models/folder.ts";
import { loraParameters } from "../models/lora.ts";
import { writeAdapter } from "../models/peft.ts";
import { scoringGraph } from "../models/training_graph.ts";
import { floats, Session } from "../onnx/session.ts";
import policies, { type OnnxModelOptions } from "./mod.ts";

const gym = createKernel({ plugins: [policies] });
const ID = "knowlyr/onnx-model-v1";

function acting(options: OnnxModelOptions): Promise<Policy> {
  return gym.make(policy, ID, { provider: "cpu", maxNewTokens: 24, ...options });
}

async function played(options: OnnxModelOptions, seed = 0n, maxSteps = 4): Promise<Trajectory> {
  const actor = await acting(options);
  try {
    const task = { id: "dice", description: "Roll the die" };
    return await rollout(new ToyEnv(), actor, { seed, task, maxSteps, now: () => 0 });
  } finally {
    await actor[Symbol.asyncDispose]!();
  }
}

/** Runs with a new model of bytes. */
async function withNano(
  test: (model: string) => Promise<void>,
  contextLength = 4096,
): Promise<void> {
  const model = await Deno.makeTempDir();
  try {
    await initModel(model, { seed: 11n, contextLength });
    await test(model);
  } finally {
    await Deno.remove(model, { recursive: true });
  }
}

/** What sessions were made and freed while something went on. */
async function sessionsOf(during: () => Promise<void>): Promise<{ made: number; freed: number }> {
  const counted = { made: 0, freed: 0 };
  const create = Session.create;
  const free = Session.prototype[Symbol.asyncDispose];
  Session.create = async function (graph, options) {
    const session = await create.call(Session, graph, options);
    if (graph.inputs.some(({ name }) => name === "cached")) counted.made++; // not the probes of providers
    return session;
  };
  Session.prototype[Symbol.asyncDispose] = async function () {
    counted.freed++;
    await free.call(this);
  };
  try {
    await during();
  } finally {
    Session.create = create;
    Session.prototype[Symbol.asyncDispose] = free;
  }
  return counted;
}

for (const name of ["tiny-llama", "tiny-qwen2", "tiny-qwen3"]) {
  Deno.test(`episodes of ${name} hold rubbish and end well: prompts only grow, log-probabilities are the model's`, async () => {
    const { config, weights } = await openModelFolder(modelPath(name));
    const model = { config, weights, buckets: [], lora: null };
    await using scoring = await Session.create(scoringGraph(model, { maxPositions: 2048 }));
    for (const seed of [1n, 2n, 3n, 4n]) {
      const t = await played({ model: modelPath(name) }, seed);
      assert.equal(t.outcome.error, null);
      assert.equal(t.outcome.reason, "max_steps");
      assert.deepEqual(parseTrajectory(JSON.parse(JSON.stringify(t))), t);
      assert.deepEqual([t.agent, t.model], ["onnx-model", name]);
      for (const [at, { tokens }] of t.steps.entries()) {
        const { promptIds, completionIds, logProbs } = tokens!;
        if (at > 0) {
          const before = t.steps[at - 1]!.tokens!;
          const seen = [...before.promptIds!, ...before.completionIds!];
          assert.deepEqual(promptIds!.slice(0, seen.length), seen);
        }
        const all = [...promptIds!, ...completionIds!];
        const labels = all.map((id, place) => place < promptIds!.length ? -100 : id);
        const { weights: _weights, ...feeds } = feedsOf({ input_ids: [all], labels: [labels] });
        const scored = floats((await scoring.run(feeds))["log_probabilities"]);
        assert.ok(distance(logProbs!, scored) < 1e-5);
      }
    }
  });
}

Deno.test("the same seed gives the same episode, one by one and eight at once, and another seed another", () =>
  withNano(async (model) => {
    const seeds = Array.from({ length: 8 }, (_, at) => BigInt(at));
    const together = await Promise.all(seeds.map((seed) => played({ model }, seed)));
    for (const [at, seed] of seeds.entries()) assert.deepEqual(await played({ model }, seed), together[at]);
    const narrow = await Promise.all(seeds.map((seed) => played({ model, maxBatch: 3 }, seed)));
    assert.deepEqual(narrow, together);
    assert.equal(new Set(together.map(({ steps }) => JSON.stringify(steps))).size, 8);
  }));

Deno.test("an episode is the same whether earlier turns are kept or computed anew, also when turns are left out", () =>
  withNano(async (model) => {
    for (
      const [seed, options] of [[1n, {}], [2n, { temperature: 0 }], [3n, {
        tools: false,
        maxNewTokens: 40,
      }]] as const
    ) {
      const [kept, anew] = await Promise.all(
        [true, false].map((reuse) => played({ model, ...options, reuse, maxLength: 1024 }, seed, 12)),
      );
      assert.equal(kept!.outcome.error, null);
      for (const [at, { tokens, action, extra }] of kept!.steps.entries()) {
        const other = anew!.steps[at]!;
        assert.deepEqual([action, extra, tokens!.completionIds], [
          other.action,
          other.extra,
          other.tokens!.completionIds,
        ]);
        assert.deepEqual(tokens!.promptIds, other.tokens!.promptIds);
        assert.ok(distance(tokens!.logProbs!, Float32Array.from(other.tokens!.logProbs!)) < 1e-4);
      }
    }
  }));

Deno.test("greedy decoding gives every seed the same words", () =>
  withNano(async (model) => {
    const actor = await acting({ model, temperature: 0 });
    const view = { task: { id: "", description: "x" }, tools: [], resetObservation: "", history: [] };
    const said = async (seed: number) => {
      const { tokens } = await actor.act({ ...view, observation: "", prng: seeded(seed) });
      return tokens!.completionIds;
    };
    assert.deepEqual(await said(1), await said(2));
    await actor[Symbol.asyncDispose]!();
  }));

Deno.test("policies of one model share a session, which goes with the last of them", () =>
  withNano(async (model) => {
    const counted = await sessionsOf(async () => {
      const [first, second] = await Promise.all([
        acting({ model }),
        acting({ model, temperature: 0, system: "x" }),
      ]);
      const third = await acting({ model, maxNewTokens: 1 });
      await first![Symbol.asyncDispose]!();
      await first![Symbol.asyncDispose]!(); // once more changes nothing
      await second![Symbol.asyncDispose]!();
      const t = await rollout(new ToyEnv(), third, { maxSteps: 1 });
      assert.equal(t.outcome.error, null);
      await third[Symbol.asyncDispose]!();
    });
    assert.equal(counted.made, 1);
    assert.equal(counted.freed, 2); // the probe of the provider as well
    const apart = await sessionsOf(async () => {
      const both = await Promise.all([acting({ model }), acting({ model, maxLength: 100 })]);
      for (const each of both) await each[Symbol.asyncDispose]!();
    });
    assert.deepEqual(apart, { made: 2, freed: 4 });
  }));

Deno.test("policies with the same adapters share a session, whichever each uses, and act as with that adapter alone", () =>
  withNano(async (model) => {
    const { config } = await openModelFolder(model);
    const prng = seeded(3);
    const adapters: Record<string, string> = {};
    for (const [name, rank] of [["one", 2], ["two", 4]] as const) {
      const tensors = new Map(
        loraParameters(config, { rank, alpha: rank, targets: ["q_proj"] }).map(({ name, shape }) => {
          const data = new Float32Array(shape[0]! * shape[1]!).map(() => prng() - 0.5);
          return [name, { shape, data }];
        }),
      );
      adapters[name] = `${model}/${name}`;
      await writeAdapter(adapters[name], { rank, alpha: rank, rsLora: false, baseModel: null, tensors });
    }
    const alone = await Promise.all([
      played({ model }),
      ...Object.values(adapters).map((adapter) => played({ model, adapter })),
    ]);
    let together: Trajectory[] = [];
    const counted = await sessionsOf(async () => {
      const choices = [{}, ...Object.keys(adapters).map((adapter) => ({ adapter }))];
      together = await Promise.all(choices.map((choice) => played({ model, adapters, ...choice })));
    });
    assert.equal(counted.made, 1);
    assert.deepEqual(together.map(({ model }) => model), alone.map(({ model }) => model));
    const words = (all: Trajectory[]) =>
      all.map(({ steps }) => steps.map(({ tokens }) => tokens!.completionIds));
    assert.deepEqual(words(together), words(alone));
    assert.equal(new Set(words(alone).map(String)).size, 3);
    await assert.rejects(acting({ model, adapters, adapter: "three" }), {
      code: "INVALID_OPTIONS",
      message: 'Cannot use adapter: wanted one of "one", "two": received "three"',
    });
  }));

Deno.test("a model that cannot be opened says which, and the next try is a new one", async () => {
  const model = `${await Deno.makeTempDir()}/model`;
  const wanted = { code: "FILE_ACCESS", message: /model\/config\.json/ };
  const failing = await Promise.allSettled([acting({ model }), acting({ model })]);
  for (const each of failing) {
    assert.ok(each.status === "rejected");
    assert.equal(each.reason.code, wanted.code);
    assert.match(each.reason.message, wanted.message);
  }
  await initModel(model, { seed: 1n });
  assert.equal((await played({ model })).outcome.error, null);
  await Deno.remove(model, { recursive: true });
});

Deno.test("in a short context earlier steps are left out and each step says how many", () =>
  withNano(async (model) => {
    const t = await played({ model, tools: false, maxNewTokens: 40 }, 5n, 12);
    assert.equal(t.outcome.error, null);
    const omitted = t.steps.map(({ extra }) => Number(extra?.["omittedSteps"] ?? 0));
    assert.equal(omitted[0], 0);
    assert.ok(omitted.at(-1)! > 0);
    assert.deepEqual(omitted, omitted.toSorted((a, b) => a - b));
    for (const { tokens } of t.steps) {
      assert.ok(tokens!.promptIds!.length + tokens!.completionIds!.length <= 256);
    }
  }, 256));

Deno.test("an aborted episode stops the model", () =>
  withNano(async (model) => {
    const stop = new AbortController();
    const actor = await acting({ model, maxNewTokens: 3500 });
    const playing = rollout(new ToyEnv(), actor, { signal: stop.signal });
    stop.abort();
    const { outcome, steps } = await playing;
    assert.deepEqual([outcome.reason, steps.length], ["interrupted", 0]);
    await actor[Symbol.asyncDispose]!(); // waits for the model, which has stopped
  }));

Deno.test("wrong options are refused by name", async () => {
  await assert.rejects(acting({ model: "x", topP: 0 }), {
    code: "INVALID_OPTIONS",
    message: `Cannot use options of policy "${ID}": topP: too small: expected number to be >0: received 0`,
  });
  await assert.rejects(acting({ model: "x", temprature: 1 } as never), {
    code: "INVALID_OPTIONS",
    message: `Cannot use options of policy "${ID}": temprature: unknown field: did you mean "temperature"?`,
  });
});
