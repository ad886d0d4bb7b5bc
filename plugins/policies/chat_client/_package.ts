/**
 * Packages that only some users want. They are imported when they are first used, by a name that is put together at run
 * time: Deno downloads what it finds as a literal before a program starts, used or not. For the same reason they are no
 * entry of deno.json: what the lock file lists is downloaded with the first command.
 *
 * @module
 */
import { GymError, messageOf } from "../../../core/errors.ts";

/** What is imported, by the name of its package. */
export const PACKAGES = {
  openai: "npm:openai@^7",
  "@anthropic-ai/sdk": "npm:@anthropic-ai/sdk@^1",
  "@huggingface/transformers": "npm:@huggingface/transformers@^4",
} as const;

/**
 * Imports a package; the first time it is downloaded.
 *
 * @param load How a specifier is imported.
 * @throws {GymError} `PERMISSION` or `PLUGIN_LOAD`, naming the package.
 */
export async function importPackage(
  name: keyof typeof PACKAGES,
  load: (specifier: string) => Promise<unknown> = (specifier) => import(specifier),
): Promise<unknown> {
  const specifier = PACKAGES[name];
  try {
    return await load(specifier);
  } catch (thrown) {
    const flag = /(--allow-\S+?)(?=[\s.,]|$)/.exec(messageOf(thrown))?.[1];
    if (flag === undefined && !(thrown instanceof Deno.errors.NotCapable)) {
      throw new GymError(
        "PLUGIN_LOAD",
        `Cannot load package "${specifier}": wanted the network or a copy in the cache ` +
          `(deno cache ${specifier}): received ${messageOf(thrown)}`,
        { package: specifier },
        { cause: thrown },
      );
    }
    throw new GymError(
      "PERMISSION",
      `Cannot load package "${specifier}": the process lacks a permission: run again with ${
        flag ?? "--allow-import"
      }`,
      { package: specifier },
      { cause: thrown },
    );
  }
}
