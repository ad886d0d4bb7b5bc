/**
 * Conformance of wrappers: that an environment inside one is still an environment.
 *
 * @module
 */
import type { Awaitable, Env, ResetOptions, StepOptions, TimeStep } from "../env.ts";
import { GymError, hasCode } from "../errors.ts";
import type { Json } from "../schema.ts";
import type { Action, Spec } from "../trajectory.ts";
import type { Wrapper } from "../wrapper.ts";
import { checkTimeStep } from "./check_env.ts";
import { brief, must, mustBeJson, type Report, runChecks, same, Skip } from "./report.ts";

/** Options of {@linkcode checkWrapper}. */
export interface CheckWrapperOptions {
  /** Makes the wrapper again from its own description, as a kernel would. Left out, that check is skipped. */
  readonly rebuild?: (spec: Spec) => Awaitable<Wrapper>;
  /** Longest time of one check in milliseconds. @default 10000 */
  readonly limitMs?: number;
}

const TICK: Action = { tool: "tick", params: {} };
const SLOW: Action = { tool: "slow", params: {} };
const LENGTH = 3;

/** Checks a wrapper around a counting environment, one that answers at once and one that answers later. */
export async function checkWrapper(
  make: () => Awaitable<Wrapper>,
  options: CheckWrapperOptions = {},
): Promise<Report> {
  const { rebuild, limitMs = 10_000 } = options;
  const around = async (inner: Counter): Promise<Env> => (await make())(inner);
  const own = (await around(new Counter(false))).spec.wrappers.at(-1);
  const both = (check: (env: Env, inner: Counter) => Promise<void>) => async () => {
    for (const later of [false, true]) {
      const inner = new Counter(later);
      await using env = await around(inner);
      await check(env, inner);
    }
  };
  return await runChecks(`wrapper "${own?.id ?? "(unnamed)"}"`, {
    "it adds itself to the spec, as JSON": both((env, inner) => {
      const { wrappers, ...rest } = env.spec;
      must(
        rest.id === inner.spec.id && same(rest.options, inner.spec.options),
        "the spec of the inside was changed",
      );
      must(wrappers.length === 1, `wanted one wrapper in the spec: received ${brief(wrappers)}`);
      mustBeJson(wrappers, "wrappers");
      return Promise.resolve();
    }),
    "it can be made again from its spec": async () => {
      if (rebuild === undefined) throw new Skip("no rebuild was given");
      must(own !== undefined, "it is not in the spec");
      const again = (await rebuild(JSON.parse(JSON.stringify(own))))(new Counter(false)).spec.wrappers;
      must(same(again, [own]), `wanted ${brief([own])}: received ${brief(again)}`);
    },
    "it keeps the domain": both((env, inner) => {
      must(env.domain === inner.domain, `wanted ${brief(inner.domain)}: received ${brief(env.domain)}`);
      return Promise.resolve();
    }),
    "every time step of an episode is well formed": both(async (env) => {
      let came = await env.reset({ seed: 1n });
      checkTimeStep(came, "reset");
      for (let at = 0; !came.terminated && !came.truncated; at++) {
        must(at < LENGTH, `the environment inside ended after ${LENGTH} steps, the wrapper goes on`);
        came = await env.step(TICK);
        checkTimeStep(came, `step ${at}`);
      }
    }),
    "it passes seed and task on": both(async (env, inner) => {
      const task = { id: "t", description: "d" };
      await env.reset({ seed: 5n, task });
      must(inner.resets.at(-1)?.seed === 5n, `seed: received ${String(inner.resets.at(-1)?.seed)}`);
      must(same(inner.resets.at(-1)?.task, task), `task: received ${brief(inner.resets.at(-1)?.task)}`);
    }),
    "the same seed gives the same episode": async () => {
      const play = async (): Promise<unknown[]> => {
        await using env = await around(new Counter(false));
        const came = [await env.reset({ seed: 1n })];
        while (!came.at(-1)!.terminated && !came.at(-1)!.truncated) came.push(await env.step(TICK));
        return came.map(({ observation, reward, terminated, truncated }) => [
          observation,
          reward,
          terminated,
          truncated,
        ]);
      };
      const [a, b] = [await play(), await play()];
      must(same(a, b), `wanted ${brief(a)}: received ${brief(b)}`);
    },
    "a second episode starts afresh": both(async (env) => {
      const lengths: number[] = [];
      for (let episode = 0; episode < 2; episode++) {
        let came = await env.reset();
        let steps = 0;
        for (; !came.terminated && !came.truncated; steps++) came = await env.step(TICK);
        lengths.push(steps);
      }
      must(lengths[0] === lengths[1], `wanted episodes of one length: received ${brief(lengths)}`);
    }),
    "an abort reaches the environment inside": both(async (env, inner) => {
      await env.reset();
      const controller = new AbortController();
      const reason = new Error("the caller's own reason");
      const step = Promise.resolve(env.step(SLOW, { signal: controller.signal }));
      queueMicrotask(() => controller.abort(reason));
      const failure = await step.then(() => undefined, (thrown: unknown) => thrown);
      must(failure === reason, `wanted the signal's reason: received ${String(failure)}`);
      must(inner.signals.at(-1)?.aborted === true, "the environment inside did not get the signal");
    }),
    "what the environment throws comes out": both(async (env) => {
      await env.reset();
      const failure = await attempt(() => env.step({ tool: "break", params: {} }));
      must(
        failure instanceof Error && failure.message === "broken",
        `wanted the error itself: received ${String(failure)}`,
      );
    }),
    "a step before reset is refused": both(async (env) => {
      const failure = await attempt(() => env.step(TICK));
      must(hasCode(failure, "ENV_STATE"), `wanted ENV_STATE: received ${String(failure)}`);
    }),
    "a step after the end is refused": both(async (env) => {
      let came = await env.reset();
      while (!came.terminated && !came.truncated) came = await env.step(TICK);
      const failure = await attempt(() => env.step(TICK));
      must(hasCode(failure, "ENV_STATE"), `wanted ENV_STATE: received ${String(failure)}`);
    }),
    "disposing it disposes the environment inside, and twice is allowed": async () => {
      const inner = new Counter(false);
      const env = await around(inner);
      await env.reset();
      await env[Symbol.asyncDispose]();
      await env[Symbol.asyncDispose]();
      must(inner.disposals > 0, "the environment inside was not disposed");
    },
    "a snapshot restores the state": both(async (env) => {
      if (env.snapshot === undefined || env.restore === undefined) {
        throw new Error("snapshot or restore got lost");
      }
      if (ended(await env.reset()) || ended(await env.step(TICK))) {
        throw new Skip("its episodes are too short");
      }
      const snapshot = JSON.parse(JSON.stringify(await env.snapshot()));
      const a = await toEnd(env);
      await env.restore(snapshot);
      const b = await toEnd(env);
      must(same(a, b), `wanted ${brief(a)}: received ${brief(b)}`);
    }),
    "a fork stands at the same step inside the same wrapper": both(async (env) => {
      if (env.fork === undefined) throw new Error("fork got lost");
      if (ended(await env.reset()) || ended(await env.step(TICK))) {
        throw new Skip("its episodes are too short");
      }
      await using copy = await env.fork();
      must(same(copy.spec, env.spec), `wanted ${brief(env.spec)}: received ${brief(copy.spec)}`);
      const [a, b] = [await toEnd(env), await toEnd(copy)];
      must(same(a, b), `wanted ${brief(a)}: received ${brief(b)}`);
    }),
  }, limitMs);
}

function ended({ terminated, truncated }: TimeStep): boolean {
  return terminated || truncated;
}

async function toEnd(env: Env): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (let at = 0; at < LENGTH; at++) {
    const came = await env.step(TICK);
    seen.push([came.observation, came.reward, came.terminated, came.truncated]);
    if (ended(came)) break;
  }
  return seen;
}

async function attempt(call: () => Awaitable<unknown>): Promise<unknown> {
  try {
    await call();
    return "no error";
  } catch (thrown) {
    return thrown;
  }
}

/** Counts to {@linkcode LENGTH} and terminates. Keeps order, honours signals, remembers what reached it. */
class Counter implements Env {
  readonly spec = { id: "testing/counter-v1", options: { length: LENGTH }, wrappers: [] };
  readonly domain = "coding";
  readonly tools = ["tick", "slow", "break"].map((name) => ({
    name,
    description: `Calls ${name}`,
    parameters: { type: "object", properties: {} },
  }));
  readonly resets: ResetOptions[] = [];
  readonly signals: (AbortSignal | undefined)[] = [];
  disposals = 0;
  readonly #later: boolean;
  #count = -1;

  /** @param later Whether it answers with promises. */
  constructor(later: boolean) {
    this.#later = later;
  }

  reset(options: ResetOptions = {}): Awaitable<TimeStep> {
    this.resets.push(options);
    this.#count = 0;
    return this.#answer();
  }

  step({ tool }: Action, { signal }: StepOptions = {}): Awaitable<TimeStep> {
    if (this.#count < 0 || this.#count >= LENGTH || this.disposals > 0) {
      throw new GymError("ENV_STATE", "Cannot step the counter: wanted a running episode: received none");
    }
    this.signals.push(signal);
    if (tool === "slow") return untilAborted(signal);
    if (tool === "break") return this.#later ? Promise.reject(new Error("broken")) : broken();
    this.#count++;
    return this.#answer();
  }

  snapshot(): Json {
    return this.#count;
  }

  restore(snapshot: Json): void {
    this.#count = Number(snapshot);
  }

  fork(): Env {
    const copy = new Counter(this.#later);
    copy.#count = this.#count;
    return copy;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.disposals++;
    return Promise.resolve();
  }

  #answer(): Awaitable<TimeStep> {
    const came: TimeStep = {
      observation: `${this.#count} of ${LENGTH}`,
      reward: this.#count === LENGTH ? 1 : 0,
      terminated: this.#count === LENGTH,
      truncated: false,
      info: this.#count === LENGTH ? { success: true } : {},
    };
    return this.#later ? Promise.resolve(came) : came;
  }
}

function broken(): never {
  throw new Error("broken");
}

function untilAborted(signal: AbortSignal | undefined): Promise<TimeStep> {
  return new Promise((_, reject) => {
    if (signal === undefined) reject(new Error("no signal reached the environment"));
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
