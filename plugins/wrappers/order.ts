/**
 * Refuses calls out of order, for environments that do not check by themselves.
 *
 * @module
 */
import type { Awaitable, Env, ResetOptions, StepOptions, TimeStep } from "../../core/env.ts";
import type { Contribution } from "../../core/kind.ts";
import { type Json, noOptions } from "../../core/schema.ts";
import type { Action } from "../../core/trajectory.ts";
import { type Wrapper, wrapper } from "../../core/wrapper.ts";
import { ENDED, outOfOrder, StatefulWrapper } from "./_stateful_wrapper.ts";

const ID = "knowlyr/order-v1";

/**
 * Refuses, with `ENV_STATE`, a step before the first reset, after the end of the episode or after disposal, a reset
 * after disposal, and a call while another one is under way.
 */
export function order(): Wrapper {
  return (inner) => new Order(inner);
}

/** {@linkcode order} for a kernel. */
export const orderWrapper: Contribution<Wrapper, Record<string, never>> = wrapper(ID, {
  description: "Refuses calls out of order",
  options: noOptions,
  create: () => order(),
});

type State = "fresh" | "running" | "ended" | "disposed";

const REFUSED: Readonly<Record<Exclude<State, "running">, string>> = {
  fresh: "no episode has started: wanted a reset first: received a step",
  ended: ENDED,
  disposed: "it was disposed: wanted no further calls: received a step",
};

class Order extends StatefulWrapper {
  #state: State = "fresh";
  #busy = false;

  constructor(inner: Env) {
    super(inner, { id: ID, options: {} }, (other) => new Order(other));
  }

  override reset(options?: ResetOptions): Awaitable<TimeStep> {
    if (this.#state === "disposed") {
      throw outOfOrder("reset", this.spec.id, "it was disposed: wanted no further calls: received a reset");
    }
    return this.#alone("reset", () => this.inner.reset(options));
  }

  override step(action: Action, options?: StepOptions): Awaitable<TimeStep> {
    if (this.#state !== "running") throw outOfOrder("step", this.spec.id, REFUSED[this.#state]);
    return this.#alone("step", () => this.inner.step(action, options));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "disposed") return;
    this.#state = "disposed";
    await super[Symbol.asyncDispose]();
  }

  #alone(method: "reset" | "step", call: () => Awaitable<TimeStep>): Awaitable<TimeStep> {
    if (this.#busy) {
      throw outOfOrder(
        method,
        this.spec.id,
        `another call is under way: wanted one at a time: received a ${method}`,
      );
    }
    const came = call();
    if (!(came instanceof Promise)) return this.#note(came);
    this.#busy = true;
    return came.then(this.#note).finally(() => {
      this.#busy = false;
    });
  }

  readonly #note = (came: TimeStep): TimeStep => {
    if (this.#state !== "disposed") this.#state = came.terminated || came.truncated ? "ended" : "running";
    return came;
  };

  protected state(): Json {
    return this.#state;
  }

  protected setState(state: Json): void {
    this.#state = state as State;
  }
}
