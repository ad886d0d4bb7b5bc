/**
 * `act`: lets a policy act in an environment while you watch.
 *
 * @module
 */
import { resolve } from "node:path";
import { z } from "zod";
import type { Command, CommandContext, CommandResult } from "../../core/command.ts";
import { GymError } from "../../core/errors.ts";
import type { Contribution } from "../../core/kind.ts";
import { policy } from "../../core/policy.ts";
import { rollout } from "../../core/rollout.ts";
import type { Json } from "../../core/schema.ts";
import type { Task, Trajectory } from "../../core/trajectory.ts";
import { makeEnv } from "../../core/wrapper.ts";
import { lockFile } from "../files/lock.ts";
import { JsonlAppender } from "../files/mod.ts";
import { planUnits, type Setup, type Unit } from "./_episodes/plan.ts";
import { counted } from "./_output.ts";
import { namedSetup, playingFields } from "./_playing.ts";
import { readTasks } from "./_tasks.ts";
import { verb } from "./_verb.ts";
import { outcomeText, showResults, watched, type WatchOptions } from "./_watching.ts";

const { tasks: _tasks, concurrency: _concurrency, ...fields } = playingFields;

const input = z.strictObject({
  ...fields,
  task: z.string().optional().describe("Task file (YAML or JSONL)"),
  taskId: z.string().optional().describe("Which task of the file; the first when left out"),
  lines: z.int().min(0).default(20).describe("Lines of a text that are shown; 0 shows all"),
  output: z.string().optional().describe("File to append the trajectory to"),
});

async function run(given: z.output<typeof input>, context: CommandContext): Promise<CommandResult> {
  const { kernel, cwd } = context;
  const task = await readTask(given, context);
  const setup = namedSetup(kernel, given);
  const tasks = task === null ? [] : [task];
  const [unit] = planUnits(setup, { tasks, episodes: 1, seed: given.seed }) as [Unit];
  const played = await play(setup, unit, context, {
    lines: given.lines,
    colour: Deno.stderr.isTerminal() && !Deno.noColor,
    show: (text) => context.progress(text),
  });
  if (given.output !== undefined) await record(resolve(cwd, given.output), given.output, played);
  return {
    data: played as unknown as Json,
    text: outcomeText(played),
    exitCode: played.outcome.error === null ? 0 : 1,
  };
}

/** Null when the environment chooses one. */
async function readTask(
  { task: file, taskId }: Pick<z.output<typeof input>, "task" | "taskId">,
  { cwd, stdin }: CommandContext,
): Promise<Task | null> {
  if (file === undefined) {
    if (taskId === undefined) return null;
    throw new GymError("INVALID_OPTIONS", `Cannot run "act": --task-id: wanted --task as well`);
  }
  const tasks = await readTasks([file], { cwd, stdin });
  const found = taskId === undefined ? tasks[0] : tasks.find(({ id }) => id === taskId);
  if (found !== undefined) return found;
  const ids = tasks.map(({ id }) => id).join(", ");
  throw new GymError(
    "INVALID_OPTIONS",
    `Cannot run "act": --task-id: wanted one of ${ids}: received "${taskId}"`,
    { file, task: taskId },
  );
}

/** Plays the episode that `collect` would play first, and shows it. */
async function play(
  setup: Setup,
  { task, seed, record }: Unit,
  { kernel, signal, now }: CommandContext,
  options: WatchOptions,
): Promise<Trajectory> {
  const actor = await kernel.make(policy, setup.policy.id, setup.policy.options);
  try {
    await using world = await makeEnv(kernel, { ...setup.env, wrappers: setup.wrappers });
    const played = await rollout(world, watched(actor, options), {
      seed,
      ...(task === null ? {} : { task }),
      now: () => now(),
      signal,
      metadata: { unit: record },
    });
    showResults(played.steps, options);
    if (!signal.aborted) return played;
    const steps = counted(played.steps.length, "step");
    throw new GymError("INTERRUPTED", `Cannot finish the episode: interrupted after ${steps}`);
  } finally {
    await actor[Symbol.asyncDispose]?.();
  }
}

async function record(file: string, shown: string, played: Trajectory): Promise<void> {
  await using _lock = await lockFile(`${file}.lock`, shown);
  await using out = await JsonlAppender.open(file);
  await out.append(played);
}

/** `act`: lets a policy act in an environment while you watch. */
export const act: Contribution<Command> = verb("knowlyr/act-v1", {
  path: ["act"],
  summary: "Let a policy act in an environment and watch it step by step",
  input,
  positionals: [],
  short: { output: "o" },
  examples: [{
    line: "act --policy expert --task examples/tasks/word_count.yaml",
    does: "Shows how the recorded solution of a task goes; --json prints the trajectory",
  }, {
    line: "act --env lookup --policy onnx-model --policy-option model=models/smollm2 --seed 7",
    does: "Watches a local model at a task that the environment chooses",
  }],
  run,
});
