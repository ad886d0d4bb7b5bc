/** From easy to hard: how difficult rows are, and what share of them an epoch draws from. */
import type { RowFeatures } from "./sequence.ts";

/** How much each standardised feature counts. */
export interface DifficultyWeights {
  /** Number of steps. @default 1 */
  readonly steps?: number | undefined;
  /** Reward; a high one makes a row easy. @default 1 */
  readonly reward?: number | undefined;
  /** Tokens. @default 0 */
  readonly length?: number | undefined;
}

/** How the share of the data grows from epoch to epoch. */
export interface CurriculumOptions {
  /** `linear`, or `sqrt`, which lets more in early. @default "linear" */
  readonly schedule?: "linear" | "sqrt" | undefined;
  /** Share of the first epoch, above 0 to 1. @default 0.3 */
  readonly startRatio?: number | undefined;
  /** Epoch, from 0, from which on all data are used, at least 1. @default 1 */
  readonly warmupEpochs?: number | undefined;
  /** What makes a row difficult. */
  readonly weights?: DifficultyWeights | undefined;
}

/**
 * Difficulty of each row: the weighted sum of its features, each less its mean over its standard deviation
 * (population form), so that no feature wins by its unit. A feature that is the same everywhere, and an unknown reward,
 * count 0. Higher is harder.
 */
export function difficulties(
  features: readonly RowFeatures[],
  { steps = 1, reward = 1, length = 0 }: DifficultyWeights = {},
): Float64Array {
  const sum = new Float64Array(features.length);
  add(sum, features.map((row) => row.steps), steps);
  add(sum, features.map((row) => row.reward === null ? null : -row.reward), reward);
  add(sum, features.map((row) => row.length), length);
  return sum;
}

function add(sum: Float64Array, values: readonly (number | null)[], weight: number): void {
  const known = values.filter((value) => value !== null);
  const mean = known.reduce((total, value) => total + value, 0) / known.length;
  const deviation = Math.sqrt(known.reduce((total, value) => total + (value - mean) ** 2, 0) / known.length);
  // What is left of equal numbers after rounding is no deviation.
  if (known.length === 0 || deviation <= 1e-12 * Math.abs(mean)) return;
  for (const [at, value] of values.entries()) {
    if (value !== null) sum[at]! += weight * (value - mean) / deviation;
  }
}

/**
 * Share of the data, easiest first, that an epoch draws from: competence c(e) with c(0) = c₀ and c(e) = 1 from epoch
 * E on. Linear: c₀ + (1 − c₀)·e/E. Square root: √(c₀² + (1 − c₀²)·e/E).
 *
 * Source: Platanios et al. 2019, Competence-based curriculum learning (arXiv:1903.09848), §2.2, by epoch.
 *
 * @throws {RangeError} If `startRatio` is not in (0, 1] or `warmupEpochs` is below 1.
 */
export function competence(epoch: number, options: CurriculumOptions = {}): number {
  const { schedule = "linear", startRatio = 0.3, warmupEpochs = 1 } = options;
  if (!(startRatio > 0 && startRatio <= 1)) {
    throw new RangeError(
      `Cannot plan a curriculum: wanted startRatio above 0 and at most 1: received ${startRatio}`,
    );
  }
  if (!(warmupEpochs >= 1)) {
    throw new RangeError(
      `Cannot plan a curriculum: wanted warmupEpochs of at least 1: received ${warmupEpochs}`,
    );
  }
  const progress = Math.min(1, epoch / warmupEpochs);
  if (progress === 1) return 1;
  return schedule === "linear"
    ? startRatio + (1 - startRatio) * progress
    : Math.sqrt(startRatio ** 2 + (1 - startRatio ** 2) * progress);
}

/** Indices of the easiest `share`, at least one; ties keep their order. */
export function easiest(difficulty: Float64Array, share: number): number[] {
  const order = Array.from(difficulty, (_, at) => at).sort((a, b) =>
    difficulty[a]! - difficulty[b]! || a - b
  );
  return order.slice(0, Math.max(1, Math.ceil(order.length * share)));
}
