/**
 * `train resume`: goes on with a run from its newest checkpoint, whichever trainer it is of.
 *
 * @module
 */
import { resolve } from "node:path";
import { z } from "zod";
import { type Command, command, type CommandContext, type CommandResult } from "../../../core/command.ts";
import type { Contribution } from "../../../core/kind.ts";
import { type Json, noOptions, parseOptions } from "../../../core/schema.ts";
import { trainer } from "../../../core/trainer.ts";
import { CHANGEABLE, engineFields, optimiserFields, runFields } from "../_options.ts";
import { optionalFields, picked } from "./_fields.ts";
import { reportOf, reportText } from "./_report.ts";
import { runInFolder } from "./_run.ts";
import { historyOf, readRunConfig, writeRunConfig } from "./_run_folder.ts";

const fields = { ...optimiserFields, ...engineFields, ...runFields };

/** What may change on the way; to overwrite is not to go on. */
const changeable = [...CHANGEABLE].filter((name) => name in fields && name !== "overwrite");

const input = z.strictObject({
  folder: z.string().describe("Folder of the run"),
  quiet: z.boolean().default(false).describe("Say nothing but the result"),
  ...optionalFields(picked(fields, changeable)),
});

type Given =
  & { readonly folder: string; readonly quiet: boolean }
  & Readonly<Record<string, Json | undefined>>;

async function run(given: Given, context: CommandContext): Promise<CommandResult> {
  const { folder: shown, quiet, ...changes } = given;
  const folder = resolve(context.cwd, shown);
  const config = await readRunConfig(folder, shown);
  const history = await historyOf(folder);
  if (history.end !== null && history.end.reason !== "interrupted") {
    const report = reportOf(config, shown, history);
    return { data: report, text: `This run is finished: nothing is left to do\n\n${reportText(report)}` };
  }
  const { options: schema } = context.kernel.find(trainer, config.trainer).contribution;
  const set = Object.entries(changes).filter(([, value]) => value !== undefined);
  const options = parseOptions(
    schema,
    { ...config.options, ...Object.fromEntries(set) },
    `"train resume ${shown}"`,
  );
  // Sound: what a schema of options gives survives JSON, less what is undefined.
  const changed = { ...config, options: JSON.parse(JSON.stringify(options)) as typeof config.options };
  return await runInFolder(changed, {
    folder,
    shown,
    resume: true,
    quiet,
    notices: [],
    prepare: () => writeRunConfig(folder, changed),
  }, context);
}

const definition: Command = {
  path: ["train", "resume"],
  summary: "Go on with a run that was interrupted, from its newest checkpoint",
  input,
  positionals: ["folder"],
  examples: [
    { line: "train resume runs/sft", does: "Ends with the bytes that a run without a stop ends with" },
    { line: "train resume runs/sft --save-every 20", does: "Goes on, saving more often" },
  ],
  run: (given: Given, context) => run(given, context),
};

/** `train resume`: goes on with a run from its newest checkpoint. */
export const trainResume: Contribution<Command> = command("knowlyr/train-resume-v1", {
  description: definition.summary,
  options: noOptions,
  create: () => definition,
}) as Contribution<Command>;
