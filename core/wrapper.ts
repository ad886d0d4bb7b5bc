/**
 * Wrappers: `Env → Env`, applied from the inside out by {@linkcode pipe}. The stack describes itself as data
 * ({@linkcode Env.spec}) and {@linkcode makeEnv} builds the same stack from that data.
 *
 * @module
 */
import { type Awaitable, type Env, env, type ResetOptions, type StepOptions, type TimeStep } from "./env.ts";
import type { Kernel } from "./kernel.ts";
import { defineKind, type Kind } from "./kind.ts";
import type { Json } from "./schema.ts";
import type { Action, EnvSpec, Spec, ToolDefinition } from "./trajectory.ts";

/** Wraps an environment. */
export type Wrapper = (inner: Env) => Env;

/** The kind of wrappers. */
export const wrapper: Kind<Wrapper> = defineKind<Wrapper>("wrapper");

/** Applies wrappers, the first one innermost. */
export function pipe(inner: Env, ...wrappers: readonly Wrapper[]): Env {
  return wrappers.reduce((wrapped, wrap) => wrap(wrapped), inner);
}

/**
 * Makes the environment that a spec describes, wrappers included.
 *
 * @throws {GymError} As {@linkcode Kernel.make}.
 */
export async function makeEnv(
  kernel: Kernel,
  spec: Omit<EnvSpec, "options" | "wrappers"> & Partial<EnvSpec>,
): Promise<Env> {
  let made = await kernel.make(env, spec.id, spec.options ?? {});
  try {
    for (const { id, options } of spec.wrappers ?? []) {
      made = (await kernel.make(wrapper, id, options ?? {}))(made);
    }
    return made;
  } catch (thrown) {
    await made[Symbol.asyncDispose]();
    throw thrown;
  }
}

/**
 * An environment that passes everything on to another. Override what your wrapper changes.
 *
 * `fork` is passed on by wrapping the inner copy again through `rewrap`, with fresh state of the wrapper itself.
 */
export class EnvWrapper implements Env {
  /** The wrapped environment. */
  protected readonly inner: Env;
  readonly spec: EnvSpec;
  readonly #rewrap: Wrapper;
  declare snapshot?: () => Awaitable<Json>;
  declare restore?: (snapshot: Json) => Awaitable<void>;
  declare fork?: () => Awaitable<Env>;

  /**
   * Wraps an environment.
   *
   * @param self Id and options of this wrapper, as data.
   * @param rewrap Wraps another environment the same way; used by `fork`.
   */
  constructor(inner: Env, self: Spec, rewrap: Wrapper) {
    this.inner = inner;
    this.spec = { ...inner.spec, wrappers: [...inner.spec.wrappers, self] };
    this.#rewrap = rewrap;
    if (inner.snapshot !== undefined) this.snapshot = () => inner.snapshot!();
    if (inner.restore !== undefined) this.restore = (snapshot) => inner.restore!(snapshot);
    if (inner.fork !== undefined) this.fork = async () => this.#rewrap(await inner.fork!());
  }

  get domain(): string {
    return this.inner.domain;
  }

  get tools(): readonly ToolDefinition[] {
    return this.inner.tools;
  }

  reset(options?: ResetOptions): Awaitable<TimeStep> {
    return this.inner.reset(options);
  }

  /** Passes the action on. */
  step(action: Action, options?: StepOptions): Awaitable<TimeStep> {
    return this.inner.step(action, options);
  }

  /** Disposes what is wrapped. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.inner[Symbol.asyncDispose]();
  }
}

/** Applies `use` to a value now, or to a promised one when it comes. */
export function whenReady<T, U>(value: Awaitable<T>, use: (value: T) => U): Awaitable<U> {
  return value instanceof Promise ? value.then(use) : use(value);
}
