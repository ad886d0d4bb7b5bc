/** What the flat grouped exporters keep of a trajectory. */
import type { Trajectory } from "../../core/trajectory.ts";
import { reasonNotToCompare } from "./_rows.ts";
import { instructionOf, stepsText } from "./_text.ts";

/** An episode as text. */
export interface FlatEpisode {
  readonly taskId: string;
  readonly prompt: string;
  readonly response: string;
  readonly reward: number;
  readonly success: boolean | null;
  readonly model: string;
  readonly stepRewards: readonly (number | null)[];
}

/** Renders a trajectory, or says why it cannot be compared with others. */
export function flatEpisodeOf(trajectory: Trajectory): FlatEpisode | string {
  const { task, reward, steps, model, outcome } = trajectory;
  const refusal = reasonNotToCompare(trajectory);
  if (refusal !== null) return refusal;
  return {
    taskId: task.id,
    prompt: instructionOf(task),
    response: stepsText(steps),
    reward: reward!, // sound: an episode without a reward is refused
    success: outcome.success,
    model: model ?? "",
    stepRewards: steps.map((step) => step.reward),
  };
}

/** Key of the episodes that may be compared: same task id and instruction. */
export function flatKey({ taskId, prompt }: FlatEpisode): string {
  return JSON.stringify([taskId, prompt]);
}
