/**
 * Conformance of environments: determinism, order, tools, bad calls, abort, disposal, snapshots.
 *
 * @module
 */
import type { Awaitable, Env, TimeStep } from "../env.ts";
import { hasCode } from "../errors.ts";
import { below, seeded } from "../prng.ts";
import { sampleParams } from "../sample_schema.ts";
import type { Action, Task } from "../trajectory.ts";
import { brief, must, mustBeJson, type Report, runChecks, same, Skip } from "./report.ts";

/** Options of {@linkcode checkEnv}. */
export interface CheckEnvOptions {
  /** Task of every reset. Left out, the environment chooses. */
  readonly task?: Task;
  /** Actions to play. Left out, twelve random calls that fit the tools' schemas. */
  readonly actions?: readonly Action[];
  /** An action that would run for long, to be aborted. Left out, that check is skipped. */
  readonly slowAction?: Action;
  /** Longest time of one check in milliseconds. @default 20000 */
  readonly limitMs?: number;
}

/** A call that any environment must answer with an observation. */
const UNKNOWN_TOOL: Action = { tool: "no_such_tool_anywhere", params: { x: 1 } };

const SEEDS = [0n, 1n, 0xffff_ffff_ffff_ffffn] as const;

/** Checks environments that `make` makes; it is called once or more a check and must give independent ones. */
export async function checkEnv(make: () => Awaitable<Env>, options: CheckEnvOptions = {}): Promise<Report> {
  const { task, slowAction, limitMs = 20_000 } = options;
  const first = await make();
  const id = first.spec.id;
  const actions = options.actions ?? randomActions(first);
  await first[Symbol.asyncDispose]();
  const withTask = task === undefined ? {} : { task };
  const using = (check: (env: Env) => Promise<void>) => async () => {
    await using env = await make();
    await check(env);
  };
  const start = async (env: Env, seed = 7n): Promise<TimeStep> => await env.reset({ seed, ...withTask });
  const play = async (seed: bigint): Promise<TimeStep[]> => {
    await using env = await make();
    return await playOn(env, [await start(env, seed)], actions);
  };

  return await runChecks(`env "${id}"`, {
    "its spec is JSON": using(async (env) => {
      await start(env);
      mustBeJson(env.spec, "spec");
      must(
        typeof env.spec.id === "string" && Array.isArray(env.spec.wrappers),
        `received ${brief(env.spec)}`,
      );
    }),
    "its tools have unique names, descriptions and object schemas": using((env) => {
      checkTools(env);
      return Promise.resolve();
    }),
    "its tools stay the same over a reset": using(async (env) => {
      const before = JSON.stringify(env.tools);
      await start(env);
      must(JSON.stringify(env.tools) === before, "tools changed with reset");
    }),
    "reset starts an episode": using(async (env) => {
      const came = await start(env);
      checkTimeStep(came, "reset");
      must(came.reward === 0, `wanted reward 0 of reset: received ${came.reward}`);
    }),
    "every seed of 64 bits is accepted": async () => {
      for (const seed of SEEDS) await using(async (env) => void await start(env, seed))();
    },
    "steps have a text, a finite reward and two booleans": async () => {
      (await play(7n)).forEach((came, at) => checkTimeStep(came, at === 0 ? "reset" : `step ${at - 1}`));
    },
    "the same seed gives the same episode": async () => {
      const [a, b] = [await play(7n), await play(7n)];
      mustAgree(a, b, "a second environment");
    },
    "a second reset gives the same episode again": using(async (env) => {
      const a = await playOn(env, [await start(env)], actions);
      const b = await playOn(env, [await start(env)], actions);
      mustAgree(a, b, "a second reset");
    }),
    "a step before reset is refused": using(async (env) => {
      await mustRefuse(() => env.step(actions[0] ?? UNKNOWN_TOOL), "a step before reset");
    }),
    "a step after the end is refused": using(async (env) => {
      const last = (await playOn(env, [await start(env)], actions)).at(-1)!;
      if (!ended(last)) throw new Skip("the actions played do not end the episode");
      await mustRefuse(() => env.step(actions[0] ?? UNKNOWN_TOOL), "a step after the end");
    }),
    "a step after disposal is refused": async () => {
      const env = await make();
      await start(env);
      await env[Symbol.asyncDispose]();
      await mustRefuse(() => env.step(actions[0] ?? UNKNOWN_TOOL), "a step after disposal");
    },
    "disposing twice is allowed": async () => {
      const env = await make();
      await start(env);
      await env[Symbol.asyncDispose]();
      await env[Symbol.asyncDispose]();
    },
    "disposing before the first reset is allowed": async () => await (await make())[Symbol.asyncDispose](),
    "an unknown tool is an observation": using(async (env) => {
      await start(env);
      checkAnswer(await answered(env, UNKNOWN_TOOL), "an unknown tool");
    }),
    "malformed parameters are an observation": async () => {
      for (const action of await malformed(make)) {
        await using(async (env) => {
          await start(env);
          checkAnswer(await answered(env, action), `call ${brief(action)}`);
        })();
      }
    },
    "an aborted step rejects with the signal's reason": using(async (env) => {
      if (slowAction === undefined) throw new Skip("no slowAction was given");
      await start(env);
      await mustAbort(env, slowAction);
    }),
    "a snapshot restores the state": using(async (env) => {
      if (env.snapshot === undefined || env.restore === undefined) {
        throw new Skip("it has no snapshot and restore");
      }
      const [before, after] = halves(actions);
      if (ended((await playOn(env, [await start(env)], before)).at(-1)!)) {
        throw new Skip("the first half of the actions ends the episode");
      }
      const snapshot = JSON.parse(JSON.stringify(await env.snapshot()));
      const a = await playOn(env, [], after);
      await env.restore(snapshot);
      const b = await playOn(env, [], after);
      mustAgree(a, b, "restoring a snapshot");
    }),
    "a fork stands at the same step and is independent": using(async (env) => {
      if (env.fork === undefined) throw new Skip("it has no fork");
      const [before, after] = halves(actions);
      if (ended((await playOn(env, [await start(env)], before)).at(-1)!)) {
        throw new Skip("the first half of the actions ends the episode");
      }
      await using copy = await env.fork();
      const a = await playOn(env, [], after);
      mustAgree(a, await playOn(copy, [], after), "a fork");
    }),
  }, limitMs);
}

function randomActions(env: Env): readonly Action[] {
  const prng = seeded(7n);
  return Array.from({ length: env.tools.length === 0 ? 0 : 12 }, () => {
    const tool = env.tools[below(prng, env.tools.length)]!;
    return { tool: tool.name, params: sampleParams(tool.parameters, prng) };
  });
}

function halves(actions: readonly Action[]): [readonly Action[], readonly Action[]] {
  const middle = Math.floor(actions.length / 2);
  return [actions.slice(0, middle), actions.slice(middle)];
}

async function playOn(env: Env, played: TimeStep[], actions: readonly Action[]): Promise<TimeStep[]> {
  for (const action of actions) {
    const last = played.at(-1);
    if (last !== undefined && ended(last)) break;
    played.push(await env.step(action));
  }
  return played;
}

function ended({ terminated, truncated }: TimeStep): boolean {
  return terminated || truncated;
}

/** What must not depend on anything but seed, task and actions. Durations do. */
function essence({ observation, reward, terminated, truncated, info }: TimeStep): unknown {
  return [observation, reward, terminated, truncated, info.success ?? null, info.score ?? null];
}

function mustAgree(a: readonly TimeStep[], b: readonly TimeStep[], what: string): void {
  must(a.length === b.length, `${what} gives ${b.length} time steps: wanted ${a.length}`);
  a.forEach((came, at) =>
    must(
      same(essence(came), essence(b[at]!)),
      `${what} differs at time step ${at}: wanted ${brief(essence(came))}: received ${
        brief(essence(b[at]!))
      }`,
    )
  );
}

/** Checks the shape of a time step. */
export function checkTimeStep(came: TimeStep, what: string): void {
  must(typeof came?.observation === "string", `${what}: observation: wanted a text: received ${brief(came)}`);
  must(
    Number.isFinite(came.reward),
    `${what}: reward: wanted a finite number: received ${brief(came.reward)}`,
  );
  must(
    typeof came.terminated === "boolean",
    `${what}: terminated: wanted a boolean: received ${brief(came.terminated)}`,
  );
  must(
    typeof came.truncated === "boolean",
    `${what}: truncated: wanted a boolean: received ${brief(came.truncated)}`,
  );
  must(
    typeof came.info === "object" && came.info !== null,
    `${what}: info: wanted an object: received ${brief(came.info)}`,
  );
  const { success, score } = came.info;
  must(
    success === undefined || success === null || typeof success === "boolean",
    `${what}: info.success: received ${brief(success)}`,
  );
  must(
    score === undefined || (score >= 0 && score <= 1),
    `${what}: info.score: wanted 0 to 1: received ${brief(score)}`,
  );
}

function checkTools(env: Env): void {
  const names = env.tools.map(({ name }) => name);
  must(new Set(names).size === names.length, `a name occurs twice: ${names.join(", ")}`);
  for (const { name, description, parameters } of env.tools) {
    must(
      typeof description === "string" && description.trim() !== "",
      `tool ${brief(name)} has no description`,
    );
    must(
      parameters["type"] === "object",
      `tool ${brief(name)}: wanted parameters of type object: received ${brief(parameters)}`,
    );
    const properties = (parameters["properties"] ?? {}) as Record<string, unknown>;
    for (const field of (parameters["required"] ?? []) as string[]) {
      must(field in properties, `tool ${brief(name)} requires ${brief(field)}, which has no schema`);
    }
  }
}

async function malformed(make: () => Awaitable<Env>): Promise<Action[]> {
  await using env = await make();
  const wrong = { "": [null], path: 7, command: { a: 1 } };
  return [
    ...env.tools.flatMap(({ name, parameters }): Action[] => {
      const required = (parameters["required"] ?? []) as string[];
      const badly = Object.fromEntries(required.map((field) => [field, { not: ["what", "was", "wanted"] }]));
      return required.length === 0 ? [] : [{ tool: name, params: {} }, { tool: name, params: badly }];
    }),
    ...env.tools.slice(0, 1).map(({ name }): Action => ({ tool: name, params: wrong })),
    ...env.tools.slice(0, 1).map(({ name }): Action => ({ tool: name, params: {}, raw: '{"path": ' })),
  ];
}

async function answered(env: Env, action: Action): Promise<TimeStep> {
  try {
    return await env.step(action);
  } catch (thrown) {
    throw new Error(`wanted an observation: received an exception: ${String(thrown)}`);
  }
}

function checkAnswer(came: TimeStep, what: string): void {
  checkTimeStep(came, what);
  must(came.observation !== "", `${what}: wanted an observation that says so: received an empty one`);
}

async function mustRefuse(call: () => Awaitable<unknown>, what: string): Promise<void> {
  try {
    await call();
  } catch (thrown) {
    must(
      hasCode(thrown, "ENV_STATE"),
      `${what}: wanted an error with code ENV_STATE: received ${String(thrown)}`,
    );
    return;
  }
  throw new Error(`${what} was accepted: wanted an error with code ENV_STATE`);
}

async function mustAbort(env: Env, action: Action): Promise<void> {
  const controller = new AbortController();
  const reason = new Error("the caller's own reason");
  const step = Promise.resolve(env.step(action, { signal: controller.signal }));
  setTimeout(() => controller.abort(reason), 20);
  try {
    await step;
  } catch (thrown) {
    must(thrown === reason, `wanted the signal's reason: received ${String(thrown)}`);
    return;
  }
  throw new Error("the step came to an end although it was aborted");
}
