/**
 * Generation against transformers' (tests/golden/README.md), and what a batch must not change.
 */
import assert from "node:assert/strict";
import { openModelFolder } from "../../plugins/models/folder.ts";
import { Generator, type GeneratorOptions } from "../../plugins/models/generation/generator.ts";
import { scoringGraph } from "../../plugins/models/training_graph.ts";
import { floats, Session } from "../../plugins/onnx/session.ts";
import { distance, feedsOf, golden, modelPath, MODELS } from "./_golden.ts";

interface Generated {
  cases: { prompt_ids: number[]; output_ids: number[]; logp_f64: number[] }[];
  "repetition_penalty_1.3_prompt0": number[];
}

async function baseModel(name: string) {
  const { config, weights } = await openModelFolder(modelPath(name));
  return { config, weights, buckets: [], lora: null };
}

async function generatorOf(name: string, options: GeneratorOptions = {}): Promise<Generator> {
  return await Generator.create(await baseModel(name), {}, { maxLength: 256, ...options });
}

const greedy = { temperature: 0 };

for (const name of MODELS) {
  Deno.test(`greedy text of ${name} equals that of transformers, token for token, one by one and in a ragged batch`, async () => {
    const { cases, ...others } = await golden<Generated>(`${name}-generate`);
    // The batch is smaller than the number of requests, and prompts are cut: rows join, leave and move.
    await using generator = await generatorOf(name, { maxBatch: 3, promptChunk: 5 });
    const run = ({ prompt_ids, output_ids }: Generated["cases"][number]) =>
      generator.generate({
        promptIds: Int32Array.from(prompt_ids),
        maxNewTokens: output_ids.length,
        sampling: greedy,
        seed: 1,
      });
    const together = await Promise.all([...cases, ...cases].map(run));
    for (const [at, given] of cases.entries()) {
      const alone = await run(given);
      for (const { ids, logProbabilities, reason } of [alone, together[at]!, together[at + cases.length]!]) {
        assert.deepEqual([...ids], given.output_ids);
        assert.equal(reason, "length");
        for (const [t, logProbability] of logProbabilities.entries()) {
          assert.ok(Math.abs(logProbability - given.logp_f64[t]!) < 1e-4);
        }
      }
    }
    const penalised = await generator.generate({
      promptIds: Int32Array.from(cases[0]!.prompt_ids),
      maxNewTokens: others["repetition_penalty_1.3_prompt0"].length,
      sampling: { temperature: 0, repetitionPenalty: 1.3 },
      seed: 1,
    });
    assert.deepEqual([...penalised.ids], others["repetition_penalty_1.3_prompt0"]);
  });

  Deno.test(`log-probabilities that ${name} reports while it samples equal those of the scoring graph`, async () => {
    const { cases } = await golden<Generated>(`${name}-generate`);
    await using generator = await generatorOf(name);
    const model = await baseModel(name);
    await using scoring = await Session.create(scoringGraph(model, { maxPositions: 128 }));
    for (const [seed, { prompt_ids }] of cases.entries()) {
      const { ids, logProbabilities } = await generator.generate({
        promptIds: Int32Array.from(prompt_ids),
        maxNewTokens: 30,
        sampling: { temperature: 1.3, topP: 0.95 },
        seed,
      });
      const all = [...prompt_ids, ...ids];
      const labels = all.map((id, t) => t < prompt_ids.length ? -100 : id);
      const { weights: _weights, ...feeds } = feedsOf({ input_ids: [all], labels: [labels] });
      const scored = floats((await scoring.run(feeds))["log_probabilities"]);
      assert.ok(distance(logProbabilities, scored) < 1e-5);
    }
  });
}

Deno.test("what a request gets does not depend on who else is in the batch, to the last bit", async () => {
  const { cases } = await golden<Generated>("tiny-qwen2-generate");
  const results: string[] = [];
  for (const maxBatch of [1, 5, 64]) {
    await using generator = await generatorOf("tiny-qwen2", { maxBatch });
    const made = await Promise.all(Array.from({ length: 24 }, (_, at) =>
      generator.generate({
        promptIds: Int32Array.from(cases[at % cases.length]!.prompt_ids),
        maxNewTokens: 5 + at * 7 % 70,
        seed: at,
      })));
    results.push(JSON.stringify(made.map(({ ids, logProbabilities }) => [[...ids], [...logProbabilities]])));
  }
  assert.ok(results.every((result) => result === results[0]));
});
