/** Against step-weighted losses of an independent implementation. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { loadChatCodec } from "../../chat/codec.ts";
import type { ChatMessage } from "../../chat/mod.ts";
import { conversation, sequence } from "./_testing_test.ts";
import { batchOf } from "./batch.ts";
import { encodeRow } from "./encode.ts";
import { planRun } from "./plan.ts";

const folder = new URL("../../../tests/data/step_weights/", import.meta.url);

async function read<T>(name: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(new URL(name, folder))) as T;
}

interface LossCase {
  readonly input: {
    readonly logits: readonly (readonly (readonly number[])[])[];
    readonly labels: readonly (readonly number[])[];
    readonly step_weights: readonly (readonly number[])[];
  };
  readonly weight_normalised_loss: number;
}

function crossEntropy(logits: readonly number[], target: number): number {
  return Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[target]!;
}

for (const name of ["loss_01.json", "loss_03.json"]) {
  Deno.test(`batchOf() and totalWeight give the golden loss of ${name}`, async () => {
    const { input, weight_normalised_loss } = await read<LossCase>(name);
    const kept = input.labels.map((_, at) => at).filter((at) =>
      input.labels[at]!.some((label) => label >= 0)
    );
    const data = kept.map((at) =>
      sequence(input.labels[at]!.length, {
        ids: Int32Array.from(input.labels[at]!, (label) => Math.max(0, label)),
        weights: Float32Array.from(
          input.labels[at]!,
          (label, t) => label < 0 ? 0 : input.step_weights[at]![t]!,
        ),
      })
    );
    const { steps } = planRun(data, {
      epochs: 1,
      batchSize: 1,
      accumulation: 8,
      maxLength: 64,
      shuffle: false,
      seed: 0,
    });
    assert.equal(steps.length, 1);
    let sum = 0;
    for (const [order, micro] of steps[0]!.microBatches.entries()) {
      const { rows, targets, weights } = batchOf(data, micro, { padId: 0 });
      for (const [n, row] of rows.entries()) {
        sum += weights[n]! * crossEntropy(input.logits[kept[order]!]![Number(row)]!, Number(targets[n]));
      }
    }
    const loss = sum / steps[0]!.totalWeight;
    // Weights are float32.
    assert.ok(Math.abs(loss - weight_normalised_loss) < 1e-6, `${loss} is not ${weight_normalised_loss}`);
  });
}

interface WeightedCases {
  readonly messages: readonly (readonly ChatMessage[])[];
  readonly cases: readonly {
    readonly trajectories: readonly number[];
    readonly input_ids: readonly (readonly number[])[];
    readonly labels: readonly (readonly number[])[];
    readonly step_ids: readonly (readonly number[])[];
    readonly step_rewards: readonly (readonly number[])[];
    readonly token_weights_per_step: readonly (readonly number[])[];
  }[];
}

for (const model of ["tiny-qwen2", "tiny-llama", "tiny-qwen3"]) {
  const golden = new URL(`../../../tests/golden/models/${model}-step-weighted.json`, import.meta.url);

  Deno.test(`encodeRow() trains the tokens that ${model} trains in transformers, weighted alike`, async () => {
    const { messages, cases } = JSON.parse(await Deno.readTextFile(golden)) as WeightedCases;
    const codec = await loadChatCodec(
      fileURLToPath(new URL(`../../../tests/golden/models/${model}`, import.meta.url)),
    );
    const all = cases.at(-1)!;
    for (const [row, trajectory] of all.trajectories.entries()) {
      const stepRewards = all.step_rewards[row]!;
      const given = conversation(messages[trajectory]!, { stepRewards });
      const encode = (weighting: "row" | "rewards") =>
        encodeRow(given, codec, { maxLength: 1000, weighting }).sequences[0]!;
      const { ids, weights, steps } = encode("row");
      const labels = all.labels[row]!;
      assert.deepEqual([...ids], all.input_ids[row]!.slice(0, ids.length));
      assert.deepEqual(
        labels.map((_, t) => (weights[t] ?? 0) > 0),
        labels.map((label) => label !== -100),
      );
      assert.ok(weights.every((weight, t) => weight === 0 || steps[t] === all.step_ids[row]![t]));
      // Rewards below 0 push away there; equal ones give 0 there and 1 here.
      if (Math.min(...stepRewards) < 0 || Math.max(...stepRewards) === 0) continue;
      const weighted = encode("rewards");
      const wanted = all.token_weights_per_step[row]!;
      const top = stepRewards.indexOf(Math.max(...stepRewards));
      const scale = weighted.weights[
        weighted.steps.findIndex((step, t) => step === top && weighted.weights[t]! > 0)
      ]! /
        wanted[top]!;
      for (const [t, weight] of weighted.weights.entries()) {
        const expected = weights[t]! > 0 ? scale * wanted[steps[t]!]! : 0;
        assert.ok(Math.abs(weight - expected) < 1e-6, `row ${row}, token ${t}: ${weight} is not ${expected}`);
      }
    }
  });
}
