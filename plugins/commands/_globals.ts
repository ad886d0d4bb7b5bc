/**
 * Flags that belong to the program and not to a command. They may stand anywhere before `--`.
 *
 * @module
 */
import { GymError } from "../../core/errors.ts";

/** What the program was told, apart from the command. */
export interface Globals {
  /** Plugins to load, in order. */
  readonly plugins: readonly string[];
  /** Print data rather than text. */
  readonly json: boolean;
  /** Print stacks of errors. */
  readonly debug: boolean;
  /** Print the version. */
  readonly version: boolean;
  /** Arguments of the command. */
  readonly rest: readonly string[];
}

/** Lines of help for these flags. */
export const GLOBAL_HELP: readonly string[] = [
  "With every command:",
  "  --json                      Print the result as JSON",
  "  --plugin SPEC               Load a plugin: file, folder, jsr:, npm: or https:; may be repeated",
  "  --debug                     Print the stack of an error",
];

/** Takes the program's own flags out of the arguments. @throws {GymError} `INVALID_OPTIONS` for `--plugin` without a value. */
export function takeGlobals(args: readonly string[]): Globals {
  const plugins: string[] = [];
  const rest: string[] = [];
  const seen = new Set<string>();
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (arg === "--") {
      rest.push(...args.slice(at));
      break;
    }
    if (arg === "--plugin") plugins.push(specifier(args[++at]));
    else if (arg.startsWith("--plugin=")) plugins.push(specifier(arg.slice("--plugin=".length)));
    else if (arg === "--json" || arg === "--debug") seen.add(arg);
    else rest.push(arg);
  }
  const version = rest.length === 1 && ["--version", "-V"].includes(rest[0]!);
  return { plugins, json: seen.has("--json"), debug: seen.has("--debug"), version, rest };
}

function specifier(text: string | undefined): string {
  if (text !== undefined && text !== "") return text;
  throw new GymError(
    "INVALID_OPTIONS",
    "Cannot load plugin: --plugin: wanted a file, folder or specifier",
    {},
  );
}
