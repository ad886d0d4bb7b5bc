/**
 * The `generic` domain as data.
 *
 * @module
 */
import type { DomainProfile } from "../core/domain.ts";

/** Any agent with tools. No tool is known, so rules that need to know what a tool does abstain. */
export const generic: DomainProfile = {
  name: "generic",
  title: "Generic agent with tools",
  description: "Any agent with tools, when nothing is known of what they do",
  tools: [
    { name: "submit", category: "submit", terminal: true },
    { name: "finish", category: "submit", terminal: true },
  ],
  outcome: ["score", "tests", "success"],
  taskFields: {},
  rubricWeights: {
    goal_progress: 0.25,
    tool_choice: 0.15,
    param_correctness: 0.2,
    info_utilization: 0.1,
    non_redundancy: 0.15,
    regression: 0.05,
    loops: 0.05,
    repeated_failure: 0.05,
  },
};
