/**
 * Whether policies differ by more than chance.
 *
 * @module
 */
import type { SeededPrng } from "../../../core/prng.ts";
import { comparePaired, type Comparison, correctComparisons } from "../../statistics/mod.ts";
import { type Measure, pairEpisodes, type PairUnit, type Result } from "./pairing.ts";

/** What {@linkcode compareResults} takes beside the results. */
export interface ComparisonOptions {
  readonly measure: Measure;
  readonly by: PairUnit;
  /** Chance of a false alarm that is accepted. */
  readonly alpha: number;
  /** For intervals and large permutation tests. */
  readonly prng: SeededPrng;
}

/** A comparison, and what a reader must know beside it. */
export interface NotedComparison {
  readonly comparison: Comparison;
  readonly notes: readonly string[];
}

const MEASURES: Readonly<Record<Measure, string>> = {
  success: "mean success rate",
  reward: "mean reward",
  steps: "mean number of steps",
};

/**
 * Compares each later result with the first, corrected for their number.
 *
 * @throws {GymError} `INVALID_DATA` as {@linkcode pairEpisodes} does.
 */
export function compareResults(results: readonly Result[], options: ComparisonOptions): NotedComparison[] {
  const [baseline, ...others] = results;
  if (baseline === undefined) return [];
  const made = others.map((other, at) =>
    compared(baseline, other, { ...options, prng: options.prng.fork(at) })
  );
  const corrected = correctComparisons(made.map(({ comparison }) => comparison));
  return made.map(({ notes }, at) => ({ comparison: corrected[at]!, notes }));
}

function compared(a: Result, b: Result, { measure, by, alpha, prng }: ComparisonOptions): NotedComparison {
  const pairs = pairEpisodes(a, b, measure, by);
  const comparison = comparePaired(pairs.a, pairs.b, {
    prng,
    alpha,
    names: [a.name, b.name],
    unit: `${pairs.unit}s`,
    preferred: measure === "steps" ? "lower" : "higher",
    measure: MEASURES[measure],
    successes: measure === "success",
  });
  const unknown = [a, b].flatMap(({ episodes }) => episodes).filter(({ success }) => success === null).length;
  return {
    comparison,
    notes: [
      ...(pairs.unpaired === 0 ? [] : [`Episodes without a counterpart, left out: ${pairs.unpaired}`]),
      ...(pairs.merged === 0
        ? []
        : [`${pairs.merged} episodes of tasks that came more than once are counted once a task`]),
      ...(measure !== "success" || unknown === 0
        ? []
        : [`Episodes of unknown outcome, counted as not succeeded: ${unknown}`]),
    ],
  };
}
