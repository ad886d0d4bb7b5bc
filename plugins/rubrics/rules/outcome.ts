/**
 * Was the task solved? The first of the domain's rules that can be evaluated decides: partial credit, share of tests passed, success.
 *
 * An unknown outcome is not evaluated: unknown is not failure. Tests that all pass prove nothing once a verifier has said that the
 * task is not solved, so that success then decides.
 *
 * @module
 */
import type { OutcomeRule } from "../../../core/domain.ts";
import type { Rubric, Verdict } from "../../../core/rubric.ts";
import type { Outcome } from "../../../core/trajectory.ts";

/** See the module. */
export const outcome: Rubric = {
  id: "knowlyr/outcome-v1",
  name: "outcome",
  description: "Whether, and how far, the task was solved",
  source: "rule",
  start: ({ domain }) => ({
    finish: ({ outcome }) => {
      for (const rule of domain.profile.outcome) {
        const verdict = RULES[rule](outcome);
        if (verdict !== null) return verdict;
      }
      return null;
    },
  }),
};

const RULES: Readonly<Record<OutcomeRule, (outcome: Outcome) => Verdict | null>> = {
  score: ({ score }) =>
    score === null
      ? null
      : { value: Math.min(1, Math.max(0, score)), reason: `Partial credit ${score}`, refersTo: null },
  tests: ({ testsPassed, testsFailed, success }) => {
    const total = (testsPassed ?? 0) + (testsFailed ?? 0);
    if (testsPassed === null || testsFailed === null || total <= 0) return null;
    if (success === false && testsFailed === 0) return null;
    const value = Math.min(1, Math.max(0, testsPassed / total));
    return { value, reason: `${testsPassed} of ${total} tests pass`, refersTo: null };
  },
  success: ({ success, source }) =>
    success === null ? null : {
      value: success ? 1 : 0,
      reason: `${success ? "Solved" : "Not solved"}, says the ${source ?? "record"}`,
      refersTo: null,
    },
};
