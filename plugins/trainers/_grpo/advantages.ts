/**
 * How much better an episode did than the others of its task.
 *
 * @module
 */

/** How rewards become advantages; the formulas stand at {@linkcode groupAdvantages}. */
export const ADVANTAGE_SCALES = ["group", "population", "batch", "none", "leave_one_out"] as const;

/** A name of {@linkcode ADVANTAGE_SCALES}. */
export type AdvantageScale = typeof ADVANTAGE_SCALES[number];

/** Options of {@linkcode groupAdvantages}. */
export interface AdvantageOptions {
  /** @default "group" */
  readonly scale?: AdvantageScale;
  /** Added to the deviation with scale `group` and `batch`. @default 1e-4 */
  readonly epsilon?: number;
}

/** Advantages of groups and what could not be compared. */
export interface GroupAdvantages {
  /** Group by group in the order of the rewards; null for a group of one, which has nothing to compare with. */
  readonly advantages: readonly (readonly number[] | null)[];
  /** For each group whether its rewards are all equal. */
  readonly equal: readonly boolean[];
  /** Groups whose rewards are all equal: their advantages are 0. */
  readonly zeroVariance: number;
  /** Groups of one, refused. */
  readonly refused: number;
}

/** Rewards that differ by no more than this share of their size are equal: what is left is rounding. */
const EQUAL = 1e-8;

/**
 * Group-relative advantages. With m the mean and s the deviation (÷ n − 1) of a group of n rewards R:
 *
 * | scale           | advantage                                                                            |
 * | --------------- | ------------------------------------------------------------------------------------ |
 * | `group`         | (R − m) ÷ (s + ε)                                                                    |
 * | `population`    | (R − m) ÷ σ, with σ the deviation ÷ n and no ε                                       |
 * | `batch`         | (R − m) ÷ (s + ε), with s the deviation of all rewards of all groups about their mean |
 * | `none`          | R − m                                                                                |
 * | `leave_one_out` | R − mean of the others = (R − m) · n ÷ (n − 1)                                       |
 *
 * Source: Shao et al. 2024, DeepSeekMath, §4.1.2 (arXiv:2402.03300), which leaves the deviation open; ε and n − 1 as in
 * TRL. `none`: Liu et al. 2025, Dr. GRPO (arXiv:2503.20783). `batch`: Liu et al. 2025, Tricks or Traps, §4.1
 * (arXiv:2508.08221). `leave_one_out`: Ahmadian et al. 2024, RLOO (arXiv:2402.14740).
 *
 * A group of equal rewards, max − min ≤ 1e-8 · max(1, |R|), gets advantage 0, so rounding is never blown up.
 *
 * @param groups Rewards of each group.
 * @throws {RangeError} If a reward is not finite.
 */
export function groupAdvantages(
  groups: readonly (readonly number[])[],
  { scale = "group", epsilon = 1e-4 }: AdvantageOptions = {},
): GroupAdvantages {
  for (const reward of groups.flat()) {
    if (!Number.isFinite(reward)) {
      throw new RangeError(`Cannot compare rewards: wanted finite numbers: received ${reward}`);
    }
  }
  const compared = groups.filter((rewards) => rewards.length > 1);
  const batch = deviation(compared.flat(), 1);
  const equal = groups.map(allEqual);
  const advantages = groups.map((rewards, at) => {
    if (rewards.length < 2) return null;
    if (equal[at]!) return rewards.map(() => 0);
    const mean = meanOf(rewards);
    const divisor = DIVISORS[scale](rewards, epsilon, batch);
    return rewards.map((reward) => (reward - mean) / divisor);
  });
  return {
    advantages,
    equal,
    zeroVariance: equal.filter((is, at) => is && groups[at]!.length > 1).length,
    refused: groups.length - compared.length,
  };
}

/** What R − m is divided by. */
const DIVISORS: Readonly<
  Record<AdvantageScale, (rewards: readonly number[], epsilon: number, batch: number) => number>
> = {
  group: (rewards, epsilon) => deviation(rewards, 1) + epsilon,
  population: (rewards) => deviation(rewards, 0),
  batch: (_rewards, epsilon, batch) => batch + epsilon,
  none: () => 1,
  leave_one_out: ({ length }) => (length - 1) / length,
};

/** Whether numbers differ by no more than rounding; true for one number or none. */
export function allEqual(numbers: readonly number[]): boolean {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  return !(most - least > EQUAL * Math.max(1, Math.abs(least), Math.abs(most)));
}

/** Mean of numbers; NaN for none. */
export function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** Deviation about the mean, ÷ (n − less). */
export function deviation(numbers: readonly number[], less: 0 | 1): number {
  const mean = meanOf(numbers);
  const squares = numbers.reduce((sum, number) => sum + (number - mean) ** 2, 0);
  return Math.sqrt(squares / (numbers.length - less));
}
