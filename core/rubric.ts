/**
 * Rubrics: a number in [0, 1] for a step or for an episode, with a reason.
 *
 * Scoring is incremental: a rubric starts one scorer an episode, which sees every step once and in order. What could
 * not be evaluated is null, and whoever combines scores leaves it out and renormalises.
 *
 * @module
 */
import type { Domain } from "./domain.ts";
import type { Awaitable } from "./env.ts";
import { defineKind, type Kind } from "./kind.ts";
import type { Score, Step, Task, ToolDefinition, Trajectory } from "./trajectory.ts";

/** A score without the rubric's own id and source, which the caller adds. */
export type Verdict = Pick<Score, "value" | "reason" | "refersTo">;

/** What a scorer knows before the first step. */
export interface RubricContext {
  /** What was to be done. */
  readonly task: Task;
  /** What the tools mean. */
  readonly domain: Domain;
  /** Tools the agent was offered, or null. */
  readonly tools: readonly ToolDefinition[] | null;
  /** What reset showed. */
  readonly resetObservation: string;
}

/** Scores one episode. */
export interface Scorer {
  /** Called once a step, in order. Amortised cost must not grow with the number of steps. Null: not evaluated. */
  step?(step: Step): Awaitable<Verdict | null>;
  /** Called once after the last step, for the episode as a whole. Null: not evaluated. */
  finish?(trajectory: Trajectory): Awaitable<Verdict | null>;
}

/** A rubric. */
export interface Rubric {
  /** Id under which its scores are recorded. */
  readonly id: string;
  /** Name under which domains weigh it, for example `non_redundancy`. */
  readonly name: string;
  /** One sentence for lists. */
  readonly description: string;
  /** Who judges. */
  readonly source: Score["source"];
  /** Starts an episode. */
  start(context: RubricContext): Scorer;
}

/** The kind of rubrics. */
export const rubric: Kind<Rubric> = defineKind<Rubric>("rubric");
