/**
 * `run`: a pipeline file → trajectories, scores, data sets, models and evaluations in one folder.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { z } from "zod";
import type { Command, CommandContext, CommandResult } from "../../core/command.ts";
import type { Contribution } from "../../core/kind.ts";
import type { Json } from "../../core/schema.ts";
import { fileError } from "../files/mod.ts";
import { linkLatest, RunFolder } from "./_pipeline/folder.ts";
import { readPipeline } from "./_pipeline/read.ts";
import { runName, runStages } from "./_pipeline/stages.ts";
import { summaryText } from "./_pipeline/text.ts";
import { verb } from "./_verb.ts";

const input = z.strictObject({
  pipeline: z.string().describe("The pipeline file (YAML)"),
  output: z.string().default("runs").describe("Folder in which the run gets a folder of its own"),
});

async function execute(given: z.output<typeof input>, context: CommandContext): Promise<CommandResult> {
  const { cwd, signal } = context;
  const read = await readPipeline(context.kernel, resolve(cwd, given.pipeline), given.pipeline);
  const name = runName(read.pipeline);
  const [runs, shown] = [resolve(cwd, given.output), join(given.output, name)];
  await makeFolder(runs, given.output);
  await using folder = await RunFolder.open(join(runs, name), shown, () => context.now());
  await linkLatest(runs, name);
  const summary = await runStages(read, {
    folder,
    now: () => context.now(),
    signal,
    progress: (line) => context.progress(line),
    again: `gym run ${given.pipeline} -o ${given.output}`,
  });
  const text = summaryText(summary, shown);
  await folder.write("summary.txt", `${text}\n`);
  const played = [
    ...Object.values(summary.sources),
    ...summary.evaluations.flatMap(({ policies }) => policies),
  ];
  const broken = played.some(({ episodes, errors }) => episodes > 0 && errors === episodes);
  return { data: { folder: shown, ...summary } as unknown as Json, text, exitCode: broken ? 1 : 0 };
}

async function makeFolder(path: string, shown: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (thrown) {
    throw fileError("write", shown, thrown);
  }
}

/** `run`: a pipeline file → trajectories, scores, data sets, models and evaluations in one folder. */
export const run: Contribution<Command> = verb("knowlyr/run-v1", {
  path: ["run"],
  summary: "Run a pipeline file: collect or read, score, select, export, train, evaluate",
  input,
  positionals: ["pipeline"],
  short: { output: "o" },
  examples: [{
    line: "run examples/gym.yaml -o runs",
    does:
      "Reads logs, lets policies act, scores all, trains a model and lets it act; typed again, it goes on",
  }],
  run: execute,
});
