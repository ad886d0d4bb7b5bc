/**
 * Making the disk keep what was written before something else is said about it: a rename is only as good as the bytes
 * it names.
 *
 * @module
 */
import { join } from "node:path";

/** Waits until all files and folders below `folder`, and the folder itself, are on the disk. */
export async function syncTree(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) await syncTree(path);
    else await syncPath(path, { read: true, write: true }); // Windows syncs only what may be written
  }
  await syncFolder(folder);
}

/** Waits until the names in a folder are on the disk. Windows has no such call and orders them itself. */
export async function syncFolder(folder: string): Promise<void> {
  if (Deno.build.os !== "windows") await syncPath(folder, { read: true });
}

async function syncPath(path: string, options: Deno.OpenOptions): Promise<void> {
  using file = await Deno.open(path, options);
  await file.sync();
}
