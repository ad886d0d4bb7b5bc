/**
 * A folder that appears whole or not at all: filled beside its place, then renamed.
 *
 * @module
 */
import { GymError } from "../../core/errors.ts";
import { onFile } from "../files/file_error.ts";

/**
 * Makes the folder `path` out of what `fill` writes into the folder it is given. What an earlier, killed attempt left
 * is removed first; when `fill` throws, nothing is left.
 *
 * @throws {GymError} `FILE_ACCESS`, also when `path` exists and is not empty. What `fill` throws passes on.
 */
export async function writeFolder(path: string, fill: (part: string) => Promise<void>): Promise<void> {
  const target = path.replace(/\/+$/, "");
  const part = `${target}.part`;
  await refuseContents(target);
  await onFile("write", target, async () => {
    await Deno.remove(part, { recursive: true }).catch(ignoreMissing);
    await Deno.mkdir(part, { recursive: true });
  });
  try {
    await fill(part);
    await onFile("write", target, () => Deno.rename(part, target));
  } catch (thrown) {
    await Deno.remove(part, { recursive: true }).catch(() => {}); // the first error is the one to report
    throw thrown;
  }
}

/** Refuses a folder that holds something. @throws {GymError} `FILE_ACCESS`. */
export async function refuseContents(path: string): Promise<void> {
  try {
    for await (const { name } of Deno.readDir(path)) {
      throw new GymError(
        "FILE_ACCESS",
        `Cannot write "${path}": wanted a new or empty folder: received one that holds "${name}"`,
        { path },
      );
    }
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) await onFile("write", path, () => Promise.reject(thrown));
  }
}

function ignoreMissing(thrown: unknown): void {
  if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
}
