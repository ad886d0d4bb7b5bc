/**
 * Inputs of a command as trajectories, with what was dropped on the way counted.
 *
 * @module
 */
import { z } from "zod";
import type { LogIssue, ReadOptions } from "../../core/adapter.ts";
import type { CommandContext } from "../../core/command.ts";
import { readLogs } from "../../core/logs.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import { openSources } from "../files/mod.ts";

/** Field for inputs that may be files, folders, globs or standard input. */
export const inputsField: z.ZodType<string[], string[]> = z.array(z.string()).min(1).describe(
  "Files, folders, globs, or - for standard input",
);

/** Field for the format of the inputs. */
export const formatField: z.ZodType<string | undefined, string | undefined> = z.string().optional().describe(
  "Format of the inputs, such as openhands; detected when left out",
);

/** Issues by what they are, with the first few in full. */
export class IssueCounts {
  readonly #counts = new Map<string, number>();
  readonly #examples: LogIssue[] = [];
  readonly #limit: number;

  /** @param limit Issues that are kept in full. */
  constructor(limit = 20) {
    this.#limit = limit;
  }

  /** Counts one issue. */
  add(issue: LogIssue): void {
    this.#counts.set(issue.what, (this.#counts.get(issue.what) ?? 0) + 1);
    if (this.#examples.length < this.#limit) this.#examples.push(issue);
  }

  /** Counts by what, the most frequent first. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
  }

  /** The first issues. */
  get examples(): readonly LogIssue[] {
    return this.#examples;
  }
}

/** What {@linkcode trajectoriesOf} takes beside the inputs. */
export interface InputOptions {
  readonly format?: string | undefined;
  readonly report?: ReadOptions["report"] | undefined;
  readonly onIssue?: (issue: LogIssue) => void;
}

/** Streams the trajectories of inputs, whatever their format. */
export function trajectoriesOf(
  inputs: readonly string[],
  { kernel, cwd, stdin, signal }: Pick<CommandContext, "kernel" | "cwd" | "stdin" | "signal">,
  { format, report, onIssue }: InputOptions = {},
): AsyncIterable<Trajectory> {
  return readLogs(kernel, openSources(inputs, { cwd, stdin }), {
    signal,
    ...(format === undefined ? {} : { format }),
    ...(report === undefined ? {} : { report }),
    ...(onIssue === undefined ? {} : { onIssue }),
  });
}
