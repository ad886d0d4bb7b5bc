/**
 * Credit of steps: which steps of an episode deserve more of its advantage.
 *
 * @module
 */
import { allEqual, deviation, meanOf } from "./advantages.ts";

/** An episode of a group, as far as credit goes. */
export interface CreditEpisode {
  /** Advantage of the whole episode, A. */
  readonly advantage: number;
  /** Process reward of each step; null when one is missing. */
  readonly stepRewards: readonly number[] | null;
  /** Trained tokens of each step. */
  readonly stepTokens: readonly number[];
}

/**
 * Advantage of each step of each episode of one group:
 *
 *     a(i, j) = A(i) + λ · (z(i, j) − z̄(i))
 *
 * z(i, j) is the reward to go G(i, j) = Σ r(i, k) over k ≥ j, less the mean and over the deviation (÷ n − 1) of the
 * rewards to go of all episodes of the group at step j. z̄(i) is the mean of z(i, ·) by tokens, so that the sum over
 * the tokens of an episode stays what plain GRPO gives: Σ n(i, j)·a(i, j) = A(i)·Σ n(i, j). A step that stands better
 * among those of the group than the episode's other steps do gets more than A, whether A is positive or negative, because
 * λ adds and does not scale; λ has the unit of the advantage.
 *
 * z is 0 at a step that fewer than two episodes reach or where all rewards to go are equal. An episode without step
 * rewards keeps its advantage, and is no measure for the others. λ = 0 is plain GRPO.
 *
 * Source: process supervision of Shao et al. 2024, DeepSeekMath, §4.1.3 (arXiv:2402.03300), with three departures: rewards
 * to go are compared at the same step rather than all step rewards together, the outcome stays part of the advantage,
 * and the sum over an episode is preserved, so that long episodes gain nothing by their length.
 *
 * @param weight λ, at least 0.
 * @returns For each episode one number a step.
 */
export function stepAdvantages(episodes: readonly CreditEpisode[], weight: number): readonly number[][] {
  const toGo = episodes.map(({ stepRewards }) => weight === 0 ? null : rewardsToGo(stepRewards));
  return episodes.map(({ advantage, stepTokens }, at) => {
    const own = toGo[at] ?? null;
    if (own === null) return stepTokens.map(() => advantage);
    const z = own.map((value, step) => standing(value, toGo.flatMap((other) => other?.[step] ?? [])));
    const tokens = stepTokens.reduce((sum, count) => sum + count, 0);
    const mean = tokens === 0
      ? 0
      : z.reduce((sum, value, step) => sum + value * stepTokens[step]!, 0) / tokens;
    return z.map((value) => advantage + weight * (value - mean));
  });
}

function rewardsToGo(rewards: readonly number[] | null): readonly number[] | null {
  if (rewards === null) return null;
  let sum = 0;
  return rewards.toReversed().map((reward) => sum += reward).reverse();
}

function standing(value: number, all: readonly number[]): number {
  return allEqual(all) ? 0 : (value - meanOf(all)) / deviation(all, 1);
}
