import assert from "node:assert/strict";
import { microBatchesOf } from "./batches.ts";
import { preparedSamples, type PrepareOptions } from "./prepare.ts";
import type { PolicySample } from "./samples.ts";

const options: PrepareOptions = { advantageScale: "none", creditWeight: 0, maskTruncated: false, beta: 0 };

function sample(
  group: number,
  episode: number,
  reward: number,
  given: Partial<PolicySample> = {},
): PolicySample {
  return {
    promptIds: Int32Array.of(1, 2),
    completionIds: Int32Array.of(3, 4, 5),
    logProbabilities: Float32Array.of(-1, 0, -2),
    temperatures: Float32Array.of(0.5, 1, 2),
    mask: Uint8Array.of(1, 0, 1),
    stepOf: Int32Array.of(0, 0, 1),
    reward,
    stepRewards: null,
    truncated: false,
    group,
    episode,
    ...given,
  };
}

const advantagesOf = (samples: readonly PolicySample[], given: Partial<PrepareOptions> = {}) =>
  preparedSamples(samples, { ...options, ...given }).sequences.map(({ advantages }) => [...advantages]);

Deno.test("preparedSamples() lays prompt and completion out, each sharpness before the token it was for", () => {
  const { sequences } = preparedSamples([sample(0, 0, 1), sample(0, 1, 0)], options);
  const [first] = sequences;
  assert.deepEqual([...first!.ids], [1, 2, 3, 4, 5]);
  assert.deepEqual([...first!.weights], [0, 0, 1, 0, 1]);
  assert.deepEqual([...first!.sharpness], [1, 2, 1, 0.5, 1]);
  assert.deepEqual([...first!.behaviour], [-1, -2]);
  assert.deepEqual(sequences.map(({ advantages }) => [...advantages]), [[0.5, 0.5], [-0.5, -0.5]]);
});

Deno.test("preparedSamples() compares episodes, so one that has two samples counts once", () => {
  const samples = [sample(0, 0, 1), sample(0, 0, 1), sample(0, 1, 0)];
  assert.deepEqual(advantagesOf(samples).map(([first]) => first), [0.5, 0.5, -0.5]);
});

Deno.test("preparedSamples() gives tokens the credit of their step", () => {
  const samples = [sample(0, 0, 1, { stepRewards: [0, 1] }), sample(0, 1, 0, { stepRewards: [0, 0] })];
  assert.deepEqual(advantagesOf(samples, { creditWeight: 1 }), [[0.5, 0.5], [-0.5, -0.5]]); // both steps stand alike
  const uneven = [sample(0, 0, 1, { stepRewards: [-1, 1] }), sample(0, 1, 0, { stepRewards: [0, 0] })];
  const [first, second] = advantagesOf(uneven, { creditWeight: 1 });
  assert.ok(
    first![1]! > 0.5 && first![0]! < 0.5 && second![0]! > -0.5 && second![1]! < -0.5,
    `${first} ${second}`,
  );
  assert.ok(Math.abs(first![0]! + first![1]! - 1) < 1e-6);
});

Deno.test("preparedSamples() masks what was cut short and keeps its reward in the baseline", () => {
  const samples = [sample(0, 0, 1), sample(0, 1, 0, { truncated: true })];
  const { sequences, report } = preparedSamples(samples, { ...options, maskTruncated: true });
  assert.deepEqual(sequences.map(({ advantages }) => advantages[0]), [0.5]);
  assert.equal(report.maskedEpisodes, 1);
});

Deno.test("preparedSamples() leaves out and counts what has no gradient", () => {
  const samples = [sample(0, 0, 1), sample(1, 1, 1), sample(1, 2, 1), sample(2, 3, 0), sample(2, 4, 1)];
  const { sequences, report } = preparedSamples(samples, options);
  assert.deepEqual(sequences.map(({ sample }) => sample.episode), [3, 4]);
  assert.deepEqual(report, {
    groups: 3,
    meanReward: 0.8,
    zeroVarianceGroups: 1,
    singleGroups: 1,
    maskedEpisodes: 0,
    idleSequences: 2,
    idleTokens: 4,
  });
  const held = preparedSamples(samples, { ...options, beta: 0.1 }); // a divergence has a gradient without advantages
  assert.deepEqual(held.sequences.map(({ sample }) => sample.episode), [1, 2, 3, 4]);
});

Deno.test("microBatchesOf() puts like lengths together, no more tokens at once than allowed", () => {
  const lengths = [3, 20, 8, 7, 30, 9];
  const sequences = lengths.map((length) => ({ ids: new Int32Array(length) }));
  assert.deepEqual(microBatchesOf(sequences, [5, 4, 3, 2, 1, 0], { batchTokens: 48, maxLength: 30 }), [
    { rows: [[0], [2], [3]], length: 8 },
    { rows: [[5], [1]], length: 24 },
    { rows: [[4]], length: 30 },
  ]);
});
