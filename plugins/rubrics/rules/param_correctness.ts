/**
 * Do the parameters fit the schema of the tool? 1 or 0, with what is wrong. Not evaluated when it is not known which tools there were.
 *
 * A call that could not be parsed scores 0, as does one of a tool that was not offered. Whether the values make sense is for a judge.
 *
 * @module
 */
import type { Rubric, Verdict } from "../../../core/rubric.ts";
import type { Action, ToolDefinition } from "../../../core/trajectory.ts";
import { problemOf } from "./_json_schema.ts";

/** See the module. */
export const paramCorrectness: Rubric = {
  id: "knowlyr/param-correctness-v1",
  name: "param_correctness",
  description: "Whether the parameters fit the schema of the tool",
  source: "rule",
  start: ({ tools }) => {
    if (tools === null || tools.length === 0) return {};
    const byName = new Map(tools.map((tool) => [tool.name, tool]));
    return { step: ({ action }) => judge(action, byName.get(action.tool)) };
  },
};

const FITS: Verdict = Object.freeze({ value: 1, reason: "Parameters fit the schema", refersTo: null });

function judge({ tool, params, raw }: Action, definition: ToolDefinition | undefined): Verdict {
  const problem = raw !== undefined
    ? "The call could not be parsed"
    : definition === undefined
    ? `There is no tool "${tool}"`
    : problemOf(params, definition.parameters, "");
  return problem === null ? FITS : { value: 0, reason: problem, refersTo: null };
}
