/**
 * Recording: what an environment and an agent did → one {@linkcode Trajectory}.
 *
 * A step costs one small object: the recorder keeps references to the action and the time step, and makes records,
 * time stamps and the id when somebody asks for them. Nobody may change what was handed in.
 *
 * @module
 */
import type { Env, ResetOptions, TimeStep } from "./env.ts";
import type { Json } from "./schema.ts";
import {
  type Action,
  type EpisodeEnv,
  type Outcome,
  type Score,
  type Step,
  type StepTokens,
  type Task,
  type ToolDefinition,
  type Trajectory,
  TRAJECTORY_SCHEMA,
  type Usage,
} from "./trajectory.ts";
import { withId } from "./trajectory_id.ts";

/** What {@linkcode EpisodeRecorder} takes. */
export interface RecorderOptions {
  /** Name of what acts. */
  readonly agent: string;
  /** Model behind it, or null. @default null */
  readonly model?: string | null;
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
  /** Goes into the record as it is. @default {} */
  readonly metadata?: Readonly<Record<string, Json>>;
}

/** What the agent said beside the action. */
export interface Said {
  /** Text before the call. */
  readonly thought?: string;
  /** Tokens of the model call. */
  readonly tokens?: StepTokens;
  /** What else it has to say of this step. */
  readonly extra?: Readonly<Record<string, Json>>;
  /** Number of the turn, which parallel calls share. Left out, the step is a turn of its own. */
  readonly turn?: number;
}

/** Why an episode ended when no time step says so. The record is then `truncated`. */
export interface Ending {
  /** One word or two: `error`, `interrupted`, `max_steps` … */
  readonly reason: string;
  /** Message of the error that ended it. */
  readonly error?: string;
}

/** An episode that is still going on, as data; see {@linkcode EpisodeRecorder.state}. */
export interface RecordingState {
  /** Task of the episode. */
  readonly task: Task;
  /** Environment with wrappers and seed. */
  readonly env: EpisodeEnv;
  /** Name of the domain profile. */
  readonly domain: string;
  /** Tools the agent was offered. */
  readonly tools: readonly ToolDefinition[];
  /** What reset showed. */
  readonly observation: string;
  /** When the episode started, in milliseconds since 1970. */
  readonly startedAt: number;
  /** Steps so far. */
  readonly steps: readonly Step[];
}

interface RawStep {
  readonly action: Action;
  readonly came: TimeStep;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly said: Said | undefined;
}

type Opening = Omit<RecordingState, "steps">;

const nothingYet: TimeStep = { observation: "", reward: 0, terminated: false, truncated: false, info: {} };

/** Records episodes, one after another. */
export class EpisodeRecorder {
  readonly #agent: string;
  readonly #model: string | null;
  readonly #metadata: Readonly<Record<string, Json>>;
  /** The clock, for callers that time a call before handing it to {@linkcode step}. */
  readonly now: () => number;
  #opening: Opening | null = null;
  #steps: Step[] = [];
  #raw: RawStep[] = [];
  #last: TimeStep = nothingYet;

  /** Starts with no episode. */
  constructor({ agent, model = null, now = Date.now, metadata = {} }: RecorderOptions) {
    this.#agent = agent;
    this.#model = model;
    this.now = now;
    this.#metadata = metadata;
  }

  /** Whether an episode was started and not finished. */
  get open(): boolean {
    return this.#opening !== null;
  }

  /** Steps of the episode so far. The array grows with the episode. */
  get history(): readonly Step[] {
    this.#settle();
    return this.#steps;
  }

  /** Task of the episode: the one that reset chose, else the one it was given, else an empty one. */
  get task(): Task {
    return this.#opening?.task ?? { id: "", description: "" };
  }

  /**
   * Starts an episode and forgets the one before.
   *
   * @param first What reset returned; null when it threw.
   * @param startedAt When reset was called, by {@linkcode now}.
   */
  reset(
    env: Pick<Env, "spec" | "domain" | "tools">,
    first: TimeStep | null,
    options: ResetOptions,
    startedAt: number,
  ): void {
    this.#last = first ?? nothingYet;
    this.#opening = {
      task: first?.info.task ?? options.task ?? { id: "", description: "" },
      env: { ...env.spec, seed: String(options.seed ?? 0n) },
      domain: env.domain,
      tools: env.tools,
      observation: this.#last.observation,
      startedAt,
    };
    this.#steps = [];
    this.#raw = [];
  }

  /** Adds a step. @param startedAt When the step was called, by {@linkcode now}. */
  step(action: Action, came: TimeStep, startedAt: number, said?: Said): void {
    this.#raw.push({ action, came, startedAt, endedAt: this.now(), said });
    this.#last = came;
  }

  /** Adds to what the last step says in `extra`. Without a step it does nothing. */
  note(extra: Readonly<Record<string, Json>>): void {
    this.#settle();
    const last = this.#steps.pop();
    if (last !== undefined) this.#steps.push({ ...last, extra: { ...last.extra, ...extra } });
  }

  /**
   * Ends the episode and gives its record.
   *
   * @param ending Why it ended, when the last time step does not say so.
   * @throws {TypeError} When no episode is open.
   */
  finish(ending?: Ending): Trajectory {
    const opening = this.#opened();
    const steps = Object.freeze([...this.history]);
    this.#opening = null;
    return withId({
      schema: TRAJECTORY_SCHEMA,
      task: opening.task,
      env: opening.env,
      domain: opening.domain,
      agent: this.#agent,
      model: this.#model,
      system: null,
      tools: opening.tools,
      reset: { observation: opening.observation, timestamp: isoTime(opening.startedAt) },
      steps,
      outcome: outcomeOf(this.#last, ending),
      scores: [],
      reward: null,
      usage: usageOf(steps, this.now() - opening.startedAt),
      metadata: this.#metadata,
    });
  }

  /** The open episode as data, from which {@linkcode resume} goes on. @throws {TypeError} When none is open. */
  state(): RecordingState {
    return { ...this.#opened(), steps: [...this.history] };
  }

  /** Goes on with an episode that was taken with {@linkcode state}. */
  resume({ steps, ...opening }: RecordingState): void {
    this.#opening = opening;
    this.#steps = [...steps];
    this.#raw = [];
    this.#last = nothingYet;
  }

  #opened(): Opening {
    if (this.#opening === null) {
      throw new TypeError("Cannot finish a recording: wanted an episode that was started: received none");
    }
    return this.#opening;
  }

  #settle(): void {
    for (const raw of this.#raw) this.#steps.push(stepOf(raw, this.#steps.length));
    this.#raw.length = 0;
  }
}

function stepOf({ action, came, startedAt, endedAt, said }: RawStep, index: number): Step {
  const { result = {}, invalid } = came.info;
  const scores = came.info["scores"];
  return {
    index,
    thought: said?.thought ?? "",
    action,
    result: {
      output: result.output ?? came.observation,
      exitCode: result.exitCode ?? null,
      error: result.error ?? null,
      durationMs: result.durationMs ?? endedAt - startedAt,
      truncated: result.truncated ?? false,
    },
    reward: came.reward,
    // Sound by convention of `StepInfo`: whoever scores a step inside the environment leaves the scores there.
    scores: Array.isArray(scores) ? scores as readonly Score[] : [],
    timestamp: isoTime(startedAt),
    tokens: said?.tokens ?? null,
    ...(said?.turn === undefined ? {} : { turn: said.turn }),
    ...(invalid === true || said?.extra !== undefined
      ? { extra: { ...said?.extra, ...(invalid === true ? { invalid: true } : {}) } }
      : {}),
  };
}

function outcomeOf({ terminated, truncated, info }: TimeStep, ending: Ending | undefined): Outcome {
  const success = info.success ?? null;
  return {
    success,
    source: success === null ? null : info.successSource ?? "env",
    score: info.score ?? null,
    terminated,
    truncated: truncated || ending !== undefined,
    reason: ending?.reason ?? info.reason ?? null,
    testsPassed: info.testsPassed ?? null,
    testsFailed: info.testsFailed ?? null,
    submission: info.submission ?? null,
    error: ending?.error ?? null,
  };
}

function usageOf(steps: readonly Step[], durationMs: number): Usage {
  const costs = steps.map(({ extra }) => extra?.["costUsd"]).filter((cost) => typeof cost === "number");
  const total = (count: (tokens: StepTokens) => number | null | undefined): number | null => {
    let sum: number | null = null;
    for (const { tokens } of steps) {
      const value = tokens === null ? null : count(tokens);
      if (value !== null && value !== undefined) sum = (sum ?? 0) + value;
    }
    return sum;
  };
  return {
    promptTokens: total((tokens) => tokens.promptTokens ?? tokens.promptIds?.length),
    completionTokens: total((tokens) => tokens.completionTokens ?? tokens.completionIds?.length),
    costUsd: costs.length === 0 ? null : costs.reduce((sum, cost) => sum + cost, 0),
    durationMs,
  };
}

let lastMs = NaN;
let lastText = "";

/** Steps come in bursts within one millisecond, and formatting is the dearest part of a record. */
function isoTime(ms: number): string {
  const whole = Math.floor(ms);
  if (whole !== lastMs) {
    lastText = new Date(whole).toISOString();
    lastMs = whole;
  }
  return lastText;
}
