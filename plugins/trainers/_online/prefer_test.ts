/** Which tries make pairs. */
import assert from "node:assert/strict";
import type { PolicySample } from "../_grpo/samples.ts";
import { pairsOf } from "./prefer.ts";

const sample = (group: number, episode: number, reward: number): PolicySample => ({
  promptIds: Int32Array.of(1),
  completionIds: Int32Array.of(2),
  logProbabilities: Float32Array.of(-1),
  temperatures: Float32Array.of(1),
  mask: Uint8Array.of(1),
  stepOf: Int32Array.of(0),
  reward,
  stepRewards: null,
  truncated: false,
  group,
  episode,
});

const episodesOf = (samples: readonly PolicySample[], pairsPerGroup: number, minMargin = 0) =>
  pairsOf(samples, { pairsPerGroup, minMargin }).map((pair) => pair.map(({ episode }) => episode));

const SAMPLES = [
  ...[0.5, 1, 0, 0.25].map((reward, at) => sample(0, at, reward)),
  ...[1, 1, 1].map((reward, at) => sample(1, 4 + at, reward)),
  ...[0, 0.5, 0.5].map((reward, at) => sample(2, 7 + at, reward)),
];

Deno.test("pairsOf() takes the best and the worst of each task, the earlier one on a tie", () => {
  assert.deepEqual(episodesOf(SAMPLES, 1), [[1, 2], [8, 7]]);
});

Deno.test("pairsOf() goes on with the next best and the next worst", () => {
  assert.deepEqual(episodesOf(SAMPLES, 5), [[1, 2], [0, 3], [8, 7]]);
});

Deno.test("pairsOf() leaves out pairs whose rewards are too close", () => {
  assert.deepEqual(episodesOf(SAMPLES, 5, 0.5), [[1, 2], [8, 7]]);
  assert.deepEqual(episodesOf(SAMPLES, 5, 0.6), [[1, 2]]);
});

Deno.test("pairsOf() leaves out episodes that are no single answer", () => {
  assert.deepEqual(episodesOf([...SAMPLES, sample(0, 1, 1)], 1), [[0, 2], [8, 7]]);
});
