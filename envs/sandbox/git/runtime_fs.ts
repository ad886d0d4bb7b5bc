/**
 * The files of a runtime in the shape that isomorphic-git works on.
 *
 * @module
 */
import { hasCode } from "../../../core/errors.ts";
import type { Runtime, WorkspaceEntry } from "../../../core/runtime.ts";
import type { PromiseFsClient } from "isomorphic-git";

/** A file system whose folders exist as long as they hold something. */
export function runtimeFs(runtime: Runtime): PromiseFsClient {
  const lstat = async (path: string): Promise<Stat> => {
    if (path === runtime.workspace || path === `${runtime.workspace}/.`) return new Stat("directory", 0, 0);
    const at = path.replace(/\/+$/, "").lastIndexOf("/");
    const name = path.slice(runtime.workspace.length + 1).replace(/\/+$/, "");
    const entries: readonly WorkspaceEntry[] = await orMissing(path, runtime.list(path.slice(0, at)));
    const entry = entries.find((entry) => entry.path === name);
    if (entry === undefined) throw missing(path);
    const hash = entry.kind === "file" ? fnv(await runtime.readFile(path)) : 0;
    return new Stat(entry.kind, entry.size, hash);
  };
  return {
    promises: {
      readFile: async (path: string, options?: string | { encoding?: string }) => {
        const bytes = await orMissing(path, runtime.readFile(path));
        const encoding = typeof options === "string" ? options : options?.encoding;
        return encoding === undefined ? bytes : new TextDecoder().decode(bytes);
      },
      writeFile: (path: string, data: Uint8Array | string) => runtime.writeFile(path, data),
      unlink: (path: string) => runtime.remove(path),
      readdir: async (path: string) =>
        (await orMissing(path, runtime.list(path))).map((entry) => entry.path.split("/").at(-1)!),
      mkdir: () => Promise.resolve(), // writing a file makes its folders
      rmdir: async (path: string) => {
        if ((await orMissing(path, runtime.list(path))).length > 0) {
          throw Object.assign(new Error(`ENOTEMPTY: ${path}`), { code: "ENOTEMPTY" });
        }
        await runtime.remove(path);
      },
      stat: lstat,
      lstat,
      readlink: noLinks,
      symlink: noLinks,
    },
  };
}

/** File status. The time is a hash of the contents, so that a change of equal size is seen and nothing else is. */
class Stat {
  readonly type: "file" | "dir" | "symlink";
  readonly mode: number;
  readonly ino = 0;
  readonly uid = 0;
  readonly gid = 0;
  readonly dev = 0;
  readonly ctimeMs: number;
  readonly mtimeMs: number;

  constructor(kind: WorkspaceEntry["kind"], readonly size: number, hash: number) {
    this.type = kind === "directory" ? "dir" : kind;
    this.mode = kind === "directory" ? 0o40755 : 0o100644;
    this.ctimeMs = this.mtimeMs = hash * 1000;
  }

  isFile(): boolean {
    return this.type === "file";
  }

  isDirectory(): boolean {
    return this.type === "dir";
  }

  isSymbolicLink(): boolean {
    return this.type === "symlink";
  }
}

async function orMissing<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    if (hasCode(thrown, "FILE_ACCESS")) throw missing(path);
    throw thrown;
  }
}

// deno-lint-ignore require-await -- a failure is a rejection, not an exception
async function noLinks(path: string): Promise<never> {
  throw Object.assign(new Error(`symbolic links are not followed here: '${path}'`), { code: "ENOSYS" });
}

function missing(path: string): Error {
  return Object.assign(new Error(`ENOENT: no such file or directory, '${path}'`), { code: "ENOENT" });
}

function fnv(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 1; // seconds of an index entry have 31 bits
}
