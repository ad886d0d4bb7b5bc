/**
 * Options of a trainer from the command line: those of a YAML file, over them what was typed.
 *
 * @module
 */
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { GymError } from "../../../core/errors.ts";
import { type Json, parseOptions } from "../../../core/schema.ts";
import { fileError } from "../../files/mod.ts";
import { optionalFields } from "./_fields.ts";

/** Whose options they are. */
export interface OptionsOf {
  /** The verb, for messages. */
  readonly command: string;
  /** Schema of the options. */
  readonly options: z.ZodObject;
  /** Options that are paths. */
  readonly paths: readonly string[];
}

/** All options, paths absolute, defaults filled in. @throws {GymError} `INVALID_OPTIONS` with the nearest name. */
export async function mergedOptions(
  { command, options, paths }: OptionsOf,
  given: Readonly<Record<string, Json | undefined>> & { readonly config?: string | undefined },
  cwd: string,
): Promise<Record<string, Json>> {
  const names = Object.keys(options.shape);
  const merged = {
    ...given.config === undefined ? {} : await readConfig(given.config, options, paths, cwd),
    ...absolute(Object.fromEntries(names.map((name) => [name, given[name]])), paths, cwd),
  };
  if (merged["model"] === undefined) {
    throw new GymError(
      "INVALID_OPTIONS",
      `Cannot run "${command}": --model: wanted, here or as model in the file of --config: received nothing`,
      {},
    );
  }
  // Sound: what a schema of options gives survives JSON, less what is undefined.
  return JSON.parse(JSON.stringify(parseOptions(options, merged, `"${command}"`)));
}

/** Options of a YAML file; its paths start from where it lies. */
async function readConfig(
  file: string,
  options: z.ZodObject,
  paths: readonly string[],
  cwd: string,
): Promise<Record<string, Json>> {
  const path = resolve(cwd, file);
  const text = await Deno.readTextFile(path).catch((thrown) => {
    throw fileError("read", file, thrown);
  });
  const { YamlFile } = await import("../../files/yaml_file.ts");
  const yaml = new YamlFile(text, file, "options");
  if (yaml.value === null) return {};
  const schema = z.strictObject(optionalFields(options.shape as Record<string, z.ZodType>));
  const found = yaml.parse(schema, "use options") as Record<string, Json>; // sound: YAML is plain data
  return absolute(found, paths, dirname(path));
}

/** Fields that were given, those that are paths made absolute. */
function absolute(
  fields: Readonly<Record<string, Json | undefined>>,
  paths: readonly string[],
  folder: string,
): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) =>
      value === undefined
        ? []
        : [[name, paths.includes(name) && typeof value === "string" ? resolve(folder, value) : value]]
    ),
  );
}
