import assert from "node:assert/strict";
import { sequence } from "../_data/_testing_test.ts";
import type { ItemBatch } from "./batch.ts";
import { PreferenceMetrics } from "./metrics.ts";

const SEQUENCES = [4, 2, 5, 4].map((trained) => sequence(8, { trained }));
const PAIRS: ItemBatch = {
  sides: 2,
  items: [0, 1],
  sequences: SEQUENCES,
  reference: [-4, -2, -10, -8], // chosen and rejected of pair 0, then of pair 1
  weights: [0.5, 0.5],
  judged: null,
};
const LOG_PROBABILITIES = [-3, -11, -4, -6]; // chosen of both pairs, then rejected of both

Deno.test("PreferenceMetrics tells rewards, margins, accuracy and log-probabilities of pairs", () => {
  const metrics = new PreferenceMetrics({ reference: true, averaged: false, beta: 0.5 });
  metrics.add(PAIRS, LOG_PROBABILITIES);
  // Gains: chosen 1 and −1, rejected −2 and 2, over 15 tokens.
  assert.deepEqual(metrics.result(), {
    chosenReward: 0,
    chosenLogProbability: -7,
    rejectedReward: 0,
    rejectedLogProbability: -5,
    rewardAccuracy: 0.5,
    rewardMargin: 0,
    kl: 0,
  });
});

Deno.test("PreferenceMetrics adds batches up and averages over tokens where the loss does", () => {
  const metrics = new PreferenceMetrics({ reference: false, averaged: true, beta: 2 });
  for (const item of [0, 1]) {
    metrics.add({ ...PAIRS, items: [item] }, [LOG_PROBABILITIES[item]!, LOG_PROBABILITIES[2 + item]!]);
  }
  const { chosenReward, rejectedReward, rewardMargin, rewardAccuracy, kl } = metrics.result();
  assert.equal(chosenReward, 2 * (-3 / 4 - 11 / 5) / 2);
  assert.equal(rejectedReward, 2 * (-4 / 2 - 6 / 4) / 2);
  assert.equal(rewardMargin, chosenReward! - rejectedReward!);
  assert.deepEqual([rewardAccuracy, kl], [0.5, undefined]);
});

Deno.test("PreferenceMetrics of judged answers leaves out what there is none of", () => {
  const judged = { ...PAIRS, sides: 1, judged: { good: [true, true], shift: 1.5 } };
  const metrics = new PreferenceMetrics({ reference: true, averaged: false, beta: 1 });
  metrics.add(judged, [-2, -2]); // gains 2 and 0
  assert.deepEqual(metrics.result(), {
    chosenReward: 1,
    chosenLogProbability: -2,
    rewardAccuracy: 0.5,
    kl: 2 / 6,
  });
});

Deno.test("PreferenceMetrics counts a tie of rewards half", () => {
  const metrics = new PreferenceMetrics({ reference: true, averaged: false, beta: 1 });
  metrics.add({ ...PAIRS, items: [0] }, [-3, -1]); // gains 1 and 1
  assert.equal(metrics.result()["rewardAccuracy"], 0.5);
});
