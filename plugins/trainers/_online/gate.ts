/**
 * The gate: whether the model in training takes the place of the incumbent, the best one so far, and when a run may end.
 *
 * Both played the same held-out tasks with the same seeds, so a paired test decides. Every look at the test may be a
 * false alarm with probability alpha, and tasks that were looked at often are no longer unseen: what a run came to is for
 * `evaluate` and `compare` to say, on other seeds.
 *
 * @module
 */
import { deriveSeed, seeded } from "../../../core/prng.ts";
import {
  comparePaired,
  type Comparison,
  type Interval,
  meanInterval,
  wilsonInterval,
} from "../../statistics/mod.ts";
import type { Judgement } from "../_run_parts.ts";
import type { OnlineOptions } from "../online.ts";

type Decision = Judgement["decision"];

/** What follows from what the test says, by the option `promote`. */
const DECISIONS: Readonly<Record<OnlineOptions["promote"], (comparison: Comparison) => Decision>> = {
  better: ({ decided }) => decided === "better" ? "promote" : decided === "worse" ? "roll_back" : "keep",
  not_worse: ({ decided }) => decided === "worse" ? "roll_back" : "promote",
  highest: ({ difference }) => difference > 0 ? "promote" : "keep",
};

/** Held-out episodes of one model, as numbers in the order of their seeds. */
export interface Played {
  readonly iteration: number;
  readonly values: readonly number[];
}

type GateOptions = Pick<OnlineOptions, "promote" | "measure" | "alpha" | "seed" | "enough" | "leastGain">;

/** Judges a model. @param incumbent Null for the first evaluation. */
export function judged(candidate: Played, incumbent: Played | null, options: GateOptions): Judgement {
  const interval = intervalOf(candidate.values, options);
  const bounds = boundsOf(options.measure, interval);
  const enough = enoughText(interval, options);
  if (incumbent === null) {
    return { decision: "promote", metrics: bounds, ...(enough === null ? {} : { stop: enough }) };
  }
  const comparison = comparePaired(incumbent.values, candidate.values, {
    prng: seeded(deriveSeed(options.seed, "gate", candidate.iteration)),
    alpha: options.alpha,
    names: [`the incumbent (iteration ${incumbent.iteration})`, `Iteration ${candidate.iteration}`],
    unit: "held-out episodes",
    successes: options.measure === "success",
  });
  const decision = DECISIONS[options.promote](comparison);
  const stop = enough ?? littleText(comparison, options);
  return {
    decision,
    metrics: {
      ...bounds,
      gain: comparison.difference,
      ...boundsOf("gain", comparison.interval),
      p: comparison.p,
      promoted: decision === "promote" ? 1 : 0,
      rolledBack: decision === "roll_back" ? 1 : 0,
    },
    reason: `${comparison.sentence} ${CONSEQUENCES[decision]}`,
    ...(stop === null ? {} : { stop }),
  };
}

const CONSEQUENCES: Readonly<Record<Decision, string>> = {
  promote: "It takes the incumbent's place.",
  keep: "The incumbent stays, training goes on.",
  roll_back: "Training goes on from the incumbent.",
};

function intervalOf(values: readonly number[], { measure, alpha }: GateOptions): Interval | null {
  if (measure === "success") {
    return wilsonInterval(values.reduce((sum, value) => sum + value, 0), values.length, 1 - alpha);
  }
  return values.length < 2 ? null : meanInterval(values, 1 - alpha);
}

function boundsOf(name: string, interval: Interval | null): Record<string, number> {
  return interval === null ? {} : { [`${name}Low`]: interval.low, [`${name}High`]: interval.high };
}

function enoughText(interval: Interval | null, { enough, measure }: GateOptions): string | null {
  if (enough === undefined || interval === null || interval.low < enough) return null;
  return `Enough: the interval of the ${measure} on held-out tasks begins at ${shown(interval.low)}, ` +
    `at or above ${enough}`;
}

function littleText({ interval }: Comparison, { leastGain }: GateOptions): string | null {
  if (leastGain === undefined || interval === null || interval.high >= leastGain) return null;
  return `Little left to gain: the interval of the difference ends at ${
    shown(interval.high)
  }, below ${leastGain}`;
}

function shown(value: number): string {
  return value.toFixed(3);
}
