/**
 * The engine of puzzles: an episode is an instance, which never changes, and a state, both plain data; rules say what
 * a call does to the state. So an episode can be saved, forked and played again from its task.
 *
 * What a policy earns beside right answers stays within 0.3 of zero over an episode, so that no shaping outweighs an
 * answer. A call that was not understood costs 0.1, changes nothing and counts as a step; three in a row end the episode.
 *
 * @module
 */
import { z } from "zod";
import {
  type Env,
  env,
  type ResetOptions,
  type StepInfo,
  type StepOptions,
  type TimeStep,
} from "../../core/env.ts";
import { GymError } from "../../core/errors.ts";
import type { Contribution } from "../../core/kind.ts";
import { deriveSeed, seeded, type SeededPrng } from "../../core/prng.ts";
import { describeIssues, type Json } from "../../core/schema.ts";
import type { Action, EnvSpec, Task, ToolDefinition } from "../../core/trajectory.ts";
import { type Call, readCall, toolsOf, type Verb } from "./call.ts";

/** Options that every puzzle has. */
export interface PuzzleOptions {
  /** Texts of a few dozen characters and no tools: for small models that act by text. @default false */
  readonly compact?: boolean | undefined;
  /** Steps after which the episode is truncated. @default as many as a careful agent needs, and some */
  readonly maxSteps?: number | undefined;
}

/** Fields of the schema of {@linkcode PuzzleOptions}. */
export const puzzleFields: {
  compact: z.ZodDefault<z.ZodBoolean>;
  maxSteps: z.ZodOptional<z.ZodInt>;
} = {
  compact: z.boolean().default(false).describe("Texts of a few dozen characters and no tools"),
  maxSteps: z.int().min(1).max(10_000).optional().describe("Steps after which an episode is truncated"),
};

/** Parsed {@linkcode PuzzleOptions}. */
export interface PuzzleSettings {
  /** Whether the compact form is shown. */
  readonly compact: boolean;
  /** Step limit, or undefined for that of the instance. */
  readonly maxSteps?: number | undefined;
}

/** What a call did. */
export interface Move {
  /** What is said about it; may be empty. */
  readonly note: string;
  /** Earned by being right or wrong. */
  readonly earned?: number;
  /** Small rewards on the way by name; the engine keeps their sum within bounds. */
  readonly shaping?: Readonly<Record<string, number>>;
  /** Set when the call made no sense here; the state must then be as before. */
  readonly invalid?: string;
  /** Set when the task is over. */
  readonly end?: {
    readonly success: boolean;
    /** Partial credit in [0, 1]. */
    readonly score: number;
    /** Why: `answered`, `solved` … */
    readonly reason: string;
  };
}

/** What an instance is made from. */
export interface Making<O> {
  /** Parsed options. */
  readonly options: O;
  /** Randomness of this instance. */
  readonly prng: SeededPrng;
  /** Task of the reset, if it brought one. */
  readonly task: Task | undefined;
  /** What the episode before left behind, for rules that carry something over. */
  readonly carried: Json;
}

/** Rules of one puzzle. `O` are parsed options, `I` is an instance, `S` its state; both survive `JSON.stringify`. */
export interface Rules<O extends PuzzleSettings, I extends object, S extends object> {
  /** Id of the environment. */
  readonly id: string;
  /** One sentence for lists. */
  readonly description: string;
  /** What may be said. */
  verbs(options: O): readonly Verb[];
  /** Verb of a text that names none, in the compact form or where there is one verb only. */
  readonly bare: string;
  /** Schema of an instance, for tasks that bring one as `puzzle`. */
  readonly instance: z.ZodType<I>;
  /** Makes an instance that can be solved. */
  make(making: Making<O>): I;
  /** The state at the start. */
  start(instance: I): S;
  /** Steps a careful agent needs, and some. */
  maxSteps(instance: I): number;
  /** How hard it is, in [0, 1]; left out by puzzles that have no such scale. */
  difficulty?(instance: I): number;
  /** What the agent sees of the state. */
  show(instance: I, state: S, compact: boolean): string;
  /** Does a call; changes `state`. `steps` were done before, of `limit`. */
  act(call: Call, instance: I, state: S, at: { steps: number; limit: number; compact: boolean }): Move;
  /** Reward and partial credit of an episode that we end. */
  unfinished(instance: I, state: S): { readonly earned: number; readonly score: number };
  /** What the next episode of the same environment gets. */
  carry?(instance: I, state: S): Json;
}

const SHAPING = 0.3;
const INVALID = -0.1;
const INVALID_IN_A_ROW = 3;

/** Declares a puzzle as an environment. */
export function puzzle<P extends PuzzleOptions, O extends PuzzleSettings, I extends object, S extends object>(
  rules: Rules<O, I, S>,
  options: z.ZodType<O, P>,
): Contribution<Env, P> {
  return env(rules.id, {
    description: rules.description,
    options,
    create: (settings: O) => new PuzzleEnv(rules, settings),
  });
}

interface Episode<I, S> {
  readonly task: Task;
  readonly seed: string;
  readonly instance: I;
  readonly state: S;
  steps: number;
  invalidRun: number;
  shaped: number;
  ended: boolean;
}

class PuzzleEnv<O extends PuzzleSettings, I extends object, S extends object> implements Env {
  readonly spec: EnvSpec;
  readonly domain: string = "generic";
  readonly tools: readonly ToolDefinition[];
  readonly #rules: Rules<O, I, S>;
  readonly #settings: O;
  readonly #verbs: readonly Verb[];
  #episode: Episode<I, S> | null = null;
  #disposed = false;

  constructor(rules: Rules<O, I, S>, settings: O) {
    this.#rules = rules;
    this.#settings = settings;
    this.#verbs = rules.verbs(settings);
    this.tools = settings.compact ? [] : toolsOf(this.#verbs);
    // Sound: options that were parsed are data.
    this.spec = { id: rules.id, options: JSON.parse(JSON.stringify(settings)) as Json, wrappers: [] };
  }

  reset({ seed = 0n, task, signal }: ResetOptions = {}): TimeStep {
    signal?.throwIfAborted();
    if (this.#disposed) this.#refuse("reset");
    const rules = this.#rules;
    const before = this.#episode;
    const carried = before === null ? null : rules.carry?.(before.instance, before.state) ?? null;
    const instance = this.#instance(seed, task, carried);
    const state = rules.start(instance);
    const chosen = this.#task(task, instance, state);
    this.#episode = {
      task: chosen,
      seed: String(seed),
      instance,
      state,
      steps: 0,
      invalidRun: 0,
      shaped: 0,
      ended: false,
    };
    const observation = this.#observe(this.#episode, "");
    const info = { ...this.#facts(this.#episode), task: chosen };
    return { observation, reward: 0, terminated: false, truncated: false, info };
  }

  step(action: Action, { signal }: StepOptions = {}): TimeStep {
    const episode = this.#running("step");
    signal?.throwIfAborted();
    const { instance, state } = episode;
    const { compact } = this.#settings;
    const call = readCall(action, this.#verbs, this.#bare());
    const limit = this.#limit(instance);
    const move: Move = "code" in call
      ? { note: call.problem, invalid: call.code }
      : this.#rules.act(call, instance, state, { steps: episode.steps, limit, compact });
    episode.steps++;
    episode.invalidRun = move.invalid === undefined ? 0 : episode.invalidRun + 1;
    return this.#answer(episode, move, "code" in call ? undefined : call.text);
  }

  snapshot(): Json {
    // Sound: an episode is plain data by the contract of rules.
    return { env: this.#rules.id, ...structuredClone(this.#used("take a snapshot of")) } as unknown as Json;
  }

  restore(snapshot: Json): void {
    if (this.#disposed) this.#refuse("restore");
    const { env: id, ...episode } = structuredClone(snapshot) as unknown as Episode<I, S> & { env: string };
    const parsed = this.#rules.instance.safeParse(episode.instance);
    if (id !== this.#rules.id || !parsed.success || typeof episode.state !== "object") {
      throw new GymError(
        "INVALID_DATA",
        `Cannot restore env "${this.#rules.id}": wanted a snapshot of this environment`,
        { id: this.#rules.id },
      );
    }
    this.#episode = episode;
  }

  fork(): Env {
    const copy = new PuzzleEnv(this.#rules, this.#settings);
    copy.#episode = structuredClone(this.#used("fork"));
    return copy;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    return Promise.resolve();
  }

  #instance(seed: bigint, task: Task | undefined, carried: Json): I {
    const given = task?.["puzzle"];
    if (given === undefined) {
      const prng = seeded(deriveSeed(seed, this.#rules.id));
      return this.#rules.make({ options: this.#settings, prng, task, carried });
    }
    const parsed = this.#rules.instance.safeParse(given);
    if (parsed.success) return structuredClone(parsed.data);
    const issues = describeIssues(parsed.error.issues, given);
    throw new GymError(
      "INVALID_DATA",
      `Cannot use puzzle of task "${task!.id}" for env "${this.#rules.id}": ${issues.join("; ")}`,
      { task: task!.id, issues },
    );
  }

  /** The task that plays this instance again, whatever the seed. Equal instances have equal ids. */
  #task(given: Task | undefined, instance: I, state: S): Task {
    if (given?.["puzzle"] !== undefined) return given;
    const { compact } = this.#settings;
    const data = JSON.parse(JSON.stringify(instance)) as Json;
    const prefix = given?.id || this.#rules.id.replace(/^.*\/|-v\d+$/g, "");
    const shown = this.#rules.show(instance, state, compact);
    return {
      ...given,
      id: `${prefix}-${deriveSeed(0n, JSON.stringify(data)).toString(36)}`,
      description: compact || !given?.description ? shown : `${given.description.trim()}\n${shown}`,
      puzzle: data,
    };
  }

  #answer(episode: Episode<I, S>, move: Move, submission: string | undefined): TimeStep {
    const { instance, state, steps } = episode;
    const terminated = move.end !== undefined;
    const stuck = episode.invalidRun >= INVALID_IN_A_ROW;
    const truncated = !terminated && (stuck || steps >= this.#limit(instance));
    const shaping = { ...(move.invalid === undefined ? {} : { invalid: INVALID }), ...move.shaping };
    const shaped = within(episode.shaped + total(shaping), SHAPING) - episode.shaped;
    episode.shaped += shaped;
    episode.ended = terminated || truncated;
    const cut = truncated ? this.#rules.unfinished(instance, state) : null;
    const answer = (move.earned ?? 0) + (cut?.earned ?? 0);
    const end: StepInfo = move.end ?? (cut === null ? {} : {
      success: false,
      score: cut.score,
      reason: stuck ? "invalid_actions" : "max_steps",
    });
    return {
      observation: this.#observe(episode, this.#note(move)),
      reward: Number((answer + shaped).toFixed(9)), // sums of 0.02 would show their binary tails
      terminated,
      truncated,
      info: {
        ...this.#facts(episode),
        rewardComponents: { answer, ...shaping },
        ...end,
        ...(terminated && submission !== undefined ? { submission } : {}),
        ...(move.invalid === undefined ? {} : { invalid: true, result: { error: move.note } }),
      },
    };
  }

  #note({ note, invalid }: Move): string {
    if (invalid === undefined) return note;
    if (this.#settings.compact) return `ERROR ${invalid}`;
    const allowed = this.#verbs.map(({ name, param }) => `${name.toUpperCase()} <${param}>`);
    return `ERROR ${invalid}: ${note}. Allowed: ${allowed.join(", ")}`;
  }

  /** What the agent sees: what its call did, then where it stands. */
  #observe(episode: Episode<I, S>, note: string): string {
    const { instance, state, steps, task, ended } = episode;
    if (ended) return note;
    const { compact } = this.#settings;
    const standing = this.#rules.show(instance, state, compact);
    if (compact) return [note, standing].filter((line) => line !== "").join("\n");
    const shown = steps > 0
      ? standing
      : task.description.includes(standing)
      ? task.description
      : `${task.description}\n${standing}`.trim();
    const level = this.#rules.difficulty?.(instance);
    const name = this.#rules.id.replace(/^.*\//, "").replace(/-v\d+$/, "");
    const hard = level === undefined ? "" : ` difficulty ${level.toFixed(2)}`;
    const actions = this.#verbs.map(({ name, param }) => `${name.toUpperCase()} <${param}>`);
    const lines = [`[${name}] step ${steps}/${this.#limit(instance)}${hard}`, note, shown];
    return [...lines.filter((line) => line !== ""), `Actions: ${actions.join(" | ")}`].join("\n");
  }

  #facts({ instance, steps, task, seed }: Episode<I, S>): StepInfo {
    const difficulty = this.#rules.difficulty?.(instance);
    const level = difficulty === undefined ? {} : { difficulty };
    return { step: steps, maxSteps: this.#limit(instance), taskId: task.id, seed, ...level };
  }

  #bare(): string | null {
    return this.#settings.compact || this.#verbs.length === 1 ? this.#rules.bare : null;
  }

  #limit(instance: I): number {
    return this.#settings.maxSteps ?? this.#rules.maxSteps(instance);
  }

  #used(act: string): Episode<I, S> {
    if (this.#disposed || this.#episode === null) this.#refuse(act);
    return this.#episode;
  }

  #running(act: string): Episode<I, S> {
    const episode = this.#used(act);
    if (episode.ended) this.#refuse(act);
    return episode;
  }

  #refuse(act: string): never {
    const { id } = this.#rules;
    const why = this.#disposed
      ? "it was disposed"
      : this.#episode === null
      ? "it was not reset yet"
      : "the episode has ended; reset first";
    throw new GymError("ENV_STATE", `Cannot ${act} env "${id}": ${why}`, { id });
  }
}

function total(values: Readonly<Record<string, number>>): number {
  return Object.values(values).reduce((sum, value) => sum + value, 0);
}

function within(value: number, bound: number): number {
  return Math.max(-bound, Math.min(bound, value));
}
