import type { Prng } from "../../core/prng.ts";
import { checkShare, differencesOf } from "./_arguments.ts";
import { mean } from "./_moments.ts";
import { sentenceOf } from "./_sentence.ts";
import { bootstrapInterval } from "./bootstrap.ts";
import { holm } from "./corrections.ts";
import type { Interval } from "./interval.ts";
import { mcNemarTest, pairedCounts } from "./mcnemar.ts";
import { newcombePairedInterval } from "./newcombe.ts";
import { signFlipTest } from "./sign_flip.ts";
import type { TestResult } from "./test_result.ts";

/** Options of {@linkcode comparePaired}. */
export interface CompareOptions {
  /** Source of randomness for the bootstrap and for large permutation tests. */
  readonly prng: Prng;
  /** Chance of a false alarm that is accepted, in (0, 1). The interval has confidence 1 − alpha. @default 0.05 */
  readonly alpha?: number;
  /** Names of a and b in the sentence. @default ["A", "B"] */
  readonly names?: readonly [a: string, b: string];
  /** What one pair is about, in the plural. @default "tasks" */
  readonly unit?: string;
  /** What the numbers are, where they are not successes. @default "mean reward" */
  readonly measure?: string;
  /** Whether values that are all 0 or 1 are failures and successes; a number of steps may be 1 as well. @default true */
  readonly successes?: boolean;
  /** Whether more or less of it is better; costs are better when lower. @default "higher" */
  readonly preferred?: Preferred;
  /** Bootstrap samples. @default 9_999 */
  readonly resamples?: number;
}

/** Which values are better. */
export type Preferred = "higher" | "lower";

/** Whether b is better than a, as far as the data tell. */
export type Verdict = "better" | "worse" | "not decided";

/** Two policies on the same tasks: data that survives `JSON.stringify`. */
export interface Comparison {
  /** Name of a and of b. */
  readonly names: readonly [a: string, b: string];
  /** What one pair is about, in the plural. */
  readonly unit: string;
  /** What the numbers are. */
  readonly measure: string;
  /** Which values are better. */
  readonly preferred: Preferred;
  /** Binary when all values are 0 or 1 and these may be failures and successes. */
  readonly outcome: "binary" | "real";
  /** Pairs. */
  readonly n: number;
  /** Mean of a; its success rate when the outcome is binary. */
  readonly meanA: number;
  /** Mean of b. */
  readonly meanB: number;
  /** meanB − meanA. */
  readonly difference: number;
  /** Interval of the difference, not corrected for several comparisons; null for one pair of real values. */
  readonly interval: Interval | null;
  /** Whether the values of every pair are equal. */
  readonly equal: boolean;
  /** Two-sided p of the test. */
  readonly p: number;
  /** p corrected for all comparisons made together; p itself when there is one. */
  readonly adjustedP: number;
  /** How many comparisons were made together. */
  readonly comparisons: number;
  /** The smallest corrected p that so many pairs could have given. Above `alpha`, nothing can be decided. */
  readonly smallestP: number;
  /** Name of the test. */
  readonly test: string;
  /** Why this test was used. */
  readonly why: string;
  /** Chance of a false alarm that is accepted. */
  readonly alpha: number;
  /** Whether b is better: `adjustedP` ≤ `alpha`, and a difference in the preferred direction. */
  readonly decided: Verdict;
  /** All of it in one sentence. */
  readonly sentence: string;
}

/**
 * Compares two policies on the same tasks and says whether b is better.
 *
 * Where all values are failures and successes, 0 or 1, McNemar's exact test decides, with Newcombe's paired interval; else the sign-flip
 * permutation test, with a BCa bootstrap interval of the mean difference. The verdict is the test's: an interval of
 * another construction may now and then disagree at the edge. Pairs must be independent: average several episodes of
 * one task before comparing tasks.
 *
 * n pairs cannot give a p below 2 / 2ⁿ: with 5 pairs nothing can be decided at 0.05, whatever they show.
 *
 * @param a One value a task, at least 1.
 * @param b The values of the other policy, in the same order.
 * @throws {RangeError} If lengths differ, there are no pairs, a value is not finite or alpha is out of range.
 */
export function comparePaired(
  a: readonly number[],
  b: readonly number[],
  options: CompareOptions,
): Comparison {
  const { alpha = 0.05, names = ["A", "B"], unit = "tasks", measure = "mean reward" } = options;
  const { preferred = "higher", successes = true } = options;
  const differences = differencesOf("compare policies", a, b);
  checkShare("compare policies", "alpha", alpha);
  const binary = successes && [...a, ...b].every((value) => value === 0 || value === 1);
  const n = differences.length;
  const { test, interval, why } = binary ? ofSuccesses(a, b, alpha) : ofValues(a, b, differences, options);
  return decide({
    names,
    unit,
    measure: binary ? "success rate" : measure,
    preferred,
    outcome: binary ? "binary" : "real",
    n,
    meanA: mean(a),
    meanB: mean(b),
    difference: mean(differences),
    interval,
    equal: differences.every((difference) => difference === 0),
    p: test.p,
    adjustedP: test.p,
    comparisons: 1,
    smallestP: Math.min(1, test.method === "monte-carlo" ? test.smallestP : 2 ** (1 - n)),
    test: test.name,
    why,
    alpha,
  });
}

/**
 * Corrects comparisons that were made together by Holm's method, and decides them anew.
 *
 * @param comparisons With the same alpha. One is returned as it is.
 */
export function correctComparisons(comparisons: readonly Comparison[]): Comparison[] {
  if (comparisons.length < 2) return [...comparisons];
  const adjusted = holm(comparisons.map((comparison) => comparison.p));
  const smallest = holm(comparisons.map((comparison) => Math.min(comparison.p, comparison.smallestP)));
  return comparisons.map((comparison, i) =>
    decide({
      ...comparison,
      adjustedP: adjusted[i]!,
      smallestP: smallest[i]!,
      comparisons: comparisons.length,
    })
  );
}

interface Evidence {
  readonly test: TestResult;
  readonly interval: Interval | null;
  readonly why: string;
}

function ofSuccesses(a: readonly number[], b: readonly number[], alpha: number): Evidence {
  const counts = pairedCounts(a, b);
  return {
    test: mcNemarTest(counts),
    interval: newcombePairedInterval(counts, 1 - alpha),
    why: "all values are 0 or 1",
  };
}

function ofValues(
  a: readonly number[],
  b: readonly number[],
  differences: readonly number[],
  { prng, alpha = 0.05, resamples = 9_999 }: CompareOptions,
): Evidence {
  const test = signFlipTest(a, b, { prng });
  const interval = differences.length < 2
    ? null
    : bootstrapInterval(differences, { prng, resamples, confidence: 1 - alpha });
  return {
    test,
    interval,
    why: "values are not all failures and successes, and nothing is known about their noise",
  };
}

function decide(facts: Omit<Comparison, "decided" | "sentence">): Comparison {
  const gained = facts.difference > 0 === (facts.preferred === "higher");
  const decided = facts.adjustedP > facts.alpha ? "not decided" : gained ? "better" : "worse";
  const known = { ...facts, decided } as const;
  return Object.freeze({ ...known, sentence: sentenceOf(known) });
}
