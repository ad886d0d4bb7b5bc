/**
 * Commands: a verb written once, served as CLI verb, and later as MCP tool and HTTP route. A command gets parsed
 * input and a context; it never touches arguments, the terminal or the exit.
 *
 * @module
 */
import type { Kernel } from "./kernel.ts";
import { defineKind, type Kind } from "./kind.ts";
import type { Prng } from "./prng.ts";
import type { Json, Schema } from "./schema.ts";

/** What became of a command. 0 done, 1 findings or failure, 2 usage, 3 input or output. */
export type ExitCode = 0 | 1 | 2 | 3;

/** What a command returns. */
export interface CommandResult {
  /** The result as data: what `--json` prints. */
  readonly data: Json;
  /** The same for people. */
  readonly text: string;
  /** How it went. @default 0 */
  readonly exitCode?: ExitCode;
}

/** What a command may use of the world around it. */
export interface CommandContext {
  /** The plugins. */
  readonly kernel: Kernel;
  /** Folder that relative paths start from, absolute. */
  readonly cwd: string;
  /** One line of progress for people. Goes to stderr. */
  progress(line: string): void;
  /** Milliseconds since 1970, for records of when something ran. */
  now(): number;
  /** Randomness. */
  readonly prng: Prng;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /**
   * Lets a command take Ctrl-C for something smaller than its own end: `handle` is called instead of aborting
   * `signal`, until what this returns is disposed. Absent where there is no Ctrl-C.
   */
  onInterrupt?(handle: () => void): Disposable;
  /** Bytes of standard input, for inputs named `-`. */
  stdin(): ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Writes to standard output while the command runs, for results that are streams (`-o -`). */
  write(chunk: Uint8Array): Promise<void>;
}

/** A worked example for help. */
export interface CommandExample {
  /** The line to type, without the program's name. */
  readonly line: string;
  /** What it does, in a few words. */
  readonly does: string;
}

/** One verb. `I` is the parsed input. */
export interface Command {
  /** Words of the verb: `["env", "list"]`. */
  readonly path: readonly string[];
  /** One line for lists. */
  readonly summary: string;
  /** Schema of the input: an object whose fields have descriptions. Each field is a flag in kebab case. */
  readonly input: Schema;
  /** Fields given as arguments rather than flags, in order; the last one may be an array. */
  readonly positionals: readonly string[];
  /** One-letter flags by field: `{ output: "o" }`. */
  readonly short?: Readonly<Record<string, string>>;
  /** At least one. */
  readonly examples: readonly CommandExample[];
  /** Does it. @param input Output of the schema `input`. */
  run(input: never, context: CommandContext): Promise<CommandResult>;
}

/** The kind of commands. */
export const command: Kind<Command> = defineKind<Command>("command");
