/** Episodes as plain text, and the fields that the flat columns share. */
import type { Action, Step, Task } from "../../core/trajectory.ts";

/** Steps as blocks of `Step`, `Thought`, `Action` and `Observation` lines, a blank line between steps. */
export function stepsText(steps: readonly Step[]): string {
  return steps.map((step) => {
    const lines = [`Step ${step.index + 1}:`];
    if (step.thought !== "") lines.push(`Thought: ${step.thought}`);
    const action = actionText(step.action);
    if (action !== "") lines.push(`Action: ${action}`);
    if (step.result.output !== "") lines.push(`Observation: ${step.result.output}`);
    return lines.join("\n");
  }).join("\n\n");
}

/** A call as `tool({"parameter": …})`, or the tool alone when it has no parameters. */
export function actionText({ tool, params, raw }: Action): string {
  if (tool === "") return raw ?? "";
  if (raw !== undefined) return `${tool}(${raw})`;
  return Object.keys(params).length === 0 ? tool : `${tool}(${JSON.stringify(params)})`;
}

/** The instruction of a task. */
export function instructionOf({ id, description }: Task): string {
  return description === "" ? `Solve task: ${id}` : description;
}

/** What a task says of its repository, as JSON text; empty when it says nothing. Task fields are read in either spelling. */
export function inputOf(task: Task): string {
  const known = Object.entries({
    repo: task["repo"],
    base_commit: task["baseCommit"] ?? task["base_commit"],
    test_command: task["testCommand"] ?? task["test_command"],
  }).filter(([, value]) => value !== undefined);
  return known.length === 0 ? "" : JSON.stringify(Object.fromEntries(known));
}
