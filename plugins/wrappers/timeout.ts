/**
 * At most so much time an episode. A step in flight is aborted, not merely noticed afterwards.
 *
 * @module
 */
import { z } from "zod";
import type { Awaitable, Env, ResetOptions, StepOptions, TimeStep } from "../../core/env.ts";
import type { Contribution } from "../../core/kind.ts";
import { parseOptions } from "../../core/schema.ts";
import type { Action } from "../../core/trajectory.ts";
import { EnvWrapper, type Wrapper, wrapper } from "../../core/wrapper.ts";
import { ENDED, outOfOrder, truncated } from "./_stateful_wrapper.ts";

const ID = "knowlyr/timeout-v1";

/** Where time comes from. */
export interface Clock {
  /** Milliseconds, never going back. */
  now(): number;
  /** Calls `fire` after `ms` unless the returned function is called before. */
  after(ms: number, fire: () => void): () => void;
}

/** Options of {@linkcode timeout}. */
export interface TimeoutOptions {
  /** Wall time of an episode from the call of reset, in milliseconds, above 0. The policy's own time counts. */
  readonly timeoutMs: number;
  /** Clock, for tests. Not part of the spec. @default the process's monotonic clock and timers */
  readonly clock?: Clock | undefined;
}

const schema: z.ZodType<TimeoutOptions, TimeoutOptions> = z.strictObject({
  // 2^31 - 1: a longer timer would fire at once
  timeoutMs: z.number().positive().max(2_147_483_647).describe("Wall time of an episode in milliseconds"),
  clock: z.custom<Clock>(isClock).optional().describe("Clock, from code only"),
});

function isClock(value: unknown): boolean {
  const { now, after } = (value ?? {}) as Partial<Clock>;
  return typeof now === "function" && typeof after === "function";
}

const processClock: Clock = {
  now: () => performance.now(),
  after: (ms, fire) => {
    const timer = setTimeout(fire, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Truncates an episode when its time is up, with reason `timeout`. A reset or step in flight gets an aborted signal
 * and a truncated time step is returned at once, even when the environment ignores the signal; the next call
 * waits, within its own time, for what was left running. A copy made by `fork` gets the full time.
 *
 * @throws {GymError} `INVALID_OPTIONS`.
 */
export function timeout(options: TimeoutOptions): Wrapper {
  const { timeoutMs, clock = processClock } = parseOptions(schema, options, `wrapper "${ID}"`);
  return (inner) => new Timeout(inner, timeoutMs, clock);
}

/** {@linkcode timeout} for a kernel. */
export const timeoutWrapper: Contribution<Wrapper, TimeoutOptions> = wrapper(ID, {
  description: "Truncates an episode when its time is up, aborting the step in flight",
  options: schema,
  create: timeout,
});

class Timeout extends EnvWrapper {
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  #deadline = Infinity;
  #ended = false;
  #abort = new AbortController();
  #leftRunning: Promise<unknown> | null = null;

  constructor(inner: Env, timeoutMs: number, clock: Clock) {
    super(inner, { id: ID, options: { timeoutMs } }, (other) => {
      const copy = new Timeout(other, timeoutMs, clock);
      copy.#deadline = clock.now() + timeoutMs;
      return copy;
    });
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  override reset(options: ResetOptions = {}): Awaitable<TimeStep> {
    this.#ended = false;
    this.#deadline = this.#clock.now() + this.#timeoutMs;
    this.#abort = new AbortController();
    return this.#within(options.signal, (signal) => this.inner.reset({ ...options, signal }));
  }

  override step(action: Action, options: StepOptions = {}): Awaitable<TimeStep> {
    if (this.#ended) throw outOfOrder("step", this.spec.id, ENDED);
    if (this.#clock.now() >= this.#deadline) return this.#timedOut(); // the time went by between two steps
    return this.#within(options.signal, (signal) => this.inner.step(action, { signal }));
  }

  #within(
    caller: AbortSignal | undefined,
    call: (signal: AbortSignal) => Awaitable<TimeStep>,
  ): Awaitable<TimeStep> {
    const own = this.#abort.signal;
    const signal = caller === undefined ? own : AbortSignal.any([caller, own]);
    const before = this.#leftRunning;
    this.#leftRunning = null;
    const pending = before === null ? call(signal) : before.then(() => {
      signal.throwIfAborted();
      return call(signal);
    });
    return pending instanceof Promise ? this.#race(pending, caller) : this.#checked(pending);
  }

  #race(pending: Promise<TimeStep>, caller: AbortSignal | undefined): Promise<TimeStep> {
    return new Promise<TimeStep>((resolve, reject) => {
      let settled = false;
      const settle = (how: () => void): void => {
        if (settled) return;
        settled = true;
        cancel();
        caller?.removeEventListener("abort", onAbort);
        how();
      };
      const leave = (how: () => void): void =>
        settle(() => {
          this.#leftRunning = pending.then(() => {}, () => {}); // its outcome no longer matters
          how();
        });
      const onAbort = (): void => leave(() => reject(caller?.reason));
      const cancel = this.#clock.after(
        Math.max(0, this.#deadline - this.#clock.now()),
        () => leave(() => resolve(this.#timedOut())),
      );
      pending.then(
        (came) => settle(() => resolve(this.#checked(came))),
        (thrown) => settle(() => reject(thrown)),
      );
      if (caller?.aborted) onAbort();
      else caller?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** A step that came back in time, or too late without anything to abort, because it was synchronous. */
  #checked(came: TimeStep): TimeStep {
    if (came.terminated || came.truncated || this.#clock.now() < this.#deadline) return came;
    this.#ended = true;
    return truncated(came, "timeout");
  }

  #timedOut(): TimeStep {
    this.#ended = true;
    this.#abort.abort(new DOMException(`Time is up: ${this.#timeoutMs} ms`, "TimeoutError"));
    const observation = `Stopped: the episode's time of ${this.#timeoutMs} ms is up`;
    return {
      observation,
      reward: 0,
      terminated: false,
      truncated: true,
      info: { reason: "timeout", result: { output: observation, error: "timeout" } },
    };
  }
}
