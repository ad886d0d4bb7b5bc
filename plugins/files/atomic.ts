/**
 * Whole files or nothing: written to a temporary file beside the target, renamed at the end. A process that is killed
 * leaves the old file as it was.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { fileError, onFile } from "./file_error.ts";

const BUFFER_CHARS = 256 * 1024;
const utf8 = new TextEncoder();

/**
 * Writes a file in one piece, making its folders. What is no regular file (`/dev/null`, a pipe) is written to directly.
 *
 * @throws {GymError} `FILE_ACCESS` or `PERMISSION`.
 */
export async function writeAtomic(path: string, contents: string | Uint8Array): Promise<void> {
  const bytes = typeof contents === "string" ? utf8.encode(contents) : contents;
  await replaceFile(path, (write) => write(bytes));
}

/**
 * Writes rows as JSON Lines in one piece, streaming. When a row cannot be had, nothing is written and its error passes
 * on unchanged.
 *
 * @returns Number of rows.
 * @throws {GymError} `FILE_ACCESS` or `PERMISSION`. @throws {TypeError} For a row that JSON cannot say.
 */
export async function writeJsonl(
  path: string,
  rows: AsyncIterable<unknown> | Iterable<unknown>,
): Promise<number> {
  let count = 0;
  await replaceFile(path, async (write) => {
    let buffer = "";
    for await (const row of rows) {
      buffer += jsonLine(row);
      count++;
      if (buffer.length < BUFFER_CHARS) continue;
      await write(utf8.encode(buffer));
      buffer = "";
    }
    await write(utf8.encode(buffer));
  });
  return count;
}

/** One value as a line of JSON. @throws {TypeError} For what JSON cannot say. */
export function jsonLine(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) {
    throw new TypeError(`Cannot write a line of JSON: wanted a JSON value: received ${typeof value}`);
  }
  return `${text}\n`;
}

/** Writes all of the bytes; the file system may take them in pieces. */
export async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

type Write = (bytes: Uint8Array) => Promise<void>;

async function replaceFile(path: string, fill: (write: Write) => Promise<void>): Promise<void> {
  const { target, temporary } = await targetOf(path);
  const file = await onFile("write", path, async () => {
    await Deno.mkdir(dirname(target), { recursive: true });
    return await Deno.open(temporary ?? target, { write: true, create: temporary !== null });
  });
  try {
    try {
      await fill((bytes) => onFile("write", path, () => writeAll(file, bytes)));
      if (temporary !== null) await onFile("write", path, () => file.syncData());
    } finally {
      file.close();
    }
    if (temporary !== null) await onFile("write", path, () => Deno.rename(temporary, target));
  } catch (thrown) {
    if (temporary !== null) await Deno.remove(temporary).catch(() => {}); // the first error is the one to report
    throw thrown;
  }
}

/** Where the bytes go in the end, links resolved, and through which temporary file; null: straight there. */
async function targetOf(path: string): Promise<{ target: string; temporary: string | null }> {
  const target = await Deno.realPath(path).catch(() => path); // not there yet
  const info = await Deno.stat(target).catch(() => null);
  if (info?.isDirectory) throw fileError("write", path, new Deno.errors.IsADirectory());
  if (info !== null && !info.isFile) return { target, temporary: null };
  const name = `.${basename(target)}.${crypto.randomUUID().slice(0, 8)}.tmp`; // chance names the file, not its contents
  return { target, temporary: join(dirname(target), name) };
}
