import type { Interval } from "./interval.ts";
import { checkPairedCounts, type PairedCounts } from "./mcnemar.ts";
import { wilsonInterval } from "./wilson.ts";

/** Successes among trials. */
export interface Proportion {
  /** Whole, in [0, trials]. */
  readonly successes: number;
  /** Whole, at least 1. */
  readonly trials: number;
}

/**
 * Newcombe's interval of the difference of two independent success rates, b − a: the Wilson intervals of both, their
 * distances squared and added.
 *
 * Source: Newcombe 1998, Interval estimation for the difference between independent proportions, method 10.
 *
 * @param confidence In (0, 1). @default 0.95
 * @throws {RangeError} If an argument is outside its range.
 */
export function newcombeInterval(a: Proportion, b: Proportion, confidence: number = 0.95): Interval {
  const ofA = wilsonInterval(a.successes, a.trials, confidence);
  const ofB = wilsonInterval(b.successes, b.trials, confidence);
  return squareAndAdd(ofA, ofB, 0);
}

/**
 * Newcombe's interval of the difference of two success rates on the same tasks, b − a. The correlation φ of the
 * outcomes narrows it; a positive one is corrected for continuity, and it is 0 where an outcome never varies.
 *
 * Source: Newcombe 1998, Improved confidence intervals for the difference between binomial proportions based on paired
 * data, method 10.
 *
 * @param confidence In (0, 1). @default 0.95
 * @throws {RangeError} If a count is not a whole number of at least 0, all are 0 or the confidence is out of range.
 */
export function newcombePairedInterval(counts: PairedCounts, confidence: number = 0.95): Interval {
  checkPairedCounts("find the interval of a paired difference", counts);
  const { both, onlyA, onlyB, neither } = counts;
  const n = both + onlyA + onlyB + neither;
  const ofA = wilsonInterval(both + onlyA, n, confidence);
  const ofB = wilsonInterval(both + onlyB, n, confidence);
  return { ...squareAndAdd(ofA, ofB, correlation(counts, n)), estimate: (onlyB - onlyA) / n };
}

function correlation({ both, onlyA, onlyB, neither }: PairedCounts, n: number): number {
  const margins = (both + onlyA) * (onlyB + neither) * (both + onlyB) * (onlyA + neither);
  if (margins === 0) return 0;
  const product = both * neither - onlyA * onlyB;
  return (product > 0 ? Math.max(product - n / 2, 0) : product) / Math.sqrt(margins);
}

function squareAndAdd(a: Interval, b: Interval, phi: number): Interval {
  const estimate = b.estimate - a.estimate;
  const [aDown, aUp] = [a.estimate - a.low, a.high - a.estimate];
  const [bDown, bUp] = [b.estimate - b.low, b.high - b.estimate];
  const join = (x: number, y: number) => Math.sqrt(Math.max(0, x * x - 2 * phi * x * y + y * y));
  return {
    estimate,
    low: estimate - join(bDown, aUp),
    high: estimate + join(bUp, aDown),
    confidence: a.confidence,
  };
}
