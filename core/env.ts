/**
 * Environments: reset, step, dispose. One environment runs one episode at a time.
 *
 * `terminated` means that the task ended; `truncated` means that we ended the episode (budget, time, interruption).
 * Both may be true of one step, and neither implies the other, because a learner bootstraps over a truncation and
 * never over a termination.
 *
 * A bad call of an agent (unknown tool, wrong parameters) is an observation. Throwing is for a broken environment.
 *
 * @module
 */
import { defineKind, type Kind } from "./kind.ts";
import type { Json } from "./schema.ts";
import type { Action, EnvSpec, OutcomeSource, StepResult, Task, ToolDefinition } from "./trajectory.ts";

/** A value, or a promise of it. `await` takes both; wrappers on hot paths need not pay for a promise. */
export type Awaitable<T> = T | Promise<T>;

/** What an environment says beside the observation. Every field may be left out. */
export interface StepInfo {
  /** What the tool did, for the record. Left out, the record has the observation as output and no exit code. */
  readonly result?: Partial<StepResult>;
  /** Whether the task was solved; set at the end only. */
  readonly success?: boolean | null;
  /** Who decided `success`. Left out: `env`. */
  readonly successSource?: OutcomeSource;
  /** Partial credit in [0, 1]. */
  readonly score?: number;
  /** Tests that passed, as the verifier printed them. */
  readonly testsPassed?: number;
  /** Tests that failed. */
  readonly testsFailed?: number;
  /** What was handed in. */
  readonly submission?: string;
  /** Why the episode ended: `submit`, `max_steps`, `timeout` … */
  readonly reason?: string;
  /** Whether the call was malformed and changed nothing. */
  readonly invalid?: boolean;
  /** The task that reset chose. Reset only. */
  readonly task?: Task;
  /** Anything else, as data. */
  readonly [key: string]: unknown;
}

/** What reset and step return. */
export interface TimeStep {
  /** What the agent sees. */
  readonly observation: string;
  /** 0 for reset. */
  readonly reward: number;
  /** The task ended. */
  readonly terminated: boolean;
  /** We ended the episode. */
  readonly truncated: boolean;
  /** What else there is to say. */
  readonly info: StepInfo;
}

/** What {@linkcode Env.reset} takes. */
export interface ResetOptions {
  /** The only source of randomness of the episode. @default 0n */
  readonly seed?: bigint;
  /** The task. Left out, the environment chooses one from the seed. */
  readonly task?: Task;
  /** Aborting it stops the reset, which then rejects with the reason. */
  readonly signal?: AbortSignal;
}

/** What {@linkcode Env.step} takes beside the action. */
export interface StepOptions {
  /** Aborting it stops what the step started; the step then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** One environment. Disposing it twice is allowed; using it afterwards is an error. */
export interface Env extends AsyncDisposable {
  /** The environment and its wrappers as data. */
  readonly spec: EnvSpec;
  /** Name of the domain profile. */
  readonly domain: string;
  /** Tools an agent may call. Stable between resets. */
  readonly tools: readonly ToolDefinition[];
  /** Starts an episode. Same seed and task, same episode. */
  reset(options?: ResetOptions): Awaitable<TimeStep>;
  /** Does one action. @throws {GymError} `ENV_STATE` before the first reset, after the end of the episode, or after disposal. */
  step(action: Action, options?: StepOptions): Awaitable<TimeStep>;
  /** The state of the episode as data, from which {@linkcode restore} goes on. */
  snapshot?(): Awaitable<Json>;
  /** Puts a snapshot of the same environment back. */
  restore?(snapshot: Json): Awaitable<void>;
  /** An independent copy that stands at the same step. */
  fork?(): Awaitable<Env>;
}

/** The kind of environments. */
export const env: Kind<Env> = defineKind<Env>("env");
