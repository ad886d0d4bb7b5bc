/**
 * How many steps did the episode take, against the reference? min(1, reference steps ÷ steps); 0 for an episode that failed.
 *
 * The reference is `task.referenceSteps`, else the length of `task.solution`; without one, or without steps, the
 * episode is not evaluated.
 *
 * @module
 */
import type { Rubric } from "../../../core/rubric.ts";
import type { Task } from "../../../core/trajectory.ts";

/** See the module. */
export const efficiency: Rubric = {
  id: "knowlyr/efficiency-v1",
  name: "efficiency",
  description: "Length of the episode against a reference solution",
  source: "rule",
  start: ({ task }) => ({
    finish: ({ steps, outcome }) => {
      const reference = referenceSteps(task);
      if (reference === null || steps.length === 0) return null;
      if (outcome.success === false) {
        return { value: 0, reason: "The task was not solved, in any number of steps", refersTo: null };
      }
      return {
        value: Math.min(1, reference / steps.length),
        reason: `${steps.length} steps, the reference takes ${reference}`,
        refersTo: null,
      };
    },
  }),
};

function referenceSteps({ referenceSteps, solution }: Task): number | null {
  const reference = typeof referenceSteps === "number"
    ? referenceSteps
    : Array.isArray(solution)
    ? solution.length
    : 0;
  return Number.isFinite(reference) && reference > 0 ? reference : null;
}
