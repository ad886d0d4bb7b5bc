/**
 * One episode: environment × policy → trajectory. The only loop that steps an environment in this library.
 *
 * It never throws for a failing environment or policy: the failure is in the record, with who caused it, and every
 * step that was finished is kept. Same environment, policy, task and seed, same record up to times.
 *
 * Several calls of one decision are several steps with one `turn`. They end with the episode: what is left of them is not
 * carried out, and the last step says how many those were.
 *
 * @module
 */
import { abortable } from "./abortable.ts";
import type { Awaitable, Env, ResetOptions, TimeStep } from "./env.ts";
import { hasCode, messageOf } from "./errors.ts";
import type { Decision, Policy } from "./policy.ts";
import { jsonProblem } from "./json_problem.ts";
import { deriveSeed, seeded } from "./prng.ts";
import { type Ending, EpisodeRecorder, type Said } from "./recording.ts";
import type { Json } from "./schema.ts";
import type { Action, Task, Trajectory } from "./trajectory.ts";

/** What {@linkcode rollout} takes beside environment and policy. */
export interface RolloutOptions {
  /** The only source of randomness. The policy's stream is derived from it. @default 0n */
  readonly seed?: bigint;
  /** Seed of the policy's stream, for several episodes of one task. @default derived from `seed` */
  readonly policySeed?: bigint;
  /** The task. Left out, the environment chooses one from the seed. */
  readonly task?: Task;
  /** Steps after which the episode is truncated with reason `max_steps`. @default no limit */
  readonly maxSteps?: number;
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
  /** Aborting ends the episode: truncated, reason `interrupted`, finished steps kept. */
  readonly signal?: AbortSignal;
  /** Goes into the record as it is. @default {} */
  readonly metadata?: Readonly<Record<string, Json>>;
}

/**
 * Plays one episode and records it. Neither the environment nor the policy is disposed.
 *
 * A failure ends the episode with `truncated`, reason `error` and an `error` that names who threw. `success` is what
 * the environment says in `info.success`, and null when it says nothing.
 */
export async function rollout(env: Env, policy: Policy, options: RolloutOptions = {}): Promise<Trajectory> {
  const recorder = new EpisodeRecorder({
    agent: policy.name,
    model: policy.model,
    ...(options.now === undefined ? {} : { now: options.now }),
    ...(options.metadata === undefined ? {} : { metadata: options.metadata }),
  });
  return recorder.finish(await play(env, policy, recorder, options));
}

/** Plays to the end. Undefined when the last time step says why it ended. */
async function play(
  env: Env,
  policy: Policy,
  recorder: EpisodeRecorder,
  { seed = 0n, policySeed = deriveSeed(seed, "policy"), task, maxSteps = Infinity, signal }: RolloutOptions,
): Promise<Ending | undefined> {
  const optionalSignal = signal === undefined ? {} : { signal };
  const resetOptions: ResetOptions = { seed, ...(task === undefined ? {} : { task }), ...optionalSignal };
  const startedAt = recorder.now();
  recorder.reset(env, null, resetOptions, startedAt);
  try {
    let came = await byEnv(env, "reset", signal, () => env.reset(resetOptions));
    recorder.reset(env, came, resetOptions, startedAt);
    const known = {
      task: recorder.task,
      tools: env.tools,
      resetObservation: came.observation,
      prng: seeded(policySeed),
      ...optionalSignal,
    };
    await byPolicy(policy, "reset", signal, () => policy.reset?.(known));
    for (let turn = 0; !came.terminated && !came.truncated; turn++) {
      if (recorder.history.length >= maxSteps) return { reason: "max_steps" };
      const view = { ...known, observation: came.observation, history: recorder.history };
      const decision = await byPolicy(policy, "act", signal, async () => checked(await policy.act(view)));
      came = await carryOut(env, decision, turn, recorder, maxSteps, signal);
    }
    return undefined;
  } catch (thrown) {
    if (thrown instanceof Interruption) return { reason: "interrupted" };
    return { reason: "error", error: messageOf(thrown) };
  }
}

/** Steps the environment for each call of a decision, until the episode ends. */
async function carryOut(
  env: Env,
  decision: Decision,
  turn: number,
  recorder: EpisodeRecorder,
  maxSteps: number,
  signal: AbortSignal | undefined,
): Promise<TimeStep> {
  const calls = callsOf(decision);
  const optionalSignal = signal === undefined ? {} : { signal };
  const perform = async (action: Action, said: Said): Promise<TimeStep> => {
    const calledAt = recorder.now();
    const came = await byEnv(env, "step", signal, () => env.step(action, optionalSignal));
    recorder.step(action, came, calledAt, said);
    return came;
  };
  let came = await perform(decision.action, calls.length === 1 ? decision : { ...decision, turn });
  let played = 1;
  try {
    while (played < calls.length && !came.terminated && !came.truncated) {
      if (recorder.history.length >= maxSteps) break;
      came = await perform(calls[played]!, { turn });
      played++;
    }
  } finally {
    if (played < calls.length) recorder.note({ unplayed: calls.length - played });
  }
  return came;
}

function callsOf({ action, more = [] }: Decision): readonly Action[] {
  return [action, ...more];
}

class Interruption extends Error {}

async function attributed<T>(
  what: string,
  signal: AbortSignal | undefined,
  call: () => Awaitable<T>,
): Promise<T> {
  if (signal?.aborted) throw new Interruption();
  try {
    return await abortable(call(), signal);
  } catch (thrown) {
    if (signal?.aborted) throw new Interruption();
    if (hasCode(thrown, "PLUGIN_FAILED")) throw thrown; // it already says who
    throw new Error(`Cannot ${what}: ${messageOf(thrown)}`, { cause: thrown });
  }
}

function byEnv(
  env: Env,
  method: string,
  signal: AbortSignal | undefined,
  call: () => Awaitable<TimeStep>,
): Promise<TimeStep> {
  return attributed(`${method} env "${env.spec.id}"`, signal, () => {
    const came = call();
    return came instanceof Promise ? came.then(wellFormed) : wellFormed(came);
  });
}

function byPolicy<T>(
  policy: Policy,
  method: string,
  signal: AbortSignal | undefined,
  call: () => Awaitable<T>,
): Promise<T> {
  return attributed(`${method} policy "${policy.name}"`, signal, call);
}

function wellFormed(came: TimeStep): TimeStep {
  if (
    typeof came?.observation === "string" && Number.isFinite(came.reward) &&
    typeof came.terminated === "boolean" && typeof came.truncated === "boolean" &&
    typeof came.info === "object" && came.info !== null
  ) return came;
  throw new TypeError(
    `wanted a time step with a text, a finite reward, two booleans and info: received ${shown(came)}`,
  );
}

/** Levels of an action or of what is noted beside it; the record puts a few more around them. */
const MAX_DEPTH = 150;

/** A record must be able to hold the decision. */
function checked(decision: Decision): Decision {
  const { more = [], extra = {} } = decision ?? {};
  if (!Array.isArray(more)) {
    throw new TypeError(`wanted a list of further actions: received ${shown(more)}`);
  }
  for (const action of [decision?.action, ...more]) {
    if (!isAction(action)) {
      throw new TypeError(`wanted an action with a tool and params: received ${shown(decision)}`);
    }
    const problem = jsonProblem({ action, extra }, MAX_DEPTH);
    if (problem !== null) throw new TypeError(`wanted an action that is JSON: ${problem}`);
  }
  return decision;
}

function isAction(action: Action | null | undefined): boolean {
  const { tool, params } = action ?? {};
  return typeof tool === "string" && typeof params === "object" && params !== null && !Array.isArray(params);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value, (_, field) => typeof field === "number" ? String(field) : field) ??
    typeof value;
  return text.length <= 120 ? text : `${text.slice(0, 117)}...`;
}
