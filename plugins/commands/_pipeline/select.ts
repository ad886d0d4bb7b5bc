/**
 * Which trajectories go into the data sets.
 *
 * @module
 */
import type { Trajectory } from "../../../core/trajectory.ts";
import type { Pipeline } from "./schema.ts";

type Candidate = { readonly index: number; readonly task: string; readonly reward: number };

/**
 * Positions of the chosen trajectories. Ties of reward go to the earlier one; a trajectory without reward comes
 * last, and never passes a least reward.
 */
export async function chosen(
  trajectories: AsyncIterable<Trajectory>,
  { minReward, success, dedupe, top }: Pipeline["select"],
): Promise<ReadonlySet<number>> {
  const candidates: Candidate[] = [];
  const seen = new Set<string>();
  let index = -1;
  for await (const trajectory of trajectories) {
    index++;
    if (dedupe && seen.has(trajectory.id)) continue;
    seen.add(trajectory.id);
    if (success !== "any" && trajectory.outcome.success !== (success === "success")) continue;
    const reward = trajectory.reward ?? -Infinity;
    if (minReward !== undefined && reward < minReward) continue;
    candidates.push({ index, task: trajectory.task.id || trajectory.task.description, reward });
  }
  return new Set((top === undefined ? candidates : best(candidates, top)).map(({ index }) => index));
}

/** The best of each task. */
function best(candidates: readonly Candidate[], top: number): readonly Candidate[] {
  return [...Map.groupBy(candidates, ({ task }) => task).values()].flatMap((group) =>
    group.sort((a, b) => b.reward === a.reward ? a.index - b.index : b.reward - a.reward).slice(0, top)
  );
}

/** The trajectories at the given positions, in the order of the file. */
export async function* picked(
  trajectories: AsyncIterable<Trajectory>,
  positions: ReadonlySet<number>,
): AsyncGenerator<Trajectory> {
  let index = 0;
  for await (const trajectory of trajectories) {
    if (positions.has(index++)) yield trajectory;
  }
}
