/**
 * `evaluate`: how well a policy does, as numbers with intervals. Every policy meets the same tasks with the same seeds.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { z } from "zod";
import type { Command, CommandContext, CommandResult } from "../../core/command.ts";
import { GymError } from "../../core/errors.ts";
import type { Contribution } from "../../core/kind.ts";
import { seeded } from "../../core/prng.ts";
import type { Json } from "../../core/schema.ts";
import { writeAtomic } from "../files/mod.ts";
import { collectEpisodes } from "./_episodes/collect.ts";
import { checkSetup } from "./_episodes/play.ts";
import { planUnits, type Unit, unitKey } from "./_episodes/plan.ts";
import { type Episode, episodeOf } from "./_evaluation/episode.ts";
import { summarise, summaryText } from "./_evaluation/summary.ts";
import { rowsOf } from "./_pipeline/rows.ts";
import { namedSetup, playingFields } from "./_playing.ts";
import { readTasks } from "./_tasks.ts";
import { verb } from "./_verb.ts";

const input = z.strictObject({
  ...playingFields,
  repeats: z.int().min(1).default(1).describe("Episodes a task, each with a seed of its own"),
  output: z.string().default("evaluation").describe(
    "Folder for the episodes and the numbers; what it holds is not played again",
  ),
});

async function run(given: z.output<typeof input>, context: CommandContext): Promise<CommandResult> {
  const { kernel, cwd, signal } = context;
  const tasks = await readTasks(given.tasks, { cwd, stdin: () => context.stdin() });
  const setup = await checkSetup(kernel, namedSetup(kernel, given));
  const schedule = { tasks, episodes: given.repeats, seed: given.seed };
  const units = planUnits(setup, schedule);
  const file = resolve(cwd, given.output, "trajectories.jsonl");
  await checkSamePolicy(file, units, given.output);
  await collectEpisodes({
    kernel,
    setup,
    schedule,
    file,
    shown: join(given.output, "trajectories.jsonl"),
    concurrency: given.concurrency,
    timestamps: true,
    now: () => context.now(),
    signal,
    again: "the same line",
    progress: (line) => context.progress(line),
  });
  const summary = summarise(await playedOf(file, units), seeded(given.seed));
  const result = {
    schema: "gym.evaluation/1",
    ...setup,
    repeats: given.repeats,
    seed: given.seed,
    ...summary,
  };
  await writeAtomic(resolve(cwd, given.output, "evaluation.json"), `${JSON.stringify(result, null, 2)}\n`);
  return {
    data: { folder: given.output, ...result } as unknown as Json,
    text: `${summaryText(summary)}\n\nEpisodes and numbers are in ${given.output}`,
    exitCode: summary.errors === summary.episodes ? 1 : 0, // nothing but errors is no evaluation
  };
}

/** One folder, one policy and environment: a comparison could not tell two apart. */
async function checkSamePolicy(file: string, units: readonly Unit[], shown: string): Promise<void> {
  if (!await Deno.stat(file).then(() => true, () => false)) return;
  for await (const { metadata } of rowsOf(file)) {
    const unit = metadata["unit"] as { setupDigest?: string; policy?: string } | undefined;
    if (unit?.setupDigest === units[0]!.record["setupDigest"]) continue;
    throw new GymError(
      "INVALID_DATA",
      `Cannot evaluate into ${shown}: wanted a folder of its own for each policy and environment with their options: received one with other episodes of ${
        unit?.policy ?? "an unknown policy"
      }`,
      { folder: shown },
    );
  }
}

/** The planned episodes; the folder may hold more of an earlier call. */
async function playedOf(file: string, units: readonly Unit[]): Promise<Episode[]> {
  const planned = new Set(units.map(({ key }) => key));
  const episodes: Episode[] = [];
  for await (const trajectory of rowsOf(file)) {
    if (planned.has(unitKey(trajectory.metadata["unit"]))) episodes.push(episodeOf(trajectory));
  }
  return episodes;
}

/** `evaluate`: how well a policy does, as numbers with intervals. */
export const evaluate: Contribution<Command> = verb("knowlyr/evaluate-v1", {
  path: ["evaluate"],
  summary: "Let a policy play tasks and tell its success rate, reward and steps with their intervals",
  input,
  positionals: ["tasks"],
  short: { output: "o" },
  examples: [{
    line: "evaluate examples/tasks/*.yaml --policy knowlyr/clumsy-v1 --repeats 8 -o clumsy",
    does: "Plays every task eight times; another policy gets the same seeds, so that the two can be compared",
  }],
  run,
});
