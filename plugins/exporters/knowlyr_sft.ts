/**
 * Flat instruction rows: the columns of earlier Knowlyr tools.
 *
 * @module
 */
import { z } from "zod";
import { type Exporter, exporter, type ExportRow } from "../../core/exporter.ts";
import type { Contribution } from "../../core/kind.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import { perTrajectory } from "./_rows.ts";
import { actionText, inputOf, instructionOf, stepsText } from "./_text.ts";

/** Options of {@linkcode knowlyrSftExporter}. */
export interface KnowlyrSftOptions {
  /** `success` keeps only episodes known to have succeeded. @default "any" */
  readonly success?: "any" | "success" | undefined;
  /** Whether rows have `steps`: thought, action, observation and reward of each. @default true */
  readonly steps?: boolean | undefined;
}

const options = z.strictObject({
  success: z.enum(["any", "success"]).default("any").describe("Which episodes: any, or known successes"),
  steps: z.boolean().default(true).describe("Whether rows have steps beside the response"),
});

/**
 * Columns: `instruction`, `input` (JSON text of repository, commit and test command, or empty), `response` (steps as
 * text), `task_id`, `reward`, `metadata`, and `steps`.
 */
export const knowlyrSftExporter: Contribution<Exporter, KnowlyrSftOptions> = exporter(
  "knowlyr/knowlyr-sft-v1",
  {
    description: "Flat instruction, input and response columns, with steps",
    options,
    create: (parsed) => perTrajectory("knowlyr-sft", (trajectory) => row(trajectory, parsed)),
  },
);

function row(trajectory: Trajectory, parsed: z.output<typeof options>): ExportRow | string {
  const { task, steps, reward, outcome, agent, model } = trajectory;
  if (steps.length === 0) return "no steps";
  if (parsed.success === "success" && outcome.success !== true) {
    return outcome.success === false ? "not successful" : "success unknown";
  }
  return {
    instruction: instructionOf(task),
    input: inputOf(task),
    response: stepsText(steps),
    task_id: task.id,
    reward,
    metadata: { agent_framework: agent, agent_model: model ?? "", total_steps: steps.length },
    ...(parsed.steps && {
      steps: steps.map((step) => ({
        thought: step.thought,
        action: actionText(step.action),
        observation: step.result.output,
        reward: step.reward,
      })),
    }),
  };
}
