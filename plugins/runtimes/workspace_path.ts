/**
 * Paths of a workspace: what leads out of it is refused.
 *
 * @module
 */
import { GymError } from "../../core/errors.ts";

/**
 * An absolute, normalised path inside `workspace`. Relative paths start at the workspace.
 *
 * @param act What is being done, for the message: `read`.
 * @param shown The path as the caller gave it, for the message.
 * @throws {GymError} `FILE_ACCESS` when the path leads out of the workspace or holds a NUL.
 */
export function workspacePath(workspace: string, path: string, act: string, shown: string = path): string {
  const parts: string[] = [];
  const absolute = path.startsWith("/") ? path : `${workspace}/${path}`;
  for (const part of absolute.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  const normal = `/${parts.join("/")}`;
  if (path.includes("\0") || (normal !== workspace && !normal.startsWith(`${workspace}/`))) {
    throw fileAccess(act, shown, `wanted a path inside ${workspace}`);
  }
  return normal;
}

/** A `FILE_ACCESS` error: `Cannot <act> "<path>": <why>`. */
export function fileAccess(act: string, path: string, why: string): GymError {
  return new GymError("FILE_ACCESS", `Cannot ${act} "${path}": ${why}`, { path });
}
