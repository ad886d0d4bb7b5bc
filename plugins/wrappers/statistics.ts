/**
 * Totals of an episode, in the info of its last step.
 *
 * @module
 */
import { z } from "zod";
import type { Awaitable, Env, ResetOptions, StepOptions, TimeStep } from "../../core/env.ts";
import type { Contribution } from "../../core/kind.ts";
import { type Json, parseOptions } from "../../core/schema.ts";
import type { Action } from "../../core/trajectory.ts";
import { whenReady, type Wrapper, wrapper } from "../../core/wrapper.ts";
import { StatefulWrapper } from "./_stateful_wrapper.ts";

const ID = "knowlyr/statistics-v1";

/** Options of {@linkcode statistics}. */
export interface StatisticsOptions {
  /** Milliseconds, never going back. Not part of the spec. @default performance.now */
  readonly now?: (() => number) | undefined;
}

/** What {@linkcode statistics} puts into `info.episode`. */
export interface EpisodeStatistics {
  /** Sum of the rewards. */
  readonly reward: number;
  /** Steps. */
  readonly length: number;
  /** Wall time since reset was called. */
  readonly durationMs: number;
}

const schema: z.ZodType<StatisticsOptions, StatisticsOptions> = z.strictObject({
  now: z.custom<() => number>((value) => typeof value === "function").optional()
    .describe("Clock, from code only"),
});

/** Adds `info.episode`, an {@linkcode EpisodeStatistics}, to the last step. Put it outside of what sets rewards. */
export function statistics(options: StatisticsOptions = {}): Wrapper {
  const { now = () => performance.now() } = parseOptions(schema, options, `wrapper "${ID}"`);
  return (inner) => new Statistics(inner, now);
}

/** {@linkcode statistics} for a kernel. */
export const statisticsWrapper: Contribution<Wrapper, StatisticsOptions> = wrapper(ID, {
  description: "Adds reward, length and duration of the episode to the info of its last step",
  options: schema,
  create: statistics,
});

class Statistics extends StatefulWrapper {
  readonly #now: () => number;
  #startedAt = 0;
  #reward = 0;
  #length = 0;

  constructor(inner: Env, now: () => number) {
    super(inner, { id: ID, options: {} }, (other) => new Statistics(other, now));
    this.#now = now;
  }

  override reset(options?: ResetOptions): Awaitable<TimeStep> {
    this.#startedAt = this.#now();
    this.#reward = 0;
    this.#length = 0;
    return whenReady(this.inner.reset(options), this.#atEnd);
  }

  override step(action: Action, options?: StepOptions): Awaitable<TimeStep> {
    return whenReady(this.inner.step(action, options), this.#add);
  }

  readonly #add = (came: TimeStep): TimeStep => {
    this.#reward += came.reward;
    this.#length++;
    return this.#atEnd(came);
  };

  readonly #atEnd = (came: TimeStep): TimeStep => {
    if (!came.terminated && !came.truncated) return came;
    const episode: EpisodeStatistics = {
      reward: this.#reward,
      length: this.#length,
      durationMs: this.#now() - this.#startedAt,
    };
    return { ...came, info: { ...came.info, episode } };
  };

  protected state(): Json {
    return [this.#now() - this.#startedAt, this.#reward, this.#length];
  }

  protected setState(state: Json): void {
    const [elapsed = 0, reward = 0, length = 0] = state as number[];
    this.#startedAt = this.#now() - elapsed;
    this.#reward = reward;
    this.#length = length;
  }
}
