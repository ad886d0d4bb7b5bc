/**
 * Records every episode that an environment plays, whoever steps it.
 *
 * @module
 */
import { z } from "zod";
import type { Awaitable, Env, ResetOptions, StepOptions, TimeStep } from "../../core/env.ts";
import { hasCode, messageOf } from "../../core/errors.ts";
import type { Contribution } from "../../core/kind.ts";
import { type Ending, EpisodeRecorder, type RecordingState } from "../../core/recording.ts";
import { type Json, parseOptions } from "../../core/schema.ts";
import type { Action, Trajectory } from "../../core/trajectory.ts";
import { type Wrapper, wrapper } from "../../core/wrapper.ts";
import { StatefulWrapper } from "./_stateful_wrapper.ts";

const ID = "knowlyr/record-v1";

/** Takes finished trajectories. A promise that it returns is waited for. */
export type TrajectorySink = (trajectory: Trajectory) => void | Promise<void>;

/** Options of {@linkcode record}. */
export interface RecordOptions {
  /** Where trajectories go: a function, or a list to append to. Not part of the spec. @default nowhere */
  readonly sink?: TrajectorySink | Trajectory[] | undefined;
  /** Name of what acts, for the record. @default "unknown" */
  readonly agent?: string | undefined;
  /** Model behind it. @default null */
  readonly model?: string | null | undefined;
  /** Milliseconds since 1970. Not part of the spec. @default Date.now */
  readonly now?: (() => number) | undefined;
}

const schema: z.ZodType<RecordOptions, RecordOptions> = z.strictObject({
  sink: z.custom<TrajectorySink | Trajectory[]>((value) =>
    typeof value === "function" || Array.isArray(value)
  )
    .optional().describe("Where trajectories go, from code only: a function or a list"),
  agent: z.string().optional().describe("Name of what acts, for the record"),
  model: z.string().nullable().optional().describe("Model behind it"),
  now: z.custom<() => number>((value) => typeof value === "function").optional()
    .describe("Clock, from code only"),
});

/**
 * Gives a trajectory to `sink` at the end of each episode. An episode that is left unfinished is given out as
 * truncated: reason `disposed` or `reset` when that ended it, `error` or `interrupted` when a step threw. What the
 * agent thought is not known here; `rollout` records it. A sink that fails fails the step.
 *
 * @throws {GymError} `INVALID_OPTIONS`.
 */
export function record(options: RecordOptions): Wrapper {
  const parsed = parseOptions(schema, options, `wrapper "${ID}"`);
  const { sink } = parsed;
  // Parsing copies nothing of a custom value, so a list stays the caller's own list.
  const give: TrajectorySink = Array.isArray(sink) ? (t) => void sink.push(t) : sink ?? (() => {});
  return (inner) => new RecordEpisodes(inner, give, parsed);
}

/** {@linkcode record} for a kernel. */
export const recordWrapper: Contribution<Wrapper, RecordOptions> = wrapper(ID, {
  description: "Gives out a trajectory of every episode",
  options: schema,
  create: record,
});

class RecordEpisodes extends StatefulWrapper {
  readonly #give: TrajectorySink;
  readonly #recorder: EpisodeRecorder;

  constructor(inner: Env, give: TrajectorySink, options: RecordOptions) {
    const { agent = "unknown", model = null, now } = options;
    super(inner, { id: ID, options: { agent, model } }, (other) => new RecordEpisodes(other, give, options));
    this.#give = give;
    this.#recorder = new EpisodeRecorder({ agent, model, ...(now === undefined ? {} : { now }) });
  }

  override reset(options: ResetOptions = {}): Awaitable<TimeStep> {
    const before = this.#emit({ reason: "reset" });
    return before === undefined ? this.#start(options) : before.then(() => this.#start(options));
  }

  override step(action: Action, options?: StepOptions): Awaitable<TimeStep> {
    if (!this.#recorder.open) return this.inner.step(action, options); // out of order: for the inside to refuse
    const startedAt = this.#recorder.now();
    try {
      const came = this.inner.step(action, options);
      if (!(came instanceof Promise)) return this.#take(action, came, startedAt);
      return came.then(
        (later) => this.#take(action, later, startedAt),
        (thrown) => this.#fail(thrown, options?.signal),
      );
    } catch (thrown) {
      return this.#fail(thrown, options?.signal);
    }
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#emit({ reason: "disposed" });
    } finally {
      await super[Symbol.asyncDispose]();
    }
  }

  #start(options: ResetOptions): Awaitable<TimeStep> {
    const startedAt = this.#recorder.now();
    const took = (first: TimeStep): Awaitable<TimeStep> => {
      this.#recorder.reset(this, first, options, startedAt);
      return this.#emitAtEnd(first);
    };
    const first = this.inner.reset(options);
    return first instanceof Promise ? first.then(took) : took(first);
  }

  #take(action: Action, came: TimeStep, startedAt: number): Awaitable<TimeStep> {
    this.#recorder.step(action, came, startedAt);
    return this.#emitAtEnd(came);
  }

  #emitAtEnd(came: TimeStep): Awaitable<TimeStep> {
    if (!came.terminated && !came.truncated) return came;
    const given = this.#emit();
    return given === undefined ? came : given.then(() => came);
  }

  #fail(thrown: unknown, signal: AbortSignal | undefined): Promise<never> {
    if (hasCode(thrown, "ENV_STATE")) throw thrown; // a call out of order changed nothing: the episode goes on
    const given = this.#emit(
      signal?.aborted ? { reason: "interrupted" } : { reason: "error", error: messageOf(thrown) },
    );
    if (given === undefined) throw thrown;
    return given.then(() => {
      throw thrown;
    });
  }

  #emit(ending?: Ending): Promise<void> | undefined {
    if (!this.#recorder.open) return undefined;
    return this.#give(this.#recorder.finish(ending)) ?? undefined;
  }

  protected state(): Json {
    // Sound: a recording is made of data.
    return this.#recorder.open ? this.#recorder.state() as unknown as Json : null;
  }

  protected setState(state: Json): void {
    if (state !== null) this.#recorder.resume(state as unknown as RecordingState);
  }
}
