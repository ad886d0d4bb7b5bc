/** What a whole model draws: the distribution that another graph states, and the log-probabilities that a trainer finds. */
import assert from "node:assert/strict";
import { env } from "../../core/env.ts";
import { createKernel } from "../../core/kernel.ts";
import { policy } from "../../core/policy.ts";
import { rollout } from "../../core/rollout.ts";
import envs from "../../envs/mod.ts";
import { openModelFolder } from "../../plugins/models/folder.ts";
import { Generator } from "../../plugins/models/generation/generator.ts";
import { scoringGraph } from "../../plugins/models/training_graph.ts";
import { floats, Session } from "../../plugins/onnx/session.ts";
import policies from "../../plugins/policies/mod.ts";
import { goodnessOfFit } from "../../plugins/statistics/mod.ts";
import { trajectoryEpisode } from "../../plugins/trainers/_grpo/episodes.ts";
import { preparedSamples } from "../../plugins/trainers/_grpo/prepare.ts";
import { samplesOf } from "../../plugins/trainers/_grpo/samples.ts";
import { currentScorer, scoresOf } from "../../plugins/trainers/_grpo/score.ts";
import { Trainee } from "../../plugins/trainers/_trainee.ts";
import { feedsOf, golden, modelPath } from "../training/_golden.ts";

const VOCABULARY = 512;
const DRAWS = 4000;

/** Probability of each token after a text, by the scoring graph. */
async function stated(scoring: Session, prompt: readonly number[], temperature: number): Promise<number[]> {
  const rows = Array.from({ length: VOCABULARY }, (_, id) => [...prompt, id]);
  const labels = rows.map((row) => row.map((id, t) => t < prompt.length ? -100 : id));
  const { weights: _, ...feeds } = feedsOf({ input_ids: rows, labels });
  const scores = floats((await scoring.run(feeds))["log_probabilities"]);
  const weights = [...scores].map((score) => Math.exp(score / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** p of a chi-square test; cells that expect fewer than 5 are one cell. */
function agreement(drawn: readonly number[], probabilities: readonly number[]): number {
  const cells = new Map<number, { observed: number; expected: number }>();
  for (const [id, probability] of probabilities.entries()) {
    const key = probability * drawn.length < 5 ? -1 : id;
    const cell = cells.get(key) ?? { observed: 0, expected: 0 };
    cell.expected += probability;
    cells.set(key, cell);
  }
  const rare = cells.get(-1);
  for (const id of drawn) (cells.has(id) ? cells.get(id)! : rare!).observed++;
  const all = [...cells.values()];
  assert.ok(all.length > 5, `${all.length} cells tell little`);
  return goodnessOfFit(all.map(({ observed }) => observed), all.map(({ expected }) => expected)).p;
}

// False-alarm rate 0.1 % for each of the four; seeds are fixed, so what passes passes always.
for (const [name, temperature] of [["tiny-llama", 1], ["tiny-qwen2", 0.7]] as const) {
  Deno.test(`tokens that ${name} draws with neighbouring seeds at temperature ${temperature} follow the stated distribution`, async () => {
    const { config, weights } = await openModelFolder(modelPath(name));
    const model = { config, weights, buckets: [], lora: null };
    await using scoring = await Session.create(scoringGraph(model, { maxPositions: 128 }));
    await using generator = await Generator.create(model, {}, { maxBatch: 64, maxLength: 128 });
    const { cases: [given] } = await golden<{ cases: [{ prompt_ids: number[] }] }>(`${name}-generate`);
    const prompt = given.prompt_ids;
    const drawn = await Promise.all(Array.from({ length: DRAWS }, async (_, seed) => {
      const { ids } = await generator.generate({
        promptIds: Int32Array.from(prompt),
        maxNewTokens: 2,
        sampling: { temperature },
        seed,
      });
      return [...ids];
    }));
    const firsts = drawn.map(([first]) => first!);
    const first = agreement(firsts, await stated(scoring, prompt, temperature));
    assert.ok(first > 0.001, `first tokens: p = ${first}`);
    // The second tokens of those that begin with the commonest first one.
    const counts = Map.groupBy(firsts, (id) => id);
    const [commonest] = [...counts].reduce((a, b) => b[1].length > a[1].length ? b : a);
    const seconds = drawn.flatMap(([id, next]) => id === commonest ? [next!] : []);
    const second = agreement(seconds, await stated(scoring, [...prompt, commonest], temperature));
    assert.ok(second > 0.001, `second tokens: p = ${second}`);
  });
}

Deno.test("log-probabilities that episodes record are those that the trainer finds, at any temperature, to 1e-4", async () => {
  const gym = createKernel({ plugins: [envs, policies] });
  const model = modelPath("tiny-qwen2");
  await using trainee = await Trainee.create({
    model,
    method: "lora",
    loraRank: 4,
    loraAlpha: 8,
    loraRs: false,
    loraTargets: [],
    seed: 0,
    provider: "cpu",
    prepack: true,
  }, () => {});
  for (const temperature of [0.5, 1, 1.6]) {
    const episodes = await Promise.all([1n, 2n, 3n].map(async (seed) => {
      await using place = await gym.make(env, "llm-gym/memory-buffer-v1", { compact: true, difficulty: 0.3 });
      const actor = await gym.make(policy, "knowlyr/onnx-model-v1", {
        model,
        provider: "cpu",
        temperature,
        maxNewTokens: 20,
      });
      const played = await rollout(place, actor, { seed, maxSteps: 4, now: () => 0 });
      await actor[Symbol.asyncDispose]!();
      return { ...trajectoryEpisode(played), reward: Number(seed) };
    }));
    const { samples, refused } = samplesOf([episodes], { maxLength: 2048 });
    assert.deepEqual(refused, {});
    assert.equal(samples.length, 3, "each episode is one sequence: its prompts only grow");
    const options = { advantageScale: "none", creditWeight: 0, maskTruncated: false, beta: 1 } as const;
    const { sequences } = preparedSamples(samples, options);
    const limits = { batchTokens: 8192, maxLength: 2048, padId: 511 };
    const scores = await scoresOf(currentScorer(trainee, 2048), sequences, limits);
    for (const [at, { behaviour }] of sequences.entries()) {
      assert.ok(behaviour.length >= 4 && behaviour.length === scores[at]!.length);
      for (const [t, recorded] of behaviour.entries()) {
        assert.ok(
          Math.abs(recorded - scores[at]![t]!) < 1e-4,
          `token ${t} of episode ${at} at ${temperature}: recorded ${recorded}, found ${scores[at]![t]}`,
        );
      }
    }
  }
});
