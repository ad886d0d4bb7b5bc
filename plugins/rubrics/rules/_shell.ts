/**
 * Which shell commands only look. Whatever is not known to only look may have changed something.
 *
 * @module
 */
import type { Json } from "../../../core/schema.ts";

const LOOKS =
  /^(?:cd|ls|cat|head|tail|less|wc|pwd|which|whoami|env|echo|printf|grep|egrep|rg|find|file|stat|du|df|tree|diff|sort|uniq|cut|nl|true|test|pytest|ps|date)$/;
const GIT_LOOKS =
  /^(?:git\s+)?(?:-C\s+\S+\s+)?(?:status|log|diff|show|blame|branch|ls-files|grep|rev-parse)\b/;
const TESTS =
  /^(?:python3?\s+-m\s+(?:pytest|unittest)|(?:npm|pnpm|yarn|bun)\s+(?:run\s+)?test|cargo\s+test|go\s+test|go\s+vet|deno\s+(?:test|check|lint)|tox|jest|npx\s+(?:jest|vitest))\b/;
/** Writing to a file (not to another stream or to nothing), `find` that acts, and commands inside commands. */
const WRITES = />(?!\s*(?:&|\/dev\/null))|-exec|-delete|\$\(|`|\btee\b/;

/** Whether a call of a shell, or of git, can change nothing but files that tests leave behind. */
export function isInspection(tool: string, params: Readonly<Record<string, Json>>): boolean {
  const command = commandOf(params);
  if (command === null || WRITES.test(command)) return false;
  if (tool === "git") return GIT_LOOKS.test(command.trim());
  return command.split(/&&|\|\||[;|\n]/).every((part) => looks(part.trim()));
}

/** The command line of a call, or null. */
export function commandOf(params: Readonly<Record<string, Json>>): string | null {
  for (const name of ["command", "cmd", "subcommand", "args"]) {
    const value = params[name];
    if (typeof value === "string") return value;
  }
  return null;
}

function looks(part: string): boolean {
  if (part === "" || TESTS.test(part)) return true;
  const word = /^\S+/.exec(part)![0];
  return word === "git" ? GIT_LOOKS.test(part) : LOOKS.test(word);
}
