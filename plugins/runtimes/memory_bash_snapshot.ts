/**
 * The file map of the in-memory shell as a snapshot and back: contents of the workspace by path, everything else
 * (modes, folders, links, files outside the workspace) in `extra`.
 *
 * @module
 */
import { GymError } from "../../core/errors.ts";
import type { WorkspaceSnapshot } from "../../core/runtime.ts";
import type { FileEntry, FileMap } from "./memory_bash_protocol.ts";

/** Packs a file map. `extra` has one line an entry by absolute path, and the clock under `ticks`. */
export function packFiles(
  runtime: string,
  workspace: string,
  map: FileMap,
  ticks: number,
): WorkspaceSnapshot {
  const files: Record<string, string> = {};
  const extra: Record<string, string> = { ticks: String(ticks) };
  for (const [path, entry] of [...map].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (entry.kind === "symlink") extra[path] = `symlink ${entry.target}`;
    else extra[path] = `${entry.kind} ${entry.mode.toString(8)} ${entry.mtime}`;
    if (entry.kind !== "file") continue;
    const contents = entry.contents.toBase64();
    if (path.startsWith(`${workspace}/`)) files[path.slice(workspace.length + 1)] = contents;
    else extra[path] += ` ${contents}`;
  }
  return { runtime, files, extra };
}

/**
 * Unpacks what {@linkcode packFiles} made.
 *
 * @throws {GymError} `INVALID_DATA` on a line that it did not write.
 */
export function unpackFiles(
  workspace: string,
  { files, extra = {} }: WorkspaceSnapshot,
): { files: Map<string, FileEntry>; ticks: number } {
  const map = new Map<string, FileEntry>();
  for (const [path, line] of Object.entries(extra)) {
    if (path === "ticks") continue;
    const inside = path.startsWith(`${workspace}/`) ? files[path.slice(workspace.length + 1)] : undefined;
    map.set(path, entryOf(path, line, inside));
  }
  return { files: map, ticks: Number(extra["ticks"] ?? 0) };
}

function entryOf(path: string, line: string, inside: string | undefined): FileEntry {
  if (line.startsWith("symlink ")) return { kind: "symlink", target: line.slice("symlink ".length) };
  const [kind, mode, mtime, outside = ""] = line.split(" ");
  const stat = { mode: parseInt(mode ?? "", 8), mtime: Number(mtime) };
  if (kind === "directory") return { kind, ...stat };
  if (kind === "file") return { kind, ...stat, contents: Uint8Array.fromBase64(inside ?? outside) };
  throw new GymError(
    "INVALID_DATA",
    `Cannot restore workspace: wanted file, directory or symlink at "${path}": received "${line}"`,
    { path },
  );
}
