/**
 * Data sets on disk: files of JSON Lines, read as one, each row with its true place.
 *
 * @module
 */
import { resolve } from "node:path";
import type { CommandContext } from "../../../core/command.ts";
import { GymError } from "../../../core/errors.ts";
import type { ExportRow } from "../../../core/exporter.ts";
import { readJsonl } from "../../../core/jsonl.ts";
import { onFile } from "../../files/file_error.ts";
import { openSources } from "../../files/mod.ts";

/** One file. */
export interface DataFile {
  /** As it was named: what messages and the split of a data set go by. */
  readonly name: string;
  /** Absolute path. */
  readonly path: string;
}

/** Finds the files that inputs name. @throws {GymError} `INVALID_OPTIONS` for `-`; `FILE_ACCESS`, `PERMISSION`. */
export async function findData(
  inputs: readonly string[],
  { cwd, stdin }: Pick<CommandContext, "cwd" | "stdin">,
): Promise<readonly DataFile[]> {
  if (inputs.includes("-")) {
    throw new GymError(
      "INVALID_OPTIONS",
      "Cannot read data from standard input: wanted files: data are read more than once, and again on resume",
      {},
    );
  }
  const files: DataFile[] = [];
  for await (const { name, files: within } of openSources(inputs, { cwd, stdin })) {
    for (const file of within ?? [{ name }]) files.push({ name: file.name, path: resolve(cwd, file.name) });
  }
  return files;
}

/** Rows of files, one file after another. */
export class DataRows {
  readonly #files: readonly DataFile[];
  /** Rows from which on the line runs along with the row: the first of each file, and after each blank line. */
  #marks: { readonly row: number; readonly file: string; readonly line: number }[] = [];

  /** Rows that the last pass has given out so far. */
  count = 0;

  /** Reads nothing yet. */
  constructor(files: readonly DataFile[]) {
    this.#files = files;
  }

  /** One pass. @throws {GymError} `INVALID_DATA` for a line that is not JSON, naming it; `FILE_ACCESS`, `PERMISSION`. */
  async *rows(): AsyncGenerator<ExportRow> {
    this.#marks = [];
    this.count = 0;
    for (const { name, path } of this.#files) {
      const file = await onFile("read", name, () => Deno.open(path));
      let expected = -1;
      for await (const { line, value } of readJsonl(file.readable, { file: name })) {
        if (line !== expected) this.#marks.push({ row: this.count, file: name, line });
        expected = line + 1;
        this.count++;
        yield value as ExportRow; // the trainer reads it field by field and refuses what is no row
      }
    }
  }

  /** Where row n stands, once it was given out. */
  place(row: number): { readonly file: string; readonly line: number } {
    const mark = this.#marks.findLast((mark) => mark.row <= row);
    if (mark === undefined) throw new RangeError(`Cannot place row ${row}: wanted one that was read`);
    return { file: mark.file, line: mark.line + row - mark.row };
  }
}
