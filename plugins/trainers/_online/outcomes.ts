/**
 * What episodes came to, in numbers.
 *
 * @module
 */
import type { Trajectory } from "../../../core/trajectory.ts";

/** Means over episodes. */
export interface Outcomes extends Readonly<Record<string, number>> {
  /** Share that is known to have succeeded. */
  readonly success: number;
  readonly reward: number;
  readonly episodeSteps: number;
  /** Share that an error ended. */
  readonly errors: number;
}

/** Which number of an episode decides. */
export type Measure = "success" | "reward";

/** Adds episodes up, at least one. */
export function outcomesOf(episodes: readonly Trajectory[]): Outcomes {
  const mean = (value: (episode: Trajectory) => number) =>
    episodes.reduce((sum, episode) => sum + value(episode), 0) / episodes.length;
  return {
    success: mean((episode) => measured(episode, "success")),
    reward: mean((episode) => measured(episode, "reward")),
    episodeSteps: mean(({ steps }) => steps.length),
    errors: mean(({ outcome }) => outcome.error === null ? 0 : 1),
  };
}

/** How many episodes an error ended, and by which; null when there are none. @param what A plural. */
export function brokenText(episodes: readonly Trajectory[], what: string): string | null {
  const errors = episodes.flatMap(({ outcome }) => outcome.error === null ? [] : [outcome.error]);
  if (errors.length === 0) return null;
  return `${errors.length} of ${episodes.length} ${what} ended by an error, the first by: ${errors[0]}`;
}

/** The number of an episode; unknown success is none, no reward is 0. */
export function measured({ outcome, reward }: Trajectory, measure: Measure): number {
  if (measure === "success") return outcome.success === true ? 1 : 0;
  return reward ?? 0;
}
