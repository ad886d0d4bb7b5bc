/**
 * The one place that imports a plugin by name: `jsr:`, `npm:`, `https:`, a file, or a folder with a deno.json.
 * Importing a plugin's module is the only effect; nothing is registered by it.
 *
 * @module
 */
import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { GymError, messageOf } from "./errors.ts";
import { checkPluginShape, type Plugin } from "./plugin.ts";

/** What {@linkcode loadPlugin} takes beside the specifier. */
export interface LoadOptions {
  /** Folder that relative paths start from, absolute. */
  readonly cwd: string;
}

/**
 * Loads the plugin that a module exports as default.
 *
 * A plugin outside the running project sees the host's import map, not its own: it must import by `npm:` and `jsr:`
 * specifiers, or be published.
 *
 * @param specifier `jsr:@acme/triage`, `npm:…`, `https://…`, `file:///…`, or a path of a file or folder.
 * @throws {GymError} `PLUGIN_LOAD`, `PERMISSION` or `INVALID_PLUGIN`; the message names the specifier.
 */
export async function loadPlugin(specifier: string, { cwd }: LoadOptions): Promise<Plugin> {
  const target = await moduleOf(specifier, cwd);
  let module: { readonly default?: unknown };
  try {
    module = await import(target);
  } catch (thrown) {
    throw loadError(specifier, thrown);
  }
  checkPluginShape(module.default, `plugin "${specifier}"`);
  return module.default;
}

/** The URL to import for a specifier. */
async function moduleOf(specifier: string, cwd: string): Promise<string> {
  if (/^(jsr|npm|https|http|file|data|node):/.test(specifier)) return specifier;
  const path = isAbsolute(specifier) ? specifier : resolve(cwd, specifier);
  let info: Deno.FileInfo;
  try {
    info = await Deno.stat(path);
  } catch (thrown) {
    throw loadError(
      specifier,
      thrown instanceof Deno.errors.NotFound ? new Error(`no file or folder at ${path}`) : thrown,
    );
  }
  return pathToFileURL(info.isDirectory ? await entryOf(specifier, path) : path).href;
}

/** The file that a folder's deno.json exports as `.`. */
async function entryOf(specifier: string, folder: string): Promise<string> {
  for (const name of ["deno.json", "deno.jsonc"]) {
    let text: string;
    try {
      text = await Deno.readTextFile(resolve(folder, name));
    } catch (thrown) {
      if (thrown instanceof Deno.errors.NotFound) continue;
      throw loadError(specifier, thrown);
    }
    const entry = exportOf(specifier, name, text);
    if (entry === undefined) {
      throw loadError(specifier, new Error(`${name} has no exports field with an entry "."`));
    }
    return resolve(folder, entry);
  }
  throw loadError(specifier, new Error(`wanted a deno.json in the folder ${folder}`));
}

function exportOf(specifier: string, name: string, text: string): string | undefined {
  let config: { exports?: string | Record<string, string> };
  try {
    config = JSON.parse(text.replace(/^\s*\/\/.*$/gm, ""));
  } catch (thrown) {
    throw loadError(specifier, new Error(`${name} is not JSON: ${messageOf(thrown)}`));
  }
  return typeof config.exports === "string" ? config.exports : config.exports?.["."];
}

function loadError(specifier: string, cause: unknown): GymError {
  const message = messageOf(cause);
  const permission = /Requires (\w+) access[^,]*, run again with the (--allow-\S+) flag/.exec(message);
  if (cause instanceof Deno.errors.NotCapable || permission !== null) {
    const flag = permission?.[2] ?? "--allow-read";
    return new GymError(
      "PERMISSION",
      `Cannot load plugin "${specifier}": the process lacks a permission: run again with ${flag}`,
      { specifier, flag },
      { cause },
    );
  }
  return new GymError("PLUGIN_LOAD", `Cannot load plugin "${specifier}": ${message}`, { specifier }, {
    cause,
  });
}
