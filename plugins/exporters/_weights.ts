/** Weights of trained messages from the rewards of their steps. */

/**
 * Each reward over the mean of the positive ones, so that weights of messages that stay in training have mean 1. A
 * reward of 0 or less gives weight 0: training never pushes a message away.
 *
 * Rewards that say nothing about single messages give 1 everywhere: one is missing, all are equal, or all but the
 * last are 0 (the outcome of the episode, paid at its end).
 *
 * @returns One weight a message; null when rewards differ and none is positive.
 */
export function messageWeights(rewards: readonly (number | null)[]): readonly number[] | null {
  if (!rewards.every((reward) => reward !== null) || saysNothing(rewards)) return rewards.map(() => 1);
  const top = Math.max(...rewards);
  if (top <= 0) return null;
  const shares = rewards.map((reward) => Math.max(0, reward) / top); // in [0, 1], so that the sum cannot overflow
  const positive = shares.filter((share) => share > 0);
  const mean = positive.reduce((sum, share) => sum + share, 0) / positive.length;
  return shares.map((share) => share / mean);
}

function saysNothing(rewards: readonly number[]): boolean {
  return rewards.every((reward) => reward === rewards[0]) ||
    rewards.slice(0, -1).every((reward) => reward === 0);
}
