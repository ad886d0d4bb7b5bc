/**
 * Was the call worth making? Asking again for what is already known scores 0, doing again what was just done 0.3.
 *
 * A call is the same when tool (aliases resolved), target (one spelling of a path) and every other parameter are the
 * same, ranges and patterns among them. It is a repetition only when nothing it depends on has changed since: a read depends on its
 * target, everything else on the whole workspace. A different answer proves that something has changed. Thinking and
 * waiting are never repetitions, nor is moving about unless it shows the same page again.
 *
 * @module
 */
import type { Rubric, Verdict } from "../../../core/rubric.ts";
import type { Step } from "../../../core/trajectory.ts";
import { type Call, callOf } from "./_call.ts";
import { Changes } from "./_changes.ts";

/** See the module. */
export const nonRedundancy: Rubric = {
  id: "knowlyr/non-redundancy-v1",
  name: "non_redundancy",
  description: "Whether the call asked for or did something new",
  source: "rule",
  start: ({ domain }) => {
    const changes = new Changes();
    const seen = new Map<string, Seen>();
    return {
      step: (step) => {
        const call = callOf(step, domain);
        const before = seen.get(call.key);
        const same = before !== undefined && before.version === changes.version(call) &&
          sameAnswer(call, before.step, step);
        const verdict = same ? repetition(call, before.step.index) : FRESH;
        changes.add(call);
        // After its own change: a call does not excuse its own repetition.
        const version = changes.version(call);
        if (before === undefined) seen.set(call.key, { step, version });
        else {
          before.step = step;
          before.version = version;
        }
        return verdict;
      },
    };
  },
};

/** The last call with a key, and how often what it touches had changed by then. */
interface Seen {
  step: Step;
  version: number;
}

const FRESH: Verdict = Object.freeze({ value: 1, reason: "Not a repetition", refersTo: null });

function repetition({ category, tool }: Call, refersTo: number): Verdict {
  return category === "read" || category === "search"
    ? {
      value: 0,
      reason: `Asks again what step ${refersTo} already showed; nothing has changed since`,
      refersTo,
    }
    : {
      value: 0.3,
      reason: `Repeats the ${tool} call of step ${refersTo}; nothing has changed since`,
      refersTo,
    };
}

function sameAnswer({ category }: Call, { result: before }: Step, { result }: Step): boolean {
  if (category === "think") return false;
  if (category === "navigate") return result.output !== "" && before.output === result.output;
  if (before.exitCode !== result.exitCode) return false;
  // Output of commands holds times and temporary names, so it need not be equal; they are judged by what they are.
  return category === "execute" || before.output === result.output;
}
