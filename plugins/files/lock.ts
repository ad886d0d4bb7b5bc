/**
 * One process at a time on a file. The system gives the lock back when the process ends, however it ends.
 *
 * @module
 */
import { dirname } from "node:path";
import { GymError } from "../../core/errors.ts";
import { fileError } from "./file_error.ts";

/**
 * Makes and locks a file; disposing removes it again.
 *
 * @param shown What is locked, for messages.
 * @throws {GymError} `FILE_ACCESS` when another process holds it or the file cannot be made.
 */
export async function lockFile(path: string, shown: string): Promise<AsyncDisposable> {
  let file: Deno.FsFile;
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
    file = await Deno.open(path, { create: true, write: true });
  } catch (thrown) {
    throw fileError("write", shown, thrown);
  }
  if (!await file.tryLock(true) || !await isSameFile(file, path)) {
    file.close();
    throw new GymError("FILE_ACCESS", `Cannot write ${shown}: another process is at work on it`, {
      file: shown,
    });
  }
  return {
    [Symbol.asyncDispose]: async () => {
      file.close();
      await Deno.remove(path).catch(() => {}); // the next process may have made it its own already
    },
  };
}

/** Whether the path still leads to the open file: a process that ended meanwhile may have removed it. */
async function isSameFile(file: Deno.FsFile, path: string): Promise<boolean> {
  try {
    return (await file.stat()).ino === (await Deno.stat(path)).ino;
  } catch {
    return false;
  }
}
