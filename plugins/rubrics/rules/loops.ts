/**
 * Is the agent going round in circles? Looks for the last calls, with the same results, coming again in the same order.
 *
 * A cycle of p calls that was gone through k times in a row scores 1/k from its second time on. Cycles of up to
 * {@linkcode MAX_PERIOD} calls are seen, at that many comparisons a step.
 *
 * @module
 */
import type { Rubric, Verdict } from "../../../core/rubric.ts";
import type { Step } from "../../../core/trajectory.ts";
import { type Call, callOf } from "./_call.ts";

/** Calls in the longest cycle that is seen. */
export const MAX_PERIOD = 8;

interface Turn {
  readonly call: Call;
  readonly step: Step;
}

/** See the module. */
export const loops: Rubric = {
  id: "knowlyr/loops-v1",
  name: "loops",
  description: "Whether the agent goes round in circles of calls with the same results",
  source: "rule",
  start: ({ domain }) => {
    const ring = new Array<Turn | undefined>(MAX_PERIOD);
    const runs = new Array<number>(MAX_PERIOD + 1).fill(0); // steps in a row that equal the one p before
    let count = 0;
    return {
      step: (step) => {
        const turn = { call: callOf(step, domain), step };
        let cycle = 0;
        for (let period = 1; period <= MAX_PERIOD; period++) {
          const before = count < period ? undefined : ring[(count - period) % MAX_PERIOD];
          const run = before !== undefined && equal(before, turn) ? runs[period]! + 1 : 0;
          runs[period] = run;
          if (cycle === 0 && run >= period) cycle = period;
        }
        ring[count++ % MAX_PERIOD] = turn;
        if (cycle === 0) return NO_CYCLE;
        const times = Math.floor(runs[cycle]! / cycle) + 1;
        const what = cycle === 1 ? "The same call" : `A cycle of ${cycle} calls`;
        return {
          value: 1 / times,
          reason: `${what} for the ${ordinal(times)} time`,
          refersTo: step.index - cycle,
        };
      },
    };
  },
};

const NO_CYCLE: Verdict = Object.freeze({ value: 1, reason: "No cycle", refersTo: null });

function equal(a: Turn, b: Turn): boolean {
  return a.call.tool === b.call.tool && a.call.key === b.call.key &&
    a.step.result.exitCode === b.step.result.exitCode &&
    a.step.result.output === b.step.result.output;
}

function ordinal(n: number): string {
  const ending = n % 100 > 10 && n % 100 < 14 ? "th" : ["th", "st", "nd", "rd"][n % 10] ?? "th";
  return `${n}${ending}`;
}
