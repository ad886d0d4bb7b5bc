/** Many environments on one policy: the same episodes whatever runs at once, and nobody waits for ever. */
import assert from "node:assert/strict";
import { env } from "../../core/env.ts";
import { createKernel } from "../../core/kernel.ts";
import { policy } from "../../core/policy.ts";
import { below, deriveSeed, seeded } from "../../core/prng.ts";
import { rollout } from "../../core/rollout.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import envs from "../../envs/mod.ts";
import { inOrder } from "../../plugins/commands/_episodes/ordered.ts";
import { openModelFolder } from "../../plugins/models/folder.ts";
import { Generator } from "../../plugins/models/generation/generator.ts";
import { initModel } from "../../plugins/models/init.ts";
import policies from "../../plugins/policies/mod.ts";

const gym = createKernel({ plugins: [envs, policies] });
const EPISODES = 64;

/** Places of different kinds, so that prompts and episodes differ in length. */
const PLACES = [
  ["knowlyr/lookup-v1", { compact: true }],
  ["llm-gym/logic-puzzle-v1", { compact: true, difficulty: 0.3 }],
  ["llm-gym/memory-buffer-v1", { compact: true, difficulty: 0.2 }],
  ["llm-gym/meta-reasoning-v1", { compact: true }],
  ["llm-gym/logic-puzzle-v1", { compact: false, difficulty: 0 }],
] as const;

async function withNano(test: (model: string) => Promise<void>): Promise<void> {
  const model = await Deno.makeTempDir();
  try {
    await initModel(model, { seed: 5n, template: "bare" });
    await test(model);
  } finally {
    await Deno.remove(model, { recursive: true });
  }
}

/** All episodes, `concurrency` at once on a model that computes at most `maxBatch` turns together. */
async function crowd(
  model: string,
  { maxBatch, concurrency }: { maxBatch: number; concurrency: number },
): Promise<readonly Trajectory[]> {
  const options = { model, maxBatch, provider: "cpu", maxNewTokens: 6, topK: 200 };
  await using _held = disposable(await gym.make(policy, "knowlyr/onnx-model-v1", options));
  const play = async (at: number): Promise<Trajectory> => {
    const [id, given] = PLACES[at % PLACES.length]!;
    await using place = await gym.make(env, id, given);
    const actor = await gym.make(policy, "knowlyr/onnx-model-v1", options);
    try {
      return await rollout(place, actor, { seed: deriveSeed(9n, at), maxSteps: 3, now: () => 0 });
    } finally {
      await actor[Symbol.asyncDispose]?.();
    }
  };
  const episodes = Array.from({ length: EPISODES }, (_, at) => at);
  return await Array.fromAsync(inOrder(episodes, concurrency, play));
}

function disposable(given: Partial<AsyncDisposable>): AsyncDisposable {
  return { [Symbol.asyncDispose]: async () => await given[Symbol.asyncDispose]?.() };
}

Deno.test("64 environments on one policy give the same episodes to the byte, however many run at once", () =>
  withNano(async (model) => {
    const alone = await crowd(model, { maxBatch: 8, concurrency: 1 });
    assert.equal(new Set(alone.map(({ id }) => id)).size, EPISODES);
    for (const { outcome, steps } of alone) {
      assert.equal(outcome.error, null);
      assert.ok(steps.length > 0 && steps.every(({ tokens }) => tokens!.completionIds!.length > 0));
    }
    const wanted = alone.map((one) => JSON.stringify(one));
    for (const [maxBatch, concurrency] of [[8, 64], [16, 8], [64, 64]] as const) {
      const together = await crowd(model, { maxBatch, concurrency });
      for (const [at, one] of together.entries()) {
        assert.equal(
          JSON.stringify(one),
          wanted[at],
          `episode ${at}, batch ${maxBatch}, ${concurrency} at once`,
        );
      }
    }
  }));

/** What a request went through, in places of the log of all tokens. */
interface Life {
  readonly asked: number;
  readonly tokens: number[];
}

Deno.test("64 requests for 8 places are served in the order they came, and all that run get their tokens in turn", () =>
  withNano(async (model) => {
    const { config, weights } = await openModelFolder(model);
    const maxBatch = 8;
    await using generator = await Generator.create(
      { config, weights, buckets: [], lora: null },
      {},
      { maxBatch, maxLength: 1024 },
    );
    const prng = seeded(3n);
    const log: number[] = [];
    const lives: Life[] = [];
    const ask = async (at: number): Promise<number> => {
      const life: Life = { asked: log.length, tokens: [] };
      lives[at] = life;
      const promptIds = Int32Array.from({ length: 1 + below(prng, 90) }, () => below(prng, 200));
      const made = await generator.generate({
        promptIds,
        maxNewTokens: 1 + below(prng, 60), // long ones leave their places to others late
        seed: at,
        onToken: () => {
          life.tokens.push(log.length);
          log.push(at);
        },
      });
      return made.ids.length;
    };
    // Half of them at once, half while others run.
    const first = Array.from({ length: 32 }, (_, at) => ask(at));
    const rest = first.map(async (running, at) => {
      await running;
      return await ask(32 + at);
    });
    const lengths = [...await Promise.all(first), ...await Promise.all(rest)];
    assert.deepEqual(lives.map(({ tokens }) => tokens.length), lengths);

    const arrivals = lives.map(({ asked }, at) => ({ at, asked })).sort((a, b) =>
      a.asked - b.asked || a.at - b.at
    );
    for (const [place, { at, asked }] of arrivals.entries()) {
      // Who came much later got nothing earlier.
      const later = arrivals.slice(place + 1).filter((other) =>
        other.asked > asked && lives[other.at]!.tokens[0]! < lives[at]!.tokens[0]!
      );
      assert.ok(later.length < maxBatch, `request ${at} was passed by ${later.length}`);
      // While it waits, all others together get no more than what those before it want, and those who share its start.
      const waited = lives[at]!.tokens[0]! - asked;
      const before = arrivals.slice(0, place).reduce((sum, other) => sum + lengths[other.at]!, 0);
      assert.ok(
        waited <= before + 2 * maxBatch,
        `request ${at} waited ${waited} tokens, ${before} before it`,
      );
    }
    for (const [at, { tokens }] of lives.entries()) {
      for (const [n, place] of tokens.slice(1).entries()) {
        const between = log.slice(tokens[n]! + 1, place);
        const most = Math.max(
          0,
          ...Map.groupBy(between, (other) => other).values().map(({ length }) => length),
        );
        assert.ok(most <= 3, `between two tokens of request ${at} another got ${most}`);
        assert.ok(between.length <= 3 * maxBatch);
      }
    }
  }));
