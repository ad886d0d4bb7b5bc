/**
 * Errors of the file system in words: which path, what was tried, why not, and which permission would help.
 *
 * @module
 */
import { GymError, isGymError, messageOf } from "../../core/errors.ts";

/** What was tried. */
export type FileAct = "read" | "write";

const REASONS: readonly (readonly [new (...args: never[]) => Error, string])[] = [
  [Deno.errors.NotFound, "no such file or folder"],
  [Deno.errors.PermissionDenied, "the system denies access"],
  [Deno.errors.NotADirectory, "a part of the path is a file, not a folder"],
  [Deno.errors.IsADirectory, "it is a folder"],
  [Deno.errors.FilesystemLoop, "its links lead in a circle"],
];

/**
 * The error to throw for something the file system threw: `PERMISSION` naming the flag when the process lacks one,
 * else `FILE_ACCESS`. An error that already has a code of ours is given back.
 */
export function fileError(act: FileAct, path: string, thrown: unknown): GymError {
  if (isGymError(thrown)) return thrown;
  if (thrown instanceof Deno.errors.NotCapable) {
    const flag = /--allow-[a-z]+/.exec(thrown.message)?.[0] ?? `--allow-${act}`;
    return new GymError("PERMISSION", `Cannot ${act} "${path}": wanted permission ${flag}=${path}`, {
      path,
      flag,
    }, { cause: thrown });
  }
  const reason = REASONS.find(([type]) => thrown instanceof type)?.[1] ?? messageOf(thrown);
  return new GymError("FILE_ACCESS", `Cannot ${act} "${path}": ${reason}`, { path, reason }, {
    cause: thrown,
  });
}

/** Runs something on a file, errors in words. */
export async function onFile<T>(act: FileAct, path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    throw fileError(act, path, thrown);
  }
}
