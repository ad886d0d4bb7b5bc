/** Against step-weighted losses of an independent implementation. */
import assert from "node:assert/strict";
import { sequence } from "./_testing_test.ts";
import { batchOf } from "./batch.ts";
import { planRun } from "./plan.ts";
import { stepWeights } from "./step_weights.ts";

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

interface RewardCases {
  readonly rows: readonly {
    readonly step_rewards: readonly number[];
    readonly trained_tokens: readonly number[];
    readonly weights: readonly number[];
  }[];
}

Deno.test("stepWeights() is proportional to the golden weights where no reward is negative", async () => {
  const { rows } = await read<RewardCases>("rewards.json");
  const plain = rows.filter(({ step_rewards: r }) => Math.min(...r) >= 0 && Math.max(...r) > 0);
  assert.equal(plain.length, 3);
  for (const { step_rewards, trained_tokens, weights } of plain) {
    const made = stepWeights(step_rewards, trained_tokens).weights;
    const scale = made[0]! / weights[0]!;
    for (const [step, weight] of weights.entries()) {
      assert.ok(Math.abs(made[step]! - scale * weight) < 1e-6, `${made} is not like ${weights}`);
    }
  }
});
