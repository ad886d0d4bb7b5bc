/**
 * `online`: a model learns by acting.
 *
 * @module
 */
import { resolve } from "node:path";
import { z } from "zod";
import { type Command, command, type CommandContext, type CommandResult } from "../../../core/command.ts";
import type { Contribution } from "../../../core/kind.ts";
import type { Kernel } from "../../../core/kernel.ts";
import { type Json, noOptions } from "../../../core/schema.ts";
import { checkWorld } from "../_online/world.ts";
import { onlineOptions, onlineTrainer } from "../online.ts";
import { valueOf, withEnvOptions } from "./_env_options.ts";
import { optionalFields } from "./_fields.ts";
import { mergedOptions } from "./_merged_options.ts";
import { runInFolder } from "./_run.ts";
import { checkFree, type RunConfig, writeRunConfig } from "./_run_folder.ts";

const OWN_FIELDS = {
  envOption: z.array(z.string()).default([]).describe("Option of the environment, name=value"),
  output: z.string().describe("Folder of the run"),
  config: z.string().optional().describe("YAML file with options; flags come before it"),
  tensorboard: z.boolean().default(true).describe("Write event files for TensorBoard"),
  quiet: z.boolean().default(false).describe("Say nothing but the result"),
} as const;

type Given = z.output<z.ZodObject<typeof OWN_FIELDS>> & Readonly<Record<string, Json | undefined>>;

const summary = "Let a model act, train it on what it did, and evaluate it, in turns";

const definition: Command = {
  path: ["online"],
  summary,
  input: z.strictObject({
    ...OWN_FIELDS,
    ...optionalFields(onlineOptions.shape as Record<string, z.ZodType>),
  }),
  positionals: [],
  short: { output: "o" },
  examples: [
    {
      line: "online --model models/nano --env lookup --env-option compact=true -o runs/online",
      does: "Learns by groups of tries; episodes, metrics, checkpoints and the result lie in runs/online",
    },
  ],
  run: online,
};

async function online(given: Given, context: CommandContext): Promise<CommandResult> {
  const { output, tensorboard, quiet } = given;
  const folder = resolve(context.cwd, output);
  const about = { command: "online", options: onlineOptions, paths: ["model", "adapter"] };
  const merged = await mergedOptions(about, { ...given, ...typed(given) }, context.cwd);
  const options = withEnvOption(merged, given.envOption, context.kernel);
  const config: RunConfig = {
    schema: "gym.training/1",
    trainer: onlineTrainer.id,
    data: [],
    evaluation: [],
    tensorboard,
    options,
  };
  await checkFree(folder, output, options["overwrite"] === true);
  await checkWorld(context.kernel, onlineOptions.parse(options));
  return await runInFolder(config, {
    folder,
    shown: output,
    resume: false,
    quiet,
    notices: [],
    prepare: () => writeRunConfig(folder, config),
  }, context);
}

/** The same with what `--env-option` says of the environment. */
function withEnvOption(
  merged: Readonly<Record<string, Json>>,
  texts: readonly string[],
  kernel: Kernel,
): Readonly<Record<string, Json>> {
  if (texts.length === 0) return merged;
  const { env, envOptions } = onlineOptions.parse(merged);
  return { ...merged, envOptions: withEnvOptions(envOptions, texts, kernel, env) };
}

/** Options of the environment come as texts from the line: what reads as JSON is meant as JSON. */
function typed({ envOptions }: Given): { readonly envOptions?: Json } {
  if (envOptions === undefined || envOptions === null || typeof envOptions !== "object") return {};
  const value = (text: Json): Json => typeof text === "string" ? valueOf(text) : text;
  return {
    envOptions: Object.fromEntries(Object.entries(envOptions).map(([name, text]) => [name, value(text)])),
  };
}

/** `online`: a model learns by acting. */
export const onlineCommand: Contribution<Command> = command("knowlyr/online-v1", {
  description: summary,
  options: noOptions,
  create: () => definition,
}) as Contribution<Command>;
