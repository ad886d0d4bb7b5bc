/**
 * Arguments → one command and its input. The parser is built from the commands alone: words of the verb from `path`,
 * flags from the JSON Schema of `input`, so help, completion and checking come from one place.
 *
 * @module
 */
import { object, or } from "@optique/core/constructs";
import { runParserSync } from "@optique/core/facade";
import { formatMessage, lineBreak, type Message, text } from "@optique/core/message";
import type { Parser } from "@optique/core/parser";
import { command as verb } from "@optique/core/primitives";
import { map } from "@optique/core/modifiers";
import type { Command } from "../../core/command.ts";
import { GymError } from "../../core/errors.ts";
import { hint } from "../../core/id.ts";
import { describeIssues } from "../../core/schema.ts";
import { fieldParser, flagOf, inputFields } from "./_flags.ts";

/** What arguments mean: a command to run, a text to print (help, completion), or a mistake. */
export type Parsed =
  | { readonly command: Command; readonly input: unknown }
  | { readonly output: string }
  | { readonly error: GymError };

/** What {@linkcode parseArguments} takes beside commands and arguments. */
export interface ParseArgumentsOptions {
  /** Name of the program in help. @default "gym" */
  readonly program?: string;
  /** One line above the list of commands. */
  readonly brief?: string;
  /** Lines below the list of commands, for flags that belong to the program and not to a command. */
  readonly footer?: readonly string[];
  /** Columns to wrap help at. @default 100 */
  readonly width?: number;
}

type Chosen = { readonly command: Command; readonly raw: Readonly<Record<string, unknown>> };
type ChosenParser = Parser<"sync", Chosen, unknown>;

/** Reads arguments. Never prints, never exits, never throws for what a user typed. */
export function parseArguments(
  commands: readonly Command[],
  args: readonly string[],
  options: ParseArgumentsOptions = {},
): Parsed {
  const { program = "gym", width = 100 } = options;
  const tree = treeOf(commands);
  const mistake = unknownWord(tree, args, program);
  if (mistake !== null) return { error: mistake };
  let output = "";
  const end: unique symbol = Symbol("the parser has printed");
  const print = (lines: string) => {
    output += `${lines}\n`;
  };
  const given = args.length === 0 ? ["--help"] : args;
  const result = runParserSync<ChosenParser, typeof end, GymError>(parserOf(tree), program, given, {
    help: { option: { names: ["--help", "-h"] }, command: true, onShow: (): typeof end => end },
    completion: { command: true, onShow: (): typeof end => end },
    stdout: print,
    stderr: () => {},
    aboveError: "none",
    commandList: "top-level",
    usageLine: [{ type: "ellipsis" }],
    maxWidth: width,
    termWidth: "auto",
    showDefault: { prefix: " (default ", suffix: ")" },
    showChoices: true,
    ...(options.brief === undefined ? {} : { brief: [text(options.brief)] }),
    ...(options.footer === undefined ? {} : { footer: linesOf(options.footer) }),
    onError: (_exitCode: number, message: Message) => usageError(mistakeOf(tree, args, message)),
  }) as Chosen | GymError | typeof end;
  if (result === end) return { output };
  return result instanceof GymError ? { error: result } : checked(result);
}

/** Passes raw flags through the command's own schema, so that bounds and defaults are the schema's. */
function checked({ command, raw }: Chosen): Parsed {
  const given = Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== undefined));
  const result = command.input.safeParse(given);
  if (result.success) return { command, input: result.data };
  const issues = describeIssues(result.error.issues, given).map((line) =>
    line.replace(/^[A-Za-z0-9]+/, (field) => flagOf(command, field))
  );
  return { error: usageError(`Cannot run "${command.path.join(" ")}": ${issues.join("; ")}`) };
}

function usageError(message: string, data: Readonly<Record<string, unknown>> = {}): GymError {
  return new GymError("INVALID_OPTIONS", message, data);
}

/** Verbs by word. A node has words below it, a command, or both. */
interface Node {
  command?: Command;
  readonly words: Map<string, Node>;
}

function treeOf(commands: readonly Command[]): Node {
  const root: Node = { words: new Map() };
  for (const command of commands) {
    let node = root;
    for (const word of command.path) {
      const next = node.words.get(word) ?? { words: new Map() };
      node.words.set(word, next);
      node = next;
    }
    if (node.command !== undefined) {
      throw new GymError("CLASHING_ID", `Cannot add command "${command.path.join(" ")}": the verb is taken`, {
        path: command.path,
      });
    }
    node.command = command;
  }
  return root;
}

/** Words that the parser library answers itself. */
const LIBRARY_WORDS = ["help", "completion"];

/** The first word that is no verb, with the nearest one. The library's own hint looks at flags as well. */
function unknownWord(root: Node, args: readonly string[], program: string): GymError | null {
  let node = root;
  const path: string[] = [];
  for (const word of args) {
    if (word.startsWith("-") || node.words.size === 0) return null;
    if (node === root && LIBRARY_WORDS.includes(word)) return null;
    const next = node.words.get(word);
    if (next === undefined) {
      if (node.command !== undefined) return null;
      const near = hint(word, node.words.keys()) || `: known are ${[...node.words.keys()].sort().join(", ")}`;
      return usageError(`Cannot run "${[...path, word].join(" ")}": no such command${near}`, { word });
    }
    path.push(word);
    node = next;
  }
  if (node.command !== undefined || node === root) return null;
  return usageError(
    `Cannot run "${path.join(" ")}": wanted one of ${
      [...node.words.keys()].sort().join(", ")
    }: see ${program} ${path.join(" ")} --help`,
  );
}

function parserOf(node: Node): ChosenParser {
  const branches = [...node.words].sort(([a], [b]) => (a < b ? -1 : 1)).map(([word, below]) =>
    verb(word, parserOf(below), {
      brief: [text(below.command?.summary ?? groupSummary(below))],
      ...(below.command === undefined ? {} : { footer: examplesOf(below.command) }),
    }) as ChosenParser
  );
  if (node.command !== undefined) branches.push(commandParser(node.command));
  const [first, ...rest] = branches;
  if (first === undefined) throw new TypeError("Cannot read arguments: wanted at least one command");
  // Sound: every branch yields a Chosen; `or` is typed for a fixed number of branches only.
  return rest.reduce((all, next) => or(all, next) as unknown as ChosenParser, first);
}

function commandParser(command: Command): ChosenParser {
  const fields = Object.fromEntries(inputFields(command).map((field) => [field.name, fieldParser(field)]));
  const raw = object(fields);
  return map(raw as Parser<"sync", Readonly<Record<string, unknown>>, unknown>, (value) => ({
    command,
    raw: value,
  }));
}

/** What the parser library found, said in this program's way: which verb, which flag, the nearest one. */
function mistakeOf(root: Node, args: readonly string[], message: Message): string {
  const said = plain(message);
  const words: string[] = [];
  let node: Node = root;
  for (const word of args) {
    const next = node.words.get(word);
    if (next === undefined) break;
    words.push(word);
    node = next;
  }
  const verb = `Cannot run "${words.join(" ") || args.join(" ")}"`;
  const known = node.command === undefined ? [] : flagsOf(node.command);
  const unknown = args.map((arg) => arg.replace(/=.*$/s, "")).find((arg) =>
    arg.startsWith("-") && !["-", "--"].includes(arg) && !known.includes(arg) && said.includes(arg)
  );
  return unknown === undefined
    ? `${verb}: ${said}`
    : `${verb}: no such flag "${unknown}"${
      hint(unknown, known.filter((flag) => flag.startsWith("--"))) ||
      `: ${known.length === 0 ? "it takes none" : `known are ${known.join(", ")}`}`
    }`;
}

function flagsOf(command: Command): string[] {
  return inputFields(command).filter(({ positional }) => !positional).flatMap(({ name, schema, short }) => [
    flagOf(command, name),
    ...(schema["type"] === "boolean" ? [flagOf(command, name).replace("--", "--no-")] : []),
    ...(short === undefined ? [] : [`-${short}`]),
  ]);
}

/** A message of the parser library in this program's style: no back-quotes, no full stop, lower case after a colon. */
function plain(message: Message): string {
  return formatMessage(message, { quotes: true }).replaceAll("`", "").replace(/\.$/, "")
    .replace(
      /(^|: )([A-Z])(?=[a-z])/g,
      (_all, before: string, letter: string) => before + letter.toLowerCase(),
    );
}

function groupSummary(node: Node): string {
  return [...node.words.keys()].sort().join(", ");
}

function examplesOf(command: Command): Message {
  const lines = command.examples.flatMap(({ line, does }): Message => [
    lineBreak(),
    text(`  gym ${line}`),
    lineBreak(),
    text(`      ${does}`),
  ]);
  return [text("Examples:"), ...lines];
}

function linesOf(lines: readonly string[]): Message {
  return lines.flatMap((line, index): Message => index === 0 ? [text(line)] : [lineBreak(), text(line)]);
}
