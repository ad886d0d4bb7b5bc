/** Loss weights from step rewards. */

/** What {@linkcode stepWeights} takes beside rewards and token counts. */
export interface StepWeightOptions {
  /** Most that one token may count, at least 1. @default Infinity */
  readonly maxWeight?: number | undefined;
}

/** Weights of the steps of one row. */
export interface StepWeights {
  /** Weight of each token of each step, at least 0. */
  readonly weights: Float64Array;
  /** Whether the rewards told steps apart; if not, every weight is 1. */
  readonly informative: boolean;
}

/**
 * Weight of each token of step s, with n_s trained tokens and reward r_s:
 *
 *     w_s = min(maxWeight, c · max(0, r_s)),   c such that   Σ n_s w_s = Σ n_s over steps with w_s > 0.
 *
 * Tokens that stay in training have mean weight 1, so a row counts by its length as without weights, and without a cap
 * w_s = r_s over the mean reward of a trained token. A reward of 0 or less takes its step out of training: a negative
 * weight would be gradient ascent, which has no lower bound.
 *
 * All weights are 1 where rewards tell no steps apart, among steps with trained tokens: one is missing, all are equal, or
 * all but the last are 0 (the outcome of the episode, paid at its end). All are 0 when rewards differ and none is positive.
 *
 * @param rewards Reward of each step, or null.
 * @param tokens Trained tokens of each step; a step with none has no part in it.
 * @throws {RangeError} If a reward is not finite or `maxWeight` is below 1.
 */
export function stepWeights(
  rewards: readonly (number | null)[],
  tokens: readonly number[],
  { maxWeight = Infinity }: StepWeightOptions = {},
): StepWeights {
  check(rewards, maxWeight);
  const judged = rewards.filter((_, step) => tokens[step]! > 0);
  if (!judged.every((reward) => reward !== null) || tellNothing(judged)) {
    return { weights: new Float64Array(rewards.length).fill(1), informative: false };
  }
  const top = Math.max(...judged);
  // In [0, 1], so that sums cannot overflow.
  const shares = rewards.map((reward, step) => tokens[step]! > 0 && top > 0 ? Math.max(0, reward!) / top : 0);
  return { weights: scaled(shares, tokens, maxWeight), informative: true };
}

function check(rewards: readonly (number | null)[], maxWeight: number): void {
  if (!(maxWeight >= 1)) {
    throw new RangeError(`Cannot weight steps: wanted maxWeight of at least 1: received ${maxWeight}`);
  }
  const odd = rewards.find((reward) => reward !== null && !Number.isFinite(reward));
  if (odd !== undefined) {
    throw new RangeError(`Cannot weight steps: wanted finite rewards: received ${odd}`);
  }
}

function tellNothing(rewards: readonly number[]): boolean {
  return rewards.every((reward) => reward === rewards[0]) ||
    rewards.slice(0, -1).every((reward) => reward === 0);
}

/** Scales shares to mean 1 a token; what the cap takes from some goes to the others in proportion. */
function scaled(shares: readonly number[], tokens: readonly number[], maxWeight: number): Float64Array {
  const weights = new Float64Array(shares.length);
  // The largest are capped first: once c no longer lifts the next one over the cap, c is final.
  const order = shares.map((_, step) => step).filter((step) => shares[step]! > 0)
    .sort((a, b) => shares[b]! - shares[a]!);
  // Σ n_s · share over this step and all smaller ones, added from the smallest on: no digits are lost by subtraction.
  const rest = new Float64Array(order.length + 1);
  for (let at = order.length - 1; at >= 0; at--) {
    rest[at] = rest[at + 1]! + tokens[order[at]!]! * shares[order[at]!]!;
  }
  let left = order.reduce((sum, step) => sum + tokens[step]!, 0); // what is still to be given out
  let first = 0; // first step that is not capped
  while (first < order.length && left * (shares[order[first]!]! / rest[first]!) >= maxWeight) {
    left = Math.max(0, left - tokens[order[first]!]! * maxWeight);
    weights[order[first++]!] = maxWeight;
  }
  for (const step of order.slice(first)) weights[step] = left * (shares[step]! / rest[first]!);
  return weights;
}
