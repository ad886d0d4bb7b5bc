/**
 * Rubrics: rules that score an episode in one forward pass, from the record alone.
 *
 * There is no rule for `tool_choice` or `goal_progress`: whether a tool was the right one, and whether a step brought
 * the task nearer, cannot be told from the record without judgement, so these names are left to judges.
 *
 * @module
 */
import type { Contribution } from "../../core/kind.ts";
import { definePlugin, type Plugin } from "../../core/plugin.ts";
import { type Rubric, rubric } from "../../core/rubric.ts";
import { noOptions } from "../../core/schema.ts";
import { efficiency } from "./rules/efficiency.ts";
import { infoUtilization } from "./rules/info_utilization.ts";
import { loops } from "./rules/loops.ts";
import { nonRedundancy } from "./rules/non_redundancy.ts";
import { outcome } from "./rules/outcome.ts";
import { paramCorrectness } from "./rules/param_correctness.ts";
import { regression } from "./rules/regression.ts";
import { repeatedFailure } from "./rules/repeated_failure.ts";

export {
  efficiency,
  infoUtilization,
  loops,
  nonRedundancy,
  outcome,
  paramCorrectness,
  regression,
  repeatedFailure,
};

/** All rules. */
export const rules: readonly Rubric[] = Object.freeze([
  nonRedundancy,
  regression,
  infoUtilization,
  loops,
  repeatedFailure,
  paramCorrectness,
  efficiency,
  outcome,
]);

function contribution(rule: Rubric): Contribution<Rubric, Record<string, never>> {
  return rubric(rule.id, { description: rule.description, options: noOptions, create: () => rule });
}

const rubrics: Plugin = definePlugin({
  name: "knowlyr/rubrics",
  version: "0.1.0",
  provides: rules.map(contribution),
});

export default rubrics;
