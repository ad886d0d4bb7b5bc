import type { Awaitable, Env, TimeStep } from "../../core/env.ts";
import { GymError } from "../../core/errors.ts";
import type { Json } from "../../core/schema.ts";
import type { Spec } from "../../core/trajectory.ts";
import { EnvWrapper, whenReady, type Wrapper } from "../../core/wrapper.ts";

/** A wrapper whose own state travels with snapshots and forks of the environment inside. */
export abstract class StatefulWrapper extends EnvWrapper {
  constructor(inner: Env, self: Spec, rewrap: (inner: Env) => StatefulWrapper) {
    super(inner, self, rewrap as Wrapper);
    if (inner.snapshot !== undefined) {
      this.snapshot = () => whenReady(inner.snapshot!(), (inside): Json => ({ inside, own: this.state() }));
    }
    if (inner.restore !== undefined) {
      this.restore = (snapshot) => {
        const { inside, own } = partsOf(snapshot, self.id);
        return whenReady(inner.restore!(inside), () => this.setState(own)) as Awaitable<void>;
      };
    }
    if (inner.fork !== undefined) {
      this.fork = async () => {
        const own = this.state();
        const copy = rewrap(await inner.fork!());
        copy.setState(own);
        return copy;
      };
    }
  }

  /** State of the wrapper as data. */
  protected abstract state(): Json;

  /** Puts back what {@linkcode state} gave. */
  protected abstract setState(state: Json): void;
}

function partsOf(snapshot: Json, id: string): { inside: Json; own: Json } {
  if (typeof snapshot === "object" && snapshot !== null && "inside" in snapshot && "own" in snapshot) {
    return snapshot as { inside: Json; own: Json };
  }
  throw new GymError(
    "INVALID_DATA",
    `Cannot restore wrapper "${id}": wanted a snapshot of the same stack: received ${
      JSON.stringify(snapshot).slice(0, 80)
    }`,
    { id },
  );
}

/** The error of a call out of order. */
export function outOfOrder(method: "reset" | "step", id: string, problem: string): GymError {
  return new GymError("ENV_STATE", `Cannot ${method} env "${id}": ${problem}`, { env: id, method });
}

/** What to say of a step after the end. */
export const ENDED = "the episode has ended: wanted a reset first: received a step";

/** A copy that says that we ended the episode. */
export function truncated(came: TimeStep, reason: string): TimeStep {
  return { ...came, truncated: true, info: { ...came.info, reason } };
}
