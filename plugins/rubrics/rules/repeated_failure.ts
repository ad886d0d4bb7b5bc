/**
 * Does the agent learn from failure? A failing call made again unchanged, with nothing changed since, scores 0; a call that could
 * not be carried out 0.5 the first time; one that works where the same tool failed on the same target before 1.
 *
 * A command that ran and exited with another code than 0 has told the agent something: the first time it scores 1.
 * Steps of which neither exit code nor error is known are not evaluated.
 *
 * @module
 */
import type { Rubric, Verdict } from "../../../core/rubric.ts";
import type { Step } from "../../../core/trajectory.ts";
import { type Call, callOf, NOT_RUN } from "./_call.ts";
import { Changes } from "./_changes.ts";

/** See the module. */
export const repeatedFailure: Rubric = {
  id: "knowlyr/repeated-failure-v1",
  name: "repeated_failure",
  description: "Whether failing calls are repeated or learned from",
  source: "rule",
  start: ({ domain }) => {
    const changes = new Changes();
    const failures = new Map<string, { readonly index: number; readonly version: number }>();
    const open = new Map<string, number>(); // tool and target → the failure not yet made good
    return {
      step: (step) => {
        const call = callOf(step, domain);
        if (!call.failed && failures.size === 0) {
          changes.add(call);
          return success(step, undefined);
        }
        const before = failures.get(call.key);
        const repeated = before !== undefined && before.version === changes.version(call);
        changes.add(call);
        const place = `${call.tool}\n${call.target ?? ""}`;
        if (!call.failed) {
          const made = open.get(place);
          open.delete(place);
          failures.delete(call.key);
          return success(step, made);
        }
        failures.set(call.key, { index: step.index, version: changes.version(call) });
        open.set(place, step.index);
        return repeated ? again(before.index) : first(call, step);
      },
    };
  },
};

function success({ result }: Step, made: number | undefined): Verdict | null {
  if (made !== undefined) {
    return { value: 1, reason: `Works, after the failure of step ${made}`, refersTo: made };
  }
  return result.exitCode === null ? null : WORKED;
}

const WORKED: Verdict = Object.freeze({ value: 1, reason: "Did not fail", refersTo: null });

function again(refersTo: number): Verdict {
  return { value: 0, reason: `Fails as in step ${refersTo}; nothing has changed since`, refersTo };
}

function first({ category }: Call, { result: { exitCode } }: Step): Verdict {
  return category === "execute" && exitCode !== null && !NOT_RUN.has(exitCode)
    ? { value: 1, reason: `The command ran and exited with ${exitCode}`, refersTo: null }
    : { value: 0.5, reason: "The call failed", refersTo: null };
}
