/**
 * What a comparison of policies needs of an episode.
 *
 * @module
 */
import type { Trajectory } from "../../../core/trajectory.ts";

/** One episode in numbers. */
export interface Episode {
  readonly task: string;
  /** Seed in decimal, or null for a log that has none. */
  readonly seed: string | null;
  readonly agent: string;
  /** Null is unknown. */
  readonly success: boolean | null;
  /** Reward of the episode, else the sum of its steps' rewards; null when there are none. */
  readonly reward: number | null;
  readonly steps: number;
  /** Whether an error ended it. */
  readonly broken: boolean;
}

/** Reads an episode off its record. */
export function episodeOf({ task, env, agent, outcome, reward, steps }: Trajectory): Episode {
  const given = steps.flatMap((step) => step.reward === null ? [] : [step.reward]);
  return {
    task: task.id,
    seed: env?.seed ?? null,
    agent,
    success: outcome.success,
    reward: reward ?? (given.length === 0 ? null : given.reduce((sum, value) => sum + value, 0)),
    steps: steps.length,
    broken: outcome.error !== null,
  };
}
