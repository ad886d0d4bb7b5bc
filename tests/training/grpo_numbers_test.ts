/**
 * The loss of GRPO and its gradients through models, against TRL (tests/golden/README.md), by the way that training
 * takes: sequences, scores of the reference, micro-batches, gradients in the learner.
 */
import assert from "node:assert/strict";
import type { AGGREGATIONS } from "../../plugins/trainers/_losses/policy_gradient.ts";
import { microBatchesOf } from "../../plugins/trainers/_grpo/batches.ts";
import type { PolicySequence } from "../../plugins/trainers/_grpo/prepare.ts";
import { currentScorer, referenceScorer, scoresOf } from "../../plugins/trainers/_grpo/score.ts";
import { accumulateGrpo, type GrpoLossOptions } from "../../plugins/trainers/_grpo/update.ts";
import { Trainee } from "../../plugins/trainers/_trainee.ts";
import { close, distance, golden, modelPath, MODELS } from "./_golden.ts";
import { byName } from "./_models.ts";

interface Numbers {
  input_ids: number[][];
  attention_mask: number[][];
  completion_mask: number[][];
  advantages: number[];
  max_completion_length: number;
  policy_logps: number[][];
  base_logps: number[][];
  cases: {
    loss_type: keyof typeof AGGREGATIONS;
    level: "token" | "sequence";
    beta: number;
    kl_bias_correction: boolean;
    eps_low: number;
    eps_high: number;
    delta: number | null;
    loss_f64: number;
    lora_grad_l2_total: number;
    lora_grad_l2?: Record<string, number>;
  }[];
}

const LIMITS = { batchTokens: 1024, maxLength: 64, padId: 511 };

/** Rows without padding; `behaviour` is left at 0. */
function sequencesOf({ input_ids, attention_mask, completion_mask, advantages }: Numbers): PolicySequence[] {
  return input_ids.map((row, b) => {
    const length = attention_mask[b]!.filter((m) => m === 1).length;
    const weights = Float32Array.from(completion_mask[b]!.slice(0, length));
    const trained = weights.filter((m) => m === 1).length;
    return {
      ids: Int32Array.from(row.slice(0, length)),
      weights,
      sharpness: new Float32Array(length).fill(1),
      behaviour: new Float32Array(trained),
      advantages: new Float32Array(trained).fill(advantages[b]!),
      sample: {
        promptIds: new Int32Array(),
        completionIds: new Int32Array(),
        logProbabilities: new Float32Array(),
        temperatures: new Float32Array(),
        mask: new Uint8Array(),
        stepOf: new Int32Array(),
        reward: 0,
        stepRewards: null,
        truncated: false,
        group: Math.floor(b / 3),
        episode: b,
      },
    };
  });
}

/** log p of trained tokens: `row[t]` belongs to token t + 1. */
function trainedScores(rows: readonly number[][], sequences: readonly PolicySequence[]): number[] {
  return sequences.flatMap(({ weights }, b) =>
    [...weights].flatMap((weight, t) => weight === 1 ? [rows[b]![t - 1]!] : [])
  );
}

/** What the golden adapters are trained with. */
function traineeOf(name: string): Promise<Trainee> {
  return Trainee.create({
    model: modelPath(name),
    adapter: modelPath(`${name}-lora`),
    method: "lora",
    loraRank: 4,
    loraAlpha: 8,
    loraRs: false,
    loraTargets: [],
    seed: 0,
    provider: "cpu",
    prepack: true,
  }, () => {});
}

for (const name of MODELS) {
  Deno.test(`losses of GRPO and gradients of ${name} equal TRL's, in one batch, in several, and with less memory`, async () => {
    const numbers = await golden<Numbers>(`${name}-grpo`);
    await using trainee = await traineeOf(name);
    const plain = sequencesOf(numbers);
    const reference = await scoresOf(referenceScorer(trainee, 64, false), plain, LIMITS);
    const policy = await scoresOf(currentScorer(trainee, 64), plain, LIMITS);
    const flat = (arrays: readonly Float32Array[]) => arrays.flatMap((array) => [...array]);
    assert.ok(distance(flat(reference), trainedScores(numbers.base_logps, plain)) < 1e-5);
    assert.ok(distance(flat(policy), trainedScores(numbers.policy_logps, plain)) < 1e-5);
    const sequences = plain.map((sequence, b) => ({
      ...sequence,
      old: reference[b]!,
      reference: reference[b]!,
    }));
    const ways = [{}, { batchTokens: 40 }, { recompute: true, headChunk: 7 }];
    for (const [at, expected] of numbers.cases.entries()) {
      for (const way of at < 6 ? ways : [{}]) {
        const options: GrpoLossOptions = {
          ...LIMITS,
          level: expected.level,
          epsilonLow: expected.eps_low,
          epsilonHigh: expected.eps_high,
          delta: expected.delta,
          beta: expected.beta,
          klBiasCorrection: expected.kl_bias_correction,
          aggregation: expected.loss_type,
          maxCompletionLength: numbers.max_completion_length,
          isCap: null,
          recompute: false,
          ...way,
        };
        const what = JSON.stringify({ ...expected, lora_grad_l2: undefined, ...way });
        const micro = microBatchesOf(sequences, [0, 1, 2, 3, 4, 5], options);
        const { loss } = await accumulateGrpo(trainee, sequences, micro, options);
        close(loss, expected.loss_f64, 1e-5, 1e-6, what);
        const found = byName(trainee.model.buckets, trainee.learner.gradients!);
        for (const [tensor, l2] of Object.entries(expected.lora_grad_l2 ?? {})) {
          close(norm([found.get(`${tensor}.weight`)!]), l2, 1e-5, 0, `${tensor} in ${what}`);
        }
        close(norm([...found.values()]), expected.lora_grad_l2_total, 1e-5, 0, what);
        trainee.learner.discard();
        if (Object.keys(way).length > 0 || expected.beta > 0) continue;
        // As many again without a gradient: everything is divided by twice as much.
        const idle = {
          sequences: sequences.length,
          tokens: flat(sequences.map((each) => each.advantages)).length,
        };
        const halved = await accumulateGrpo(trainee, sequences, micro, { ...options, idle });
        close(halved.loss, loss / 2, 1e-6, 1e-9, `idle in ${what}`);
        trainee.learner.discard();
      }
    }
  });
}

function norm(vectors: readonly Float32Array[]): number {
  return Math.sqrt(vectors.reduce((sum, vector) => sum + vector.reduce((all, x) => all + x * x, 0), 0));
}
