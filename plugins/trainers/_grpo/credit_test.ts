import assert from "node:assert/strict";
import fc from "fast-check";
import { type CreditEpisode, stepAdvantages } from "./credit.ts";

const step = fc.record({
  reward: fc.integer({ min: -4, max: 4 }).map((quarters) => quarters / 4),
  tokens: fc.integer({ min: 0, max: 9 }),
});
const episode: fc.Arbitrary<CreditEpisode> = fc.record({
  advantage: fc.integer({ min: -8, max: 8 }).map((quarters) => quarters / 4),
  steps: fc.array(step, { minLength: 1, maxLength: 5 }),
  known: fc.boolean(),
}).map(({ advantage, steps, known }) => ({
  advantage,
  stepRewards: known ? steps.map(({ reward }) => reward) : null,
  stepTokens: steps.map(({ tokens }) => tokens),
}));
const group = fc.array(episode, { minLength: 1, maxLength: 6 });
const weight = fc.integer({ min: 0, max: 8 }).map((halves) => halves / 2);

Deno.test("stepAdvantages() keep the sum over the tokens of each episode", () => {
  fc.assert(fc.property(group, weight, (episodes, weight) => {
    for (const [at, steps] of stepAdvantages(episodes, weight).entries()) {
      const { advantage, stepTokens } = episodes[at]!;
      const tokens = stepTokens.reduce((sum, count) => sum + count, 0);
      const sum = steps.reduce((total, value, step) => total + value * stepTokens[step]!, 0);
      assert.ok(Math.abs(sum - advantage * tokens) < 1e-9, `${sum} for ${advantage * tokens}`);
    }
  }));
});

Deno.test("stepAdvantages() are those of the episode when λ is 0 or its step rewards are missing", () => {
  fc.assert(fc.property(group, weight, (episodes, weight) => {
    const plain = episodes.map(({ advantage, stepTokens }) => stepTokens.map(() => advantage));
    assert.deepEqual(stepAdvantages(episodes, 0), plain);
    const credited = stepAdvantages(episodes, weight);
    for (const [at, { stepRewards }] of episodes.entries()) {
      if (stepRewards === null) assert.deepEqual(credited[at], plain[at]);
    }
  }));
});

Deno.test("stepAdvantages() give a better step more, in good and in bad episodes alike", () => {
  // At step 0 the first episode has the smaller reward to go, at step 1 the greater one.
  const rewards = [[-1, 1], [1, 0]];
  for (const advantage of [2, -2]) {
    const [first] = stepAdvantages(
      rewards.map((stepRewards) => ({ advantage, stepRewards, stepTokens: [3, 3] })),
      0.5,
    );
    assert.ok(first![1]! > advantage && advantage > first![0]!, `${first}`);
  }
});

Deno.test("stepAdvantages() follow the formula", () => {
  const [a, b] = stepAdvantages([
    { advantage: 1, stepRewards: [0, 1], stepTokens: [1, 3] },
    { advantage: -1, stepRewards: [1, 0, 5], stepTokens: [2, 2, 4] },
  ], 2);
  // Rewards to go: [1, 1] and [6, 5, 5]; z = ∓1/√2 at both shared steps, 0 at the third.
  const z = Math.SQRT1_2;
  const expected = [[1, 1], [-1 + 2 * (z - z / 2), -1 + 2 * (z - z / 2), -1 - z]];
  for (const [at, own] of [a!, b!].entries()) {
    for (const [step, value] of own.entries()) assert.ok(Math.abs(value - expected[at]![step]!) < 1e-12);
  }
});
