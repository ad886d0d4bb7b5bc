/**
 * `collect`: lets a policy act in an environment and records every episode.
 *
 * @module
 */
import { resolve } from "node:path";
import { z } from "zod";
import type { Command, CommandContext, CommandResult } from "../../core/command.ts";
import type { Contribution } from "../../core/kind.ts";
import { collectEpisodes, type CollectReport } from "./_episodes/collect.ts";
import { namedSetup, playingFields } from "./_playing.ts";
import { readTasks } from "./_tasks.ts";
import { verb } from "./_verb.ts";

const input = z.strictObject({
  ...playingFields,
  episodes: z.int().min(1).default(1).describe("Episodes a task"),
  timestamps: z.boolean().default(true).describe("Whether times are recorded"),
  output: z.string().default("trajectories.jsonl").describe(
    "File to append to; what it holds is not done again",
  ),
});

async function run(given: z.output<typeof input>, context: CommandContext): Promise<CommandResult> {
  const { kernel, cwd, signal } = context;
  const tasks = await readTasks(given.tasks, { cwd, stdin: () => context.stdin() });
  const setup = namedSetup(kernel, given);
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
