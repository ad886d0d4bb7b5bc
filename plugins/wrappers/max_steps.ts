/**
 * At most so many steps an episode.
 *
 * @module
 */
import { z } from "zod";
import type { Awaitable, Env, ResetOptions, StepOptions, TimeStep } from "../../core/env.ts";
import type { Contribution } from "../../core/kind.ts";
import { type Json, parseOptions } from "../../core/schema.ts";
import type { Action } from "../../core/trajectory.ts";
import { whenReady, type Wrapper, wrapper } from "../../core/wrapper.ts";
import { ENDED, outOfOrder, StatefulWrapper, truncated } from "./_stateful_wrapper.ts";

const ID = "knowlyr/max-steps-v1";

/** Options of {@linkcode maxSteps}. */
export interface MaxStepsOptions {
  /** Steps an episode may have, at least 1. */
  readonly steps: number;
}

const schema: z.ZodType<MaxStepsOptions, MaxStepsOptions> = z.strictObject({
  steps: z.number().int().min(1).describe("Steps an episode may have"),
});

/**
 * Truncates an episode at its last allowed step, with reason `max_steps`. A step that terminates stays as it is: the
 * task ended by itself.
 *
 * @throws {GymError} `INVALID_OPTIONS`.
 */
export function maxSteps(options: MaxStepsOptions): Wrapper {
  const { steps } = parseOptions(schema, options, `wrapper "${ID}"`);
  return (inner) => new MaxSteps(inner, steps);
}

/** {@linkcode maxSteps} for a kernel. */
export const maxStepsWrapper: Contribution<Wrapper, MaxStepsOptions> = wrapper(ID, {
  description: "Truncates an episode after so many steps",
  options: schema,
  create: maxSteps,
});

class MaxSteps extends StatefulWrapper {
  readonly #limit: number;
  #taken = 0;

  constructor(inner: Env, limit: number) {
    super(inner, { id: ID, options: { steps: limit } }, (other) => new MaxSteps(other, limit));
    this.#limit = limit;
  }

  override reset(options?: ResetOptions): Awaitable<TimeStep> {
    this.#taken = 0;
    return this.inner.reset(options);
  }

  override step(action: Action, options?: StepOptions): Awaitable<TimeStep> {
    if (this.#taken >= this.#limit) throw outOfOrder("step", this.spec.id, ENDED);
    return whenReady(this.inner.step(action, options), this.#count);
  }

  readonly #count = (came: TimeStep): TimeStep => {
    this.#taken++;
    if (this.#taken < this.#limit || came.terminated || came.truncated) return came;
    return truncated(came, "max_steps");
  };

  protected state(): Json {
    return this.#taken;
  }

  protected setState(state: Json): void {
    this.#taken = Number(state);
  }
}
