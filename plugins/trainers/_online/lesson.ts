/**
 * What the tries of an iteration teach: selected once, then taken by updates in parts.
 *
 * @module
 */
import type { Trajectory } from "../../../core/trajectory.ts";
import type { PolicySample } from "../_grpo/samples.ts";
import type { Scorer } from "../_grpo/score.ts";
import type { Trainee } from "../_trainee.ts";
import type { OnlineOptions } from "../online.ts";

/** Numbers of an update. */
export type LessonMetrics = { readonly loss: number } & Readonly<Record<string, number>>;

/** Something to train on. */
export interface Lesson {
  /** How many items there are; an update takes some of them. */
  readonly items: number;
  /** Counts of what was selected, for the record. */
  readonly facts: Readonly<Record<string, number>>;
  /** Accumulates the gradients of at least one item. */
  accumulate(items: readonly number[]): Promise<LessonMetrics>;
}

/** What lessons are made from. */
export interface LessonWorld {
  readonly options: OnlineOptions;
  readonly trainee: Trainee;
  /** The model that KL holds the policy to; null without KL. */
  readonly reference: Scorer | null;
  readonly signal: AbortSignal | undefined;
  /** Arrays that only the policy before the first update of the iteration can give: made once, then read back. */
  readonly kept: (
    name: string,
    make: () => Promise<readonly Float32Array[]>,
  ) => Promise<readonly Float32Array[]>;
}

/** Makes a lesson. `samples` are those of the episodes that may be trained on. */
export type Teach = (
  samples: readonly PolicySample[],
  episodes: readonly Trajectory[],
  world: LessonWorld,
) => Promise<Lesson>;
