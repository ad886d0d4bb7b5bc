/**
 * SWE-agent's command strings as tool calls: `open a.py 12` is `open {path, line_number}`. What is no command of the
 * agent's own interface is a shell command.
 *
 * @module
 */
import type { Json } from "../../core/schema.ts";

/** A tool call. */
export interface SweCall {
  readonly tool: string;
  readonly params: Readonly<Record<string, Json>>;
}

/**
 * Splits a command string. Parameters have the names of SWE-agent's own tool definitions. A line that does not fit its
 * command, or that the shell must read (`open a.py && ls`), stays a `bash` call.
 */
export function splitCommand(text: string): SweCall {
  const command = text.trim();
  const name = /^[\w-]+/.exec(command)?.[0] ?? "";
  const params = Object.hasOwn(COMMANDS, name) ? COMMANDS[name]!(command.slice(name.length)) : null;
  return params === null
    ? { tool: "bash", params: { command: text.replace(/\n$/, "") } }
    : { tool: name, params };
}

type Parse = (rest: string) => Record<string, Json> | null;

const none: Parse = (rest) => rest.trim() === "" ? {} : null;

const COMMANDS: Readonly<Record<string, Parse>> = {
  open: words(1, ["path", "line_number"]),
  goto: words(1, ["line_number"]),
  scroll_up: none,
  scroll_down: none,
  create: words(1, ["filename"]),
  search_dir: words(1, ["search_term", "dir"]),
  search_file: words(1, ["search_term", "file"]),
  find_file: words(1, ["file_name", "dir"]),
  edit,
  insert,
  str_replace_editor: editor,
  submit: none,
  exit_forfeit: none,
};

const NUMBERS: ReadonlySet<string> = new Set(["line_number", "insert_line"]);

/** A command of words in the order of `names`, the first `required` of which must be there. */
function words(required: number, names: readonly string[]): Parse {
  return (rest) => {
    const found = shellWords(rest);
    if (found === null || found.length < required || found.length > names.length) return null;
    return Object.fromEntries(found.map((word, index) => valueOf(names[index]!, word)));
  };
}

/** `edit 3:5`, new lines, `end_of_edit`; or `edit 'search' 'replace' [replace-all]`. */
function edit(rest: string): Record<string, Json> | null {
  const block = /^\s+(\d+):(\d+)[ \t]*\n(?:([\s\S]*)\n)?end_of_edit\s*$/.exec(rest);
  if (block !== null) {
    return {
      replacement_text: block[3] ?? "",
      start_line: Number(block[1]),
      end_line: Number(block[2]),
    };
  }
  const found = shellWords(rest);
  if (found === null || found.length < 2 || found.length > 3) return null;
  const [search, replace, all] = found;
  return {
    search: search!,
    replace: replace!,
    ...(all === undefined ? {} : { "replace-all": all !== "False" }),
  };
}

/** `insert 'text' [line]`. */
function insert(rest: string): Record<string, Json> | null {
  const found = shellWords(rest);
  if (found === null || found.length < 1 || found.length > 2) return null;
  return { text: found[0]!, ...(found[1] === undefined ? {} : { line: Number(found[1]) }) };
}

/** `str_replace_editor view /a --view_range 1 9`: two words, then flags with their values. */
function editor(rest: string): Record<string, Json> | null {
  const found = shellWords(rest);
  if (found === null || found.length < 2 || found[0]!.startsWith("--")) return null;
  const params: Record<string, Json> = { command: found[0]!, path: found[1]! };
  for (let at = 2; at < found.length;) {
    const flag = /^--(\w+)$/.exec(found[at++]!)?.[1];
    if (flag === undefined) return null;
    if (flag === "view_range") {
      params[flag] = [Number(found[at++]), Number(found[at++])];
      if (params[flag].some((line) => !Number.isInteger(line))) return null;
    } else {
      if (at >= found.length) return null;
      const [key, value] = valueOf(flag, found[at++]!);
      params[key] = value;
    }
  }
  return params;
}

function valueOf(name: string, word: string): [string, Json] {
  return [name, NUMBERS.has(name) && /^\d+$/.test(word) ? Number(word) : word];
}

/** Words as a POSIX shell splits them, or null when a shell would do more than split: run, pipe, redirect, expand. */
function shellWords(text: string): string[] | null {
  const found: string[] = [];
  const token = /[ \t\r]*(?:((?:'[^']*'|"(?:[^"\\]|\\[\s\S])*"|\\[\s\S]|[^\s'"\\;&|<>()`$])+)|$)/y;
  let end = 0;
  while (end < text.length) {
    token.lastIndex = end;
    const match = token.exec(text);
    if (match === null) return null;
    end = token.lastIndex;
    if (match[1] === undefined) break;
    found.push(unquote(match[1]));
  }
  return found;
}

function unquote(word: string): string {
  return word.replace(/'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])/g, (_, single, double, escaped) => {
    return single ?? double?.replace(/\\(["\\$`\n])/g, "$1") ?? escaped;
  });
}
