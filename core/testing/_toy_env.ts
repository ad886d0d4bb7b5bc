/** A small correct environment for tests, and ways to break it. */
import type { Env, ResetOptions, StepOptions, TimeStep } from "../env.ts";
import { GymError } from "../errors.ts";
import { below, restorePrng, seeded, type SeededPrng } from "../prng.ts";
import type { Json } from "../schema.ts";
import type { Action, EnvSpec, Task, ToolDefinition } from "../trajectory.ts";

/** Rolls dice; `wait` lasts until it is aborted; `stop` ends. */
export class ToyEnv implements Env {
  readonly spec: EnvSpec = { id: "testing/dice-v1", options: {}, wrappers: [] };
  readonly domain: string = "coding";
  readonly tools: readonly ToolDefinition[] = [
    {
      name: "roll",
      description: "Rolls a die",
      parameters: {
        type: "object",
        properties: { sides: { type: "integer", minimum: 2 } },
        required: ["sides"],
      },
    },
    { name: "stop", description: "Ends the episode", parameters: { type: "object", properties: {} } },
    { name: "wait", description: "Waits", parameters: { type: "object", properties: {} } },
  ];
  protected prng: SeededPrng | null = null;
  protected disposed = false;

  reset({ seed = 0n, task }: ResetOptions = {}): TimeStep | Promise<TimeStep> {
    this.prng = seeded(seed);
    return {
      observation: `Roll (${below(this.prng, 1000)})`,
      reward: 0,
      terminated: false,
      truncated: false,
      info: task ? { task } : {},
    };
  }

  step(action: Action, options: StepOptions = {}): TimeStep | Promise<TimeStep> {
    if (this.prng === null || this.disposed) {
      throw new GymError("ENV_STATE", "Cannot step the dice: wanted a running episode: received none");
    }
    return this.answer(action, this.prng, options);
  }

  protected answer(
    { tool, params }: Action,
    prng: SeededPrng,
    { signal }: StepOptions,
  ): TimeStep | Promise<TimeStep> {
    if (tool === "roll") return this.roll(params["sides"], prng);
    if (tool === "wait") return wait(signal);
    if (tool !== "stop") return say(`No tool "${tool}"`, { info: { invalid: true } });
    this.prng = null;
    return say("Stopped", { reward: 1, terminated: true });
  }

  protected roll(sides: unknown, prng: SeededPrng): TimeStep {
    return typeof sides === "number"
      ? say(`${1 + below(prng, sides)}`)
      : say("Bad sides", { info: { invalid: true } });
  }

  snapshot(): Json {
    return this.prng === null ? null : [...this.prng.state()];
  }

  restore(state: Json): void {
    this.prng = restorePrng(state as [number, number, number, number]);
  }

  fork(): Env | Promise<Env> {
    const copy = new ToyEnv();
    copy.restore(this.snapshot());
    return copy;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
    return Promise.resolve();
  }
}

/** A time step that goes on. */
export function say(observation: string, rest: Partial<TimeStep> = {}): TimeStep {
  return { observation, reward: 0, terminated: false, truncated: false, info: {}, ...rest };
}

/** Never ends by itself. */
export function wait(signal: AbortSignal | undefined): Promise<TimeStep> {
  return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
}

/** A task. */
export const toyTask: Task = { id: "toy", description: "Roll, then stop" };

/** A roll. */
export const roll: Action = { tool: "roll", params: { sides: 6 } };
/** The last call. */
export const stop: Action = { tool: "stop", params: {} };
/** Waits until aborted. */
export const idle: Action = { tool: "wait", params: {} };
