import { z } from "zod";
import { GymError } from "../../core/errors.ts";
import type { Decision } from "../../core/policy.ts";
import { describeIssues } from "../../core/schema.ts";
import type { Action, Task, ToolDefinition } from "../../core/trajectory.ts";

/** One entry of a script: an action, and what to say before it. */
export interface ScriptedAction {
  /** Tool to call. */
  readonly tool: string;
  /** Arguments. @default {} */
  readonly params?: Action["params"] | undefined;
  /** Said before the call. */
  readonly thought?: string | undefined;
}

/** Schema of one entry. */
export const scriptedAction: z.ZodType<ScriptedAction, ScriptedAction> = z.strictObject({
  tool: z.string().min(1).describe("Tool to call"),
  params: z.record(z.string(), z.json()).optional().describe("Arguments"),
  thought: z.string().optional().describe("Said before the call"),
});

/** The task's `solution` as a script. @throws {GymError} `INVALID_DATA` when it has none or a wrong one. */
export function solutionOf(task: Task): readonly ScriptedAction[] {
  const solution = task["solution"];
  const parsed = z.array(scriptedAction).min(1).safeParse(solution);
  if (parsed.success) return parsed.data;
  const issues = describeIssues(parsed.error.issues, solution).join("; ");
  throw new GymError(
    "INVALID_DATA",
    `Cannot play task "${task.id}": wanted a solution, a list of {tool, params, thought?}: ${issues}`,
    { task: task.id },
  );
}

const HAND_IN = ["submit", "finish"];

/**
 * Entry `index` of a script. After the last one the work is handed in, if there is a tool named `submit` or `finish`.
 *
 * @throws {RangeError} When the script is over and there is no such tool.
 */
export function entryOf(
  script: readonly ScriptedAction[],
  index: number,
  tools: readonly ToolDefinition[],
): Decision {
  const entry = script[index] ?? handIn(tools);
  if (entry === undefined) {
    throw new RangeError(
      `Cannot play a script: wanted entry ${index + 1}: received a script of ${script.length}`,
    );
  }
  const action: Action = { tool: entry.tool, params: entry.params ?? {} };
  return entry.thought === undefined ? { action } : { action, thought: entry.thought };
}

/** The call that hands the work in, if there is a tool for it. */
export function handIn(tools: readonly ToolDefinition[]): ScriptedAction | undefined {
  const name = HAND_IN.find((candidate) => tools.some((tool) => tool.name === candidate));
  return name === undefined ? undefined : { tool: name };
}
