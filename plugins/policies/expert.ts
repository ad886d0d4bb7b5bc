/**
 * Plays the task's own solution.
 *
 * @module
 */
import type { Contribution } from "../../core/kind.ts";
import { type Policy, policy } from "../../core/policy.ts";
import { noOptions } from "../../core/schema.ts";
import { entryOf, solutionOf } from "./_script.ts";

/**
 * Plays `task.solution`, a list of `{tool, params, thought?}`, and then hands in. It says nothing about what a
 * policy could learn; it shows that a task can be solved and gives trajectories to start from.
 */
export const expertPolicy: Contribution<Policy, Record<string, never>> = policy("knowlyr/expert-v1", {
  description: "Plays the solution that the task carries",
  options: noOptions,
  create: (): Policy => ({
    name: "expert",
    model: null,
    act: ({ task, history, tools }) => entryOf(solutionOf(task), history.length, tools),
  }),
});
