/**
 * Where rows of a command go: a file, whole or not at all, or standard output, line by line.
 *
 * @module
 */
import { resolve } from "node:path";
import type { CommandContext } from "../../core/command.ts";
import { writeJsonl } from "../files/mod.ts";

const BUFFER_BYTES = 64 * 1024;

/** What was written. */
export interface Written {
  readonly rows: number;
  /** The file as it was named; `-` for standard output. */
  readonly to: string;
}

/** Writes rows as JSON Lines. No output, or `-`, is standard output. */
export async function writeRows(
  rows: AsyncIterable<unknown>,
  output: string | undefined,
  { cwd, write }: Pick<CommandContext, "cwd" | "write">,
): Promise<Written> {
  if (output !== undefined && output !== "-") {
    return { rows: await writeJsonl(resolve(cwd, output), rows), to: output };
  }
  const encoder = new TextEncoder();
  let count = 0;
  let buffer = "";
  for await (const row of rows) {
    buffer += `${JSON.stringify(row)}\n`;
    count++;
    if (buffer.length < BUFFER_BYTES) continue;
    await write(encoder.encode(buffer));
    buffer = "";
  }
  await write(encoder.encode(buffer));
  return { rows: count, to: "-" };
}

/** `12 trajectories`, `1 row`. */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
