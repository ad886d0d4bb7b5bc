/**
 * Appending to JSON Lines: a line is written in one piece, and a line that a killed process left half written is cut
 * off when the file is opened again.
 *
 * @module
 */
import { dirname } from "node:path";
import { jsonLine, writeAll } from "./atomic.ts";
import { onFile } from "./file_error.ts";

const BLOCK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** Appends values to one file. Calls may overlap; lines keep the order of the calls. One appender a file at a time. */
export class JsonlAppender implements AsyncDisposable {
  /** Whether opening found a torn last line and put it right. */
  readonly repaired: boolean;
  readonly #path: string;
  readonly #file: Deno.FsFile;
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(path: string, file: Deno.FsFile, repaired: boolean) {
    this.#path = path;
    this.#file = file;
    this.repaired = repaired;
  }

  /**
   * Opens a file for appending, making it and its folders. A last line without an end is kept when it is a whole object
   * or array, and cut off otherwise.
   *
   * @throws {GymError} `FILE_ACCESS` or `PERMISSION`.
   */
  static async open(path: string): Promise<JsonlAppender> {
    return await onFile("write", path, async () => {
      await Deno.mkdir(dirname(path), { recursive: true });
      const file = await Deno.open(path, { read: true, write: true, create: true });
      try {
        return new JsonlAppender(path, file, await repair(file));
      } catch (thrown) {
        file.close();
        throw thrown;
      }
    });
  }

  /**
   * Appends one line. After a failed write every further append fails the same way, so that no line follows a torn one.
   *
   * @throws {GymError} `FILE_ACCESS`. @throws {TypeError} For what JSON cannot say, or after `close`.
   */
  async append(value: unknown): Promise<void> {
    if (this.#closed) {
      throw new TypeError(`Cannot append to "${this.#path}": wanted an open file: received a closed one`);
    }
    const bytes = new TextEncoder().encode(jsonLine(value));
    this.#last = this.#last.then(() => onFile("write", this.#path, () => writeAll(this.#file, bytes)));
    await this.#last;
  }

  /** Waits for what is being appended and closes the file. Closing twice is allowed. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#last.catch(() => {}); // whoever appended was told
    this.#file.close();
  }

  /** Closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Ends the last line or cuts it off, and stands at the end. True when there was something to put right. */
async function repair(file: Deno.FsFile): Promise<boolean> {
  const size = await file.seek(0, Deno.SeekMode.End);
  const start = await lastLineStart(file, size);
  if (start === size) {
    await file.seek(0, Deno.SeekMode.End);
    return false;
  }
  const line = await readAt(file, start, size - start);
  if (isWhole(new TextDecoder().decode(line))) await writeAll(file, new Uint8Array([NEWLINE]));
  else await file.truncate(start);
  await file.seek(0, Deno.SeekMode.End);
  return true;
}

/** Position after the last line end. */
async function lastLineStart(file: Deno.FsFile, size: number): Promise<number> {
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - BLOCK_BYTES);
    const found = (await readAt(file, start, end - start)).lastIndexOf(NEWLINE);
    if (found !== -1) return start + found + 1;
    end = start;
  }
  return 0;
}

async function readAt(file: Deno.FsFile, start: number, length: number): Promise<Uint8Array> {
  await file.seek(start, Deno.SeekMode.Start);
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) at += await file.read(bytes.subarray(at)) ?? length;
  return bytes;
}

function isWhole(line: string): boolean {
  try {
    return typeof JSON.parse(line) === "object";
  } catch {
    return false;
  }
}
