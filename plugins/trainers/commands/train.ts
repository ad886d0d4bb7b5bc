/**
 * `train NAME`: a data set and a model → a better model, for any trainer of this shelf. Every option of the trainer is
 * a flag and a key of the file that `--config` names; flags come before the file, the file before defaults.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { z } from "zod";
import {
  type Command,
  command,
  type CommandContext,
  type CommandExample,
  type CommandResult,
} from "../../../core/command.ts";
import type { Contribution } from "../../../core/kind.ts";
import { type Json, noOptions } from "../../../core/schema.ts";
import type { Trainer } from "../../../core/trainer.ts";
import { fileError, writeAtomic } from "../../files/mod.ts";
import { DataRows, findData } from "./_data_files.ts";
import { dataField, optionalFields } from "./_fields.ts";
import { runInFolder } from "./_run.ts";
import { mergedOptions } from "./_merged_options.ts";
import { checkFree, type RunConfig, writeRunConfig } from "./_run_folder.ts";
import type { EncodeOne } from "./_show.ts";

/** What a trainer brings to its command. */
export interface TrainCommandOptions {
  /** One word: `sft` for `train sft`. */
  readonly word: string;
  /** One line for lists. */
  readonly summary: string;
  /** Id of the command. */
  readonly id: string;
  /** Schema of the trainer's options: where the flags come from. */
  readonly options: z.ZodObject;
  /** Options that are paths. */
  readonly paths: readonly string[];
  /** How the trainer encodes a row, to show the first ones. */
  readonly encode: () => Promise<EncodeOne>;
  /** Worked examples. */
  readonly examples: readonly CommandExample[];
}

/** Fields of every `train` command that are no options of its trainer. */
const OWN_FIELDS = {
  data: dataField,
  output: z.string().describe("Folder of the run"),
  config: z.string().optional().describe("YAML file with options; flags come before it"),
  evalData: z.array(z.string()).min(1).optional().describe("Rows to evaluate on, named as DATA are"),
  showRows: z.int().min(0).default(2).describe("Rows to show, token by token, before the first step"),
  tensorboard: z.boolean().default(true).describe("Write event files for TensorBoard"),
  quiet: z.boolean().default(false).describe("Say nothing but the result"),
} as const;

type Given = z.output<z.ZodObject<typeof OWN_FIELDS>> & Readonly<Record<string, Json | undefined>>;

/** The command that trains with one trainer. */
export function trainCommand(
  trainer: Pick<Contribution<Trainer>, "id">,
  made: TrainCommandOptions,
): Contribution<Command> {
  const { word, summary, options, examples } = made;
  const definition: Command = {
    path: ["train", word],
    summary,
    input: z.strictObject({ ...OWN_FIELDS, ...optionalFields(options.shape as Record<string, z.ZodType>) }),
    positionals: ["data"],
    short: { output: "o" },
    examples,
    run: (given: Given, context) => train(trainer.id, made, given, context),
  };
  return command(made.id, {
    description: summary,
    options: noOptions,
    create: () => definition,
  }) as Contribution<Command>;
}

async function train(
  id: string,
  made: TrainCommandOptions,
  given: Given,
  context: CommandContext,
): Promise<CommandResult> {
  const { output, showRows, tensorboard, quiet } = given;
  const folder = resolve(context.cwd, output);
  const options = await mergedOptions({ ...made, command: `train ${made.word}` }, given, context.cwd);
  const config: RunConfig = {
    schema: "gym.training/1",
    trainer: id,
    data: await findData(given.data, context),
    evaluation: await findData(given.evalData ?? [], context),
    tensorboard,
    options,
  };
  await checkFree(folder, output, options["overwrite"] === true);
  const [{ previewOf }, encode] = await Promise.all([import("./_show.ts"), made.encode()]);
  const { verdict, text } = await previewOf(new DataRows(config.data), quiet ? 0 : showRows, {
    model: String(options["model"]),
    encode,
    options,
    colour: Deno.stderr.isTerminal() && !Deno.noColor,
  });
  if (text !== "") context.progress(text);
  return await runInFolder(config, {
    folder,
    shown: output,
    resume: false,
    quiet,
    notices: verdict.findings,
    prepare: async () => {
      // Curves of what is overwritten would be drawn over the new ones.
      if (options["overwrite"] === true) await removeFolder(join(folder, "tensorboard"));
      await writeRunConfig(folder, config);
      await writeAtomic(join(folder, "template.json"), `${JSON.stringify(verdict, null, 2)}\n`);
    },
  }, context);
}

async function removeFolder(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((thrown) => {
    if (!(thrown instanceof Deno.errors.NotFound)) throw fileError("write", path, thrown);
  });
}
