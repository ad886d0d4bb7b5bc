/**
 * Inputs as people name them → logs to read: files, folders, globs, `-` for standard input.
 *
 * @module
 */
import { basename, join, matchesGlob, relative, resolve } from "node:path";
import type { LogSource } from "../../core/adapter.ts";
import { GymError } from "../../core/errors.ts";
import { fileError, onFile } from "./file_error.ts";
import { naturalOrder } from "./natural_order.ts";
import { replayStream } from "./replay_stream.ts";

/** What {@linkcode openSources} takes beside the inputs. */
export interface OpenSourcesOptions {
  /** Folder that relative paths start from, absolute. */
  readonly cwd: string;
  /** Bytes of standard input, for the input `-`. */
  readonly stdin: () => ReadableStream<Uint8Array<ArrayBuffer>>;
}

const CHUNK_BYTES = 256 * 1024;

/**
 * Finds what the inputs name, in the order of the inputs; inside a folder or glob in natural order.
 *
 * A folder gives one source for itself and one for each folder below it, as far as they hold files. Names that start
 * with a dot are left out, links to folders are not followed. A glob knows `*`, `**`, `?`, `[…]` and `{…}`; an existing
 * path of that spelling is taken as it is.
 *
 * @throws {GymError} `FILE_ACCESS` for what does not exist, cannot be read or matches nothing; `PERMISSION`.
 */
export async function* openSources(
  inputs: readonly string[],
  { cwd, stdin }: OpenSourcesOptions,
): AsyncGenerator<LogSource> {
  for (const input of inputs) {
    if (input === "-") {
      yield { name: "-", files: null, size: null, open: replayStream("-", stdin) };
      continue;
    }
    const path = resolve(cwd, input);
    if (!/[*?[{]/.test(input) || await exists(path)) {
      yield* sourcesAt(path, input);
      continue;
    }
    const matches = await Array.fromAsync(globbed(input, cwd));
    if (matches.length === 0) {
      throw new GymError("FILE_ACCESS", `Cannot read "${input}": no file matches`, { path: input });
    }
    for (const match of matches) yield* sourcesAt(resolve(cwd, match), match);
  }
}

async function* sourcesAt(path: string, name: string): AsyncGenerator<LogSource> {
  const info = await onFile("read", name, () => Deno.stat(path));
  if (!info.isDirectory) {
    yield fileSource(path, name, info.isFile ? info.size : null);
    return;
  }
  const { files, folders } = await contentsOf(path, name);
  if (files.length > 0) yield folderSource(name, files);
  for (const folder of folders) yield* sourcesAt(join(path, folder), join(name, folder));
}

interface Contents {
  readonly files: readonly LogSource[];
  readonly folders: readonly string[];
}

/** What lies in a folder, in natural order. */
async function contentsOf(path: string, name: string): Promise<Contents> {
  const entries = (await onFile("read", name, () => Array.fromAsync(Deno.readDir(path))))
    .filter((entry) => !entry.name.startsWith("."))
    .sort((a, b) => naturalOrder(a.name, b.name));
  const files: LogSource[] = [];
  for (const entry of entries) {
    if (entry.isDirectory) continue;
    const at = join(name, entry.name);
    const info = await onFile("read", at, () => Deno.stat(join(path, entry.name)));
    if (info.isFile) files.push(fileSource(join(path, entry.name), at, info.size));
  }
  return { files, folders: entries.filter((entry) => entry.isDirectory).map((entry) => entry.name) };
}

function fileSource(path: string, name: string, size: number | null): LogSource {
  return { name, files: null, size, open: () => ReadableStream.from(chunksOf(path, name)) };
}

function folderSource(name: string, files: readonly LogSource[]): LogSource {
  const size = files.reduce((sum, file) => sum + (file.size ?? 0), 0);
  const open = (): never => {
    throw fileError("read", name, new Deno.errors.IsADirectory());
  };
  return { name, files, size, open };
}

async function* chunksOf(path: string, name: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  using file = await onFile("read", name, () => Deno.open(path));
  for (;;) {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const bytes = await onFile("read", name, () => file.read(chunk));
    if (bytes === null) return;
    yield chunk.subarray(0, bytes);
  }
}

/** Paths relative to `cwd`, or absolute for an absolute pattern, that a glob matches, in natural order. */
async function* globbed(pattern: string, cwd: string): AsyncGenerator<string> {
  const full = resolve(cwd, pattern);
  const parts = full.split("/");
  const fixed = parts.slice(0, parts.findIndex((part) => /[*?[{]/.test(part))).join("/") || "/";
  if (!await exists(fixed)) return;
  for await (
    const path of walk(fixed, full.includes("**") ? Infinity : parts.length - fixed.split("/").length)
  ) {
    if (matchesGlob(path, full)) yield pattern.startsWith("/") ? path : relative(cwd, path);
  }
}

/** Everything below a folder, names with a leading dot left out. */
async function* walk(folder: string, depth: number): AsyncGenerator<string> {
  const entries = await onFile("read", folder, () => Array.fromAsync(Deno.readDir(folder)));
  for (const entry of entries.sort((a, b) => naturalOrder(a.name, b.name))) {
    const path = join(folder, entry.name);
    if (basename(path).startsWith(".")) continue;
    yield path;
    if (entry.isDirectory && depth > 1) yield* walk(path, depth - 1);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotADirectory) return false;
    throw fileError("read", path, thrown);
  }
}
