/**
 * `collect`: lets a policy act in an environment and records every episode.
 *
 * @module
 */
import { resolve } from "node:path";
import { z } from "zod";
import type { Command, CommandContext, CommandResult } from "../../core/command.ts";
import { env } from "../../core/env.ts";
import type { Contribution, Kind } from "../../core/kind.ts";
import { policy } from "../../core/policy.ts";
import { wrapper } from "../../core/wrapper.ts";
import { fullId } from "./_names.ts";
import type { Json } from "../../core/schema.ts";
import { parseAssignments } from "./_assignments.ts";
import { collectEpisodes, type CollectReport } from "./_episodes/collect.ts";
import { limitedSetup } from "./_setup.ts";
import { readTasks } from "./_tasks.ts";
import { typedOptions } from "./_typed_options.ts";
import { verb } from "./_verb.ts";

const input = z.strictObject({
  tasks: z.array(z.string()).default([]).describe("Task files (YAML or JSONL), folders and globs"),
  env: z.string().default("knowlyr/sandbox-v1").describe("Id of the environment"),
  envOption: z.array(z.string()).default([]).describe("Option of the environment, name=value"),
  wrapper: z.array(z.string()).default([]).describe("Id of a wrapper inside the limits, the first innermost"),
  policy: z.string().describe("Id of the policy"),
  policyOption: z.array(z.string()).default([]).describe("Option of the policy, name=value"),
  episodes: z.int().min(1).default(1).describe("Episodes a task"),
  seed: z.int().min(0).default(0).describe("The only source of randomness"),
  concurrency: z.int().min(1).max(256).default(1).describe("Episodes at once; does not change the result"),
  maxSteps: z.int().min(1).default(50).describe("Steps after which an episode is truncated"),
  timeoutMs: z.int().min(1).default(600_000).describe("Wall time of an episode in milliseconds"),
  timestamps: z.boolean().default(true).describe("Whether times are recorded"),
  output: z.string().default("trajectories.jsonl").describe(
    "File to append to; what it holds is not done again",
  ),
});

async function run(given: z.output<typeof input>, context: CommandContext): Promise<CommandResult> {
  const { kernel, cwd, signal } = context;
  const tasks = await readTasks(given.tasks, { cwd, stdin: () => context.stdin() });
  const options = <T>(kind: Kind<T>, id: string, texts: readonly string[], flag: string): Json => {
    parseAssignments(texts, flag); // a text without = is an error that names this flag
    return typedOptions(texts, kernel.find(kind, id).contribution);
  };
  const envId = fullId(kernel, env, given.env);
  const policyId = fullId(kernel, policy, given.policy);
  const setup = limitedSetup({
    ...given,
    env: envId,
    envOptions: options(env, envId, given.envOption, "--env-option"),
    policy: policyId,
    policyOptions: options(policy, policyId, given.policyOption, "--policy-option"),
    wrappers: given.wrapper.map((id) => ({ id: fullId(kernel, wrapper, id), options: {} })),
  });
  const report = await collectEpisodes({
    kernel,
    setup,
    schedule: { tasks, episodes: given.episodes, seed: given.seed },
    file: resolve(cwd, given.output),
    shown: given.output,
    concurrency: given.concurrency,
    timestamps: given.timestamps,
    now: () => context.now(),
    signal,
    again: "the same line",
    progress: (line) => context.progress(line),
  });
  return {
    data: { ...report, file: given.output },
    text: text(report, given.output),
    exitCode: exitOf(report),
  };
}

function text(report: CollectReport, file: string): string {
  const { planned, skipped, played, steps, succeeded, failed, errors } = report;
  const unknown = played - succeeded - failed;
  return [
    `${played} of ${planned} episodes played, ${skipped} were there already: ${file}`,
    `${steps} steps, ${succeeded} succeeded, ${failed} failed, ${unknown} unknown, ${errors} ended by an error`,
  ].join("\n");
}

/** A finding when nothing but errors came of it. */
function exitOf({ played, errors }: CollectReport): 0 | 1 {
  return played > 0 && errors === played ? 1 : 0;
}

/** `collect`: lets a policy act in an environment and records every episode. */
export const collect: Contribution<Command> = verb("knowlyr/collect-v1", {
  path: ["collect"],
  summary: "Let a policy act in an environment and record every episode",
  input,
  positionals: ["tasks"],
  short: { output: "o" },
  examples: [{
    line: "collect examples/tasks/*.yaml --policy knowlyr/expert-v1 -o expert.jsonl",
    does: "Plays every example task once with the solution it carries",
  }, {
    line: "collect examples/tasks/*.yaml --policy knowlyr/clumsy-v1 --episodes 8 --seed 7 --concurrency 4",
    does: "Plays eight episodes a task, four at once; the same seed gives the same episodes",
  }],
  run,
});
