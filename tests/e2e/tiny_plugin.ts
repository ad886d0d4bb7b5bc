/** A plugin of small things for tests of the commands: an environment that counts, a policy that guesses. */
import { z } from "zod";
import { type Adapter, adapter } from "../../core/adapter.ts";
import { type Env, env, type ResetOptions, type TimeStep } from "../../core/env.ts";
import { type Exporter, exporter, type ExportRow } from "../../core/exporter.ts";
import { readJsonl } from "../../core/jsonl.ts";
import { definePlugin, type Plugin } from "../../core/plugin.ts";
import { type Policy, policy } from "../../core/policy.ts";
import { type Rubric, rubric } from "../../core/rubric.ts";
import { noOptions } from "../../core/schema.ts";
import { withId } from "../../core/trajectory_id.ts";
import {
  type Action,
  type Task,
  TRAJECTORY_SCHEMA,
  unknownOutcome,
  unknownUsage,
} from "../../core/trajectory.ts";

const envOptions = z.strictObject({
  target: z.int().default(3),
  /** Milliseconds a step takes, so that a test can interrupt it. */
  delayMs: z.int().default(0),
});

/** Ends when the sum of what was added reaches the target: exactly is success, beyond is failure. */
class CounterEnv implements Env {
  readonly spec;
  readonly domain = "generic";
  readonly tools = [{ name: "add", description: "Adds", parameters: { type: "object" } }];
  readonly #options: z.output<typeof envOptions>;
  #sum = 0;
  #task: Task = { id: "own", description: "Reach the target" };

  constructor(options: z.output<typeof envOptions>) {
    this.#options = options;
    this.spec = { id: "tiny/counter-v1", options, wrappers: [] };
  }

  reset({ task }: ResetOptions = {}): TimeStep {
    this.#sum = 0;
    this.#task = task ?? this.#task;
    return { observation: "0", reward: 0, terminated: false, truncated: false, info: { task: this.#task } };
  }

  async step(action: Action): Promise<TimeStep> {
    if (this.#options.delayMs > 0) await new Promise((done) => setTimeout(done, this.#options.delayMs));
    if (this.#task["broken"] === true) throw new Error("the counter is broken");
    this.#sum += Number(action.params["by"]);
    const terminated = this.#sum >= this.#options.target;
    const success = terminated ? { success: this.#sum === this.#options.target } : {};
    return { observation: String(this.#sum), reward: 0, terminated, truncated: false, info: success };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const guesser = (): Policy => ({
  name: "guesser",
  model: null,
  act: ({ prng }) => ({ action: { tool: "add", params: { by: prng() < 0.5 ? 1 : 2 } } }),
});

const careful = (): Policy => ({
  name: "careful",
  model: null,
  act: () => ({ action: { tool: "add", params: { by: 1 } } }),
});

const small: Rubric = {
  id: "tiny/small-steps-v1",
  name: "small_steps",
  description: "Whether a step adds no more than one",
  source: "rule",
  start: () => ({
    step: ({ action }) => ({ value: action.params["by"] === 1 ? 1 : 0, reason: "as added", refersTo: null }),
  }),
};

/** Lines `{"tiny": "text"}`, one episode each. */
const lines: Adapter = {
  name: "lines",
  detect: ({ head }) => head.startsWith('{"tiny":') ? 1 : 0,
  async *read(source, { onIssue } = {}) {
    for await (const { line, value } of readJsonl(source.open(), { file: source.name })) {
      const said = (value as { tiny: string }).tiny;
      if (said === "") {
        onIssue?.({ what: "empty line", detail: "nothing was said", file: source.name, line });
        continue;
      }
      yield withId({
        schema: TRAJECTORY_SCHEMA,
        task: { id: said, description: said },
        env: null,
        domain: "generic",
        agent: "logger",
        model: null,
        system: null,
        tools: null,
        reset: { observation: said, timestamp: null },
        steps: [],
        outcome: unknownOutcome,
        scores: [],
        reward: null,
        usage: unknownUsage,
        metadata: {},
      });
    }
  },
};

const flat: Exporter = {
  name: "flat",
  async *export(trajectories, { onReport } = {}): AsyncGenerator<ExportRow> {
    let [read, rows] = [0, 0];
    for await (const { task, steps, reward } of trajectories) {
      read++;
      if (steps.length === 0) continue;
      rows++;
      yield { task: task.id, steps: steps.length, reward };
    }
    onReport?.({ read, rows, skipped: read === rows ? {} : { "no steps": read - rows } });
  },
};

const plugin: Plugin = definePlugin({
  name: "tiny/plugin",
  version: "0.1.0",
  provides: [
    env("tiny/counter-v1", { description: "Counts", options: envOptions, create: (o) => new CounterEnv(o) }),
    policy("tiny/guesser-v1", { description: "Guesses", options: noOptions, create: guesser }),
    policy("tiny/careful-v1", { description: "Adds one", options: noOptions, create: careful }),
    rubric("tiny/small-steps-v1", { description: "Small steps", options: noOptions, create: () => small }),
    adapter("tiny/lines-v1", { description: "Lines", options: noOptions, create: () => lines }),
    exporter("tiny/flat-v1", { description: "Flat rows", options: noOptions, create: () => flat }),
  ],
});

export default plugin;
