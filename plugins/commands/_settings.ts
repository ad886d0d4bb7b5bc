/**
 * `gym.yaml` of the working folder: what is loaded every time.
 *
 * @module
 */
import { resolve } from "node:path";
import { z } from "zod";
import { fileError } from "../files/mod.ts";

const FILE = "gym.yaml";

const plugins = z.array(z.string()).default([]).describe("Plugins to load, as for --plugin");

/** A file that holds nothing else. */
const settings = z.strictObject({ plugins });

/** A pipeline, whose other fields `run` reads and checks. */
const pipeline = z.looseObject({ plugins });

/** Plugins that `gym.yaml` names; none when there is no such file. @throws {GymError} `INVALID_DATA` or `FILE_ACCESS`. */
export async function pluginsOfFolder(cwd: string): Promise<readonly string[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(resolve(cwd, FILE));
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return [];
    throw fileError("read", FILE, thrown);
  }
  const { YamlFile } = await import("../files/yaml_file.ts");
  const file = new YamlFile(text, FILE, "settings");
  if (file.value === null) return [];
  const isPipeline = typeof file.value === "object" && "sources" in file.value;
  return file.parse(isPipeline ? pipeline : settings, "read settings").plugins;
}
