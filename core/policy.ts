/**
 * Policies: what acts. A policy gets what an agent may know and returns one action, or several calls of one turn.
 *
 * @module
 */
import type { Awaitable } from "./env.ts";
import { defineKind, type Kind } from "./kind.ts";
import type { SeededPrng } from "./prng.ts";
import type { Json } from "./schema.ts";
import type { Action, Step, StepTokens, Task, ToolDefinition } from "./trajectory.ts";

/** What a policy knows when it acts. */
export interface PolicyView {
  /** What is to be done. */
  readonly task: Task;
  /** Tools that may be called. */
  readonly tools: readonly ToolDefinition[];
  /** What reset showed. */
  readonly resetObservation: string;
  /** What the last step showed; the reset observation before the first step. */
  readonly observation: string;
  /** Steps so far. */
  readonly history: readonly Step[];
  /** Randomness of this policy in this episode. */
  readonly prng: SeededPrng;
  /** Aborted when the episode is. */
  readonly signal?: AbortSignal;
}

/** What a policy decided. */
export interface Decision {
  /** The call. */
  readonly action: Action;
  /**
   * Further calls of the same turn. Each is a step of its own, carried out after `action` in this order until the episode
   * ends. Steps of such a turn share their `turn`, the number of the decision; thought, tokens and `extra` stand at the
   * first. When the episode ends before all calls were carried out, the last step's `extra.unplayed` counts the rest.
   *
   * @default []
   */
  readonly more?: readonly Action[];
  /** What it said before the calls. */
  readonly thought?: string;
  /** Tokens of the model call, when a local model acted. */
  readonly tokens?: StepTokens;
  /**
   * What else the record of the step should say, for example that earlier turns were left out of the prompt. A number
   * `costUsd`, what the call cost in US dollars, counts into the usage of the episode.
   */
  readonly extra?: Readonly<Record<string, Json>>;
}

/** Something that acts. It may keep state between steps of one episode, which `reset` clears. */
export interface Policy extends Partial<AsyncDisposable> {
  /** Name for the record. */
  readonly name: string;
  /** Model behind it, or null. */
  readonly model: string | null;
  /** Called before each episode. */
  reset?(view: Omit<PolicyView, "observation" | "history">): Awaitable<void>;
  /** Chooses what to do next. */
  act(view: PolicyView): Awaitable<Decision>;
}

/** The kind of policies. */
export const policy: Kind<Policy> = defineKind<Policy>("policy");
