/**
 * The sandbox: an agent calls tools in a workspace until it submits; a verifier decides.
 *
 * A workspace is given up only with the environment: every reset puts the runtime back to how it was made and writes
 * the task's files anew. Rewards are 0, and 1 for an end that the verifier accepts.
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
import { GymError, hasCode, messageOf } from "../../core/errors.ts";
import type { Kernel } from "../../core/kernel.ts";
import type { Contribution } from "../../core/kind.ts";
import { type Runtime, runtime, type WorkspaceSnapshot } from "../../core/runtime.ts";
import type { Json } from "../../core/schema.ts";
import type { Action, EnvSpec, Task, ToolDefinition } from "../../core/trajectory.ts";
import { describeReset } from "./describe.ts";
import { EMPTY_TASK, parseTask, type SandboxTask } from "./task.ts";
import { failed, findCall, type ToolOutcome } from "./tool.ts";
import { sandboxTools } from "./tools.ts";

const ID = "knowlyr/sandbox-v1";

/** Options of {@linkcode sandbox}. */
export interface SandboxOptions {
  /** Id of the runtime. @default "knowlyr/memory-bash-v1" */
  readonly runtime?: string | undefined;
  /** Options of the runtime. @default {} */
  readonly runtimeOptions?: Readonly<Record<string, unknown>> | undefined;
  /** Time one call of a tool has, in milliseconds. @default 30000 */
  readonly toolTimeoutMs?: number | undefined;
  /** Characters of an observation; more is cut out of the middle. @default 16000 */
  readonly maxObservationChars?: number | undefined;
  /** Name of the domain profile. @default "coding" */
  readonly domain?: string | undefined;
  /** Task of resets that bring none. */
  readonly task?: Task | undefined;
}

const options = z.strictObject({
  runtime: z.string().default("knowlyr/memory-bash-v1").describe("Id of the runtime"),
  runtimeOptions: z.record(z.string(), z.unknown()).default({}).describe("Options of the runtime"),
  toolTimeoutMs: z.int().min(1).default(30_000).describe("Time one call of a tool has, in milliseconds"),
  maxObservationChars: z.int().min(100).default(16_000).describe("Characters of an observation"),
  domain: z.string().default("coding").describe("Name of the domain profile"),
  task: z.custom<Task>((value) => typeof value === "object" && value !== null).optional()
    .describe("Task of resets that bring none"),
});

type Settings = z.output<typeof options>;

/** Tool calls in a workspace: files, shell, search, git, tests, submit. */
export const sandbox: Contribution<Env, SandboxOptions> = env(ID, {
  description: "Tool calls in a workspace of files with a shell; a verifier decides at submit",
  options,
  create: (settings, kernel) => new SandboxEnv(settings, kernel),
});

type Phase = "new" | "running" | "ended" | "disposed";

/** Why the environment cannot be used in a phase. */
const REFUSALS: Readonly<Record<Exclude<Phase, "running">, string>> = {
  new: "it was not reset yet",
  ended: "the episode has ended; reset first",
  disposed: "it was disposed",
};

class SandboxEnv implements Env {
  readonly spec: EnvSpec;
  readonly domain: string;
  readonly tools: readonly ToolDefinition[] = sandboxTools.map((tool) => tool.definition);
  readonly #settings: Settings;
  readonly #kernel: Kernel;
  #runtime: Runtime | null = null;
  #pristine: WorkspaceSnapshot | null = null;
  #phase: Phase = "new";
  #task: Task = EMPTY_TASK;
  #parsed: SandboxTask = parseTask(EMPTY_TASK);
  #step = 0;

  constructor(settings: Settings, kernel: Kernel) {
    this.#settings = settings;
    this.#kernel = kernel;
    this.domain = settings.domain;
    // Sound: options that were parsed are data.
    this.spec = { id: ID, options: JSON.parse(JSON.stringify(settings)) as Json, wrappers: [] };
  }

  async reset({ task = this.#settings.task ?? EMPTY_TASK, signal }: ResetOptions = {}): Promise<TimeStep> {
    if (this.#phase === "disposed") this.#refuse("reset");
    signal?.throwIfAborted();
    const parsed = parseTask(task);
    this.#phase = "new";
    const workspace = await this.#fresh();
    await this.#setUp(workspace, parsed, signal);
    this.#task = task;
    this.#parsed = parsed;
    this.#step = 0;
    this.#phase = "running";
    const observation = await describeReset(parsed, workspace, this.tools);
    const shown = cut(observation, this.#settings.maxObservationChars);
    return { observation: shown.text, reward: 0, terminated: false, truncated: false, info: { task } };
  }

  async step(action: Action, { signal }: StepOptions = {}): Promise<TimeStep> {
    const workspace = this.#use("step");
    signal?.throwIfAborted();
    const call = findCall(sandboxTools, action);
    if (typeof call === "string") {
      this.#step++;
      return this.#show(failed(call), { invalid: true });
    }
    const outcome = await call.run({
      runtime: workspace,
      task: this.#parsed,
      timeoutMs: this.#settings.toolTimeoutMs,
      step: this.#step,
      signal,
    }).catch((thrown: unknown) => {
      if (hasCode(thrown, "FILE_ACCESS")) return failed(messageOf(thrown));
      throw thrown;
    });
    this.#step++;
    if (outcome.ends === true) this.#phase = "ended";
    return this.#show(outcome, outcome.info ?? {});
  }

  async snapshot(): Promise<Json> {
    const workspace = this.#use("take a snapshot of", "ended");
    const phase = this.#phase;
    // Sound: a workspace snapshot is plain data by its contract.
    const files = await workspace.snapshot() as unknown as Json;
    return { env: ID, phase, step: this.#step, task: this.#task as unknown as Json, workspace: files };
  }

  async restore(snapshot: Json): Promise<void> {
    if (this.#phase === "disposed") this.#refuse("restore");
    const { phase, step, task, workspace } = parseSnapshot(snapshot);
    const parsed = parseTask(task);
    await (await this.#fresh()).restore(workspace);
    this.#task = task;
    this.#parsed = parsed;
    this.#step = step;
    this.#phase = phase;
  }

  async fork(): Promise<Env> {
    const workspace = this.#use("fork", "ended");
    const copy = new SandboxEnv(this.#settings, this.#kernel);
    copy.#runtime = await workspace.fork();
    copy.#pristine = this.#pristine;
    copy.#phase = this.#phase;
    copy.#task = this.#task;
    copy.#parsed = this.#parsed;
    copy.#step = this.#step;
    return copy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#phase = "disposed";
    const workspace = this.#runtime;
    this.#runtime = null;
    await workspace?.[Symbol.asyncDispose]();
  }

  /** The runtime as it was made: a new one the first time, afterwards put back. */
  async #fresh(): Promise<Runtime> {
    if (this.#runtime !== null && this.#pristine !== null) {
      await this.#runtime.restore(this.#pristine);
      return this.#runtime;
    }
    this.#runtime = await this.#kernel.make(runtime, this.#settings.runtime, this.#settings.runtimeOptions);
    this.#pristine = await this.#runtime.snapshot();
    return this.#runtime;
  }

  async #setUp(workspace: Runtime, task: SandboxTask, signal: AbortSignal | undefined): Promise<void> {
    for (const [path, text] of Object.entries(task.files)) await workspace.writeFile(path, text);
    const timeoutMs = this.#settings.toolTimeoutMs;
    for (const command of task.setup) {
      const result = await workspace.exec(command, {
        timeoutMs,
        ...(signal === undefined ? {} : { signal }),
      });
      if (result.exitCode === 0) continue;
      const stderr = result.stderr.trim();
      throw new GymError(
        "SETUP_FAILED",
        `Cannot set up task "${task.id}": wanted exit code 0 of \`${command}\`: received ${result.exitCode}: ${stderr}`,
        { task: task.id, command, exitCode: result.exitCode, stderr },
      );
    }
  }

  #show(outcome: ToolOutcome, info: StepInfo): TimeStep {
    const { text, truncated } = cut(outcome.observation, this.#settings.maxObservationChars);
    const { exitCode, error } = outcome;
    const result = { exitCode, error, truncated: truncated || outcome.truncated === true };
    return {
      observation: text,
      reward: info.success === true ? 1 : 0,
      terminated: this.#phase === "ended",
      truncated: false,
      info: { ...info, result },
    };
  }

  #use(act: string, also?: Phase): Runtime {
    if (this.#runtime === null || (this.#phase !== "running" && this.#phase !== also)) this.#refuse(act);
    return this.#runtime;
  }

  #refuse(act: string): never {
    const phase = this.#phase === "running" ? "new" : this.#phase;
    throw new GymError("ENV_STATE", `Cannot ${act} env "${ID}": ${REFUSALS[phase]}`, { id: ID, phase });
  }
}

const snapshotFields = z.object({
  env: z.literal(ID),
  phase: z.enum(["running", "ended"]),
  step: z.int().min(0),
  task: z.custom<Task>((value) => typeof value === "object" && value !== null),
  workspace: z.custom<WorkspaceSnapshot>((value) => typeof value === "object" && value !== null),
});

function parseSnapshot(snapshot: Json): z.output<typeof snapshotFields> {
  const parsed = snapshotFields.safeParse(snapshot);
  if (parsed.success) return parsed.data;
  throw new GymError("INVALID_DATA", `Cannot restore env "${ID}": wanted a snapshot of this environment`, {
    id: ID,
  });
}

function cut(text: string, max: number): { text: string; truncated: boolean } {
  if (text.length <= max) return { text, truncated: false };
  const kept = Math.floor((max - 50) / 2); // 50 for the line in the middle
  const head = text.slice(0, kept).toWellFormed();
  const tail = text.slice(-kept).toWellFormed();
  return { text: `${head}\n[${text.length - 2 * kept} characters left out]\n${tail}`, truncated: true };
}
