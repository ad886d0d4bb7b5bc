/**
 * `gym.yaml` of the working folder: what is loaded every time.
 *
 * @module
 */
import { resolve } from "node:path";
import { z } from "zod";
import { fileError } from "../files/mod.ts";

const FILE = "gym.yaml";

const schema = z.strictObject({
  plugins: z.array(z.string()).default([]).describe("Plugins to load, as for --plugin"),
});

/** Plugins that `gym.yaml` names; none when there is no such file. @throws {GymError} `INVALID_DATA` or `FILE_ACCESS`. */
export async function pluginsOfFolder(cwd: string): Promise<readonly string[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(resolve(cwd, FILE));
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return [];
    throw fileError("read", FILE, thrown);
  }
  const { YamlFile } = await import("./_yaml.ts");
  const file = new YamlFile(text, FILE, "settings");
  return file.value === null ? [] : file.parse(schema, "read settings").plugins;
}
