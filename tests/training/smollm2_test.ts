/**
 * A real model: what SmolLM2-135M-Instruct generates, against transformers' (bench/smollm2_greedy.py).
 *
 * Its weights are not in the repository. `python3 bench/smollm2.py FOLDER` makes them, and GYM_SMOLLM2=FOLDER tells where.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { loadChatCodec } from "../../plugins/chat/mod.ts";
import type { ChatMessage } from "../../plugins/chat/messages.ts";
import { openModelFolder } from "../../plugins/models/folder.ts";
import { Generator } from "../../plugins/models/generation/generator.ts";
import { scoringGraph, type TrainedModel } from "../../plugins/models/training_graph.ts";
import { floats, Session } from "../../plugins/onnx/session.ts";
import { feedsOf, golden } from "./_golden.ts";

interface Case {
  readonly messages: readonly ChatMessage[];
  readonly prompt_ids: readonly number[];
  readonly output_ids: readonly number[];
  readonly logp_f64: readonly number[];
}

/** Longest sequence of the tests. */
const MAX_LENGTH = 256;
const LENGTHS = [24, 64];
const TOLERANCE = 1e-4;

const folder = Deno.env.get("GYM_SMOLLM2") ?? "";
const skipped = await Deno.stat(join(folder, "model.safetensors")).then(
  () => "",
  () => ` (left out: GYM_SMOLLM2 names no folder with the weights)`,
);
const { cases, weights_sha256 } = await golden<{ weights_sha256: string; cases: Case[] }>(
  "smollm2-135m-instruct-generate",
);

async function baseModel(): Promise<TrainedModel> {
  const { config, weights } = await openModelFolder(folder);
  return { config, weights, buckets: [], lora: null };
}

async function onGenerator(maxBatch: number, work: (generator: Generator) => Promise<void>): Promise<void> {
  await using generator = await Generator.create(await baseModel(), {}, { maxBatch, maxLength: MAX_LENGTH });
  await work(generator);
}

function greedy(generator: Generator, { prompt_ids }: Case, maxNewTokens: number) {
  const promptIds = Int32Array.from(prompt_ids);
  return generator.generate({ promptIds, maxNewTokens, sampling: { temperature: 0 }, seed: 1 });
}

function assertClose(actual: Float32Array, expected: ArrayLike<number>): void {
  for (const [t, value] of actual.entries()) {
    assert.ok(Math.abs(value - expected[t]!) < TOLERANCE, `${t}: wanted ${expected[t]}: received ${value}`);
  }
}

/** A test that needs the weights. */
function withWeights(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `SmolLM2-135M-Instruct: ${name}${skipped}`, ignore: skipped !== "", fn });
}

withWeights("the folder has the weights that the expected tokens belong to", async () => {
  const hash = createHash("sha256");
  using file = await Deno.open(join(folder, "model.safetensors"));
  for await (const part of file.readable) hash.update(part);
  assert.equal(hash.digest("hex"), weights_sha256);
});

withWeights("the chat template and the tokenizer give the prompts of transformers", async () => {
  const codec = await loadChatCodec(folder);
  for (const { messages, prompt_ids } of cases) {
    assert.deepEqual([...codec.encode(messages, { generationPrompt: true }).ids], prompt_ids);
  }
});

withWeights(
  "greedy text equals that of transformers, token for token, one by one",
  () =>
    onGenerator(1, async (generator) => {
      for (const given of cases) {
        for (const count of LENGTHS) {
          const { ids, logProbabilities } = await greedy(generator, given, count);
          assert.deepEqual([...ids], given.output_ids.slice(0, count));
          assertClose(logProbabilities, given.logp_f64);
        }
      }
    }),
);

withWeights(
  "greedy text equals that of transformers, token for token, in a ragged batch of eight",
  () =>
    onGenerator(8, async (generator) => {
      for (const count of LENGTHS) {
        const made = await Promise.all(cases.map((given) => greedy(generator, given, count)));
        for (const [at, { ids, logProbabilities }] of made.entries()) {
          assert.deepEqual([...ids], cases[at]!.output_ids.slice(0, count));
          assertClose(logProbabilities, cases[at]!.logp_f64);
        }
      }
    }),
);

withWeights(
  "log-probabilities that sampling records equal those of the scoring graph",
  () =>
    onGenerator(8, async (generator) => {
      await using scoring = await Session.create(
        scoringGraph(await baseModel(), { maxPositions: MAX_LENGTH }),
      );
      const made = await Promise.all(cases.map(({ prompt_ids }, seed) =>
        generator.generate({
          promptIds: Int32Array.from(prompt_ids),
          maxNewTokens: 48,
          sampling: { temperature: 1 },
          seed,
        })
      ));
      for (const [at, { ids, logProbabilities, drawnLogProbabilities }] of made.entries()) {
        const prompt = cases[at]!.prompt_ids;
        const all = [...prompt, ...ids];
        const labels = all.map((id, t) => t < prompt.length ? -100 : id);
        const { weights: _weights, ...feeds } = feedsOf({ input_ids: [all], labels: [labels] });
        const scored = floats((await scoring.run(feeds))["log_probabilities"]);
        assert.equal(scored.length, ids.length);
        assertClose(logProbabilities, scored);
        assertClose(drawnLogProbabilities, scored);
      }
    }),
);
