/**
 * The manifest of a checkpoint: size and SHA-256 of every file in it. It is written last, so a folder whose manifest
 * agrees with its files is whole.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { messageOf } from "../../../core/errors.ts";
import { describeIssues } from "../../../core/schema.ts";
import { naturalOrder } from "../../files/mod.ts";

/** Name of the file. */
export const MANIFEST_FILE = "manifest.json";

/** What the manifest says of one file. */
export interface FileSum {
  /** Size in bytes. */
  readonly bytes: number;
  /** SHA-256, in hexadecimal digits. */
  readonly sha256: string;
}

/** What a manifest says. */
export interface Manifest {
  /** Step after which the checkpoint was taken. */
  readonly step: number;
  /** The number that the best checkpoint is chosen by; null: none, or not finite. */
  readonly metric: number | null;
  /** Files by path in the folder, with `/` between names. */
  readonly files: Readonly<Record<string, FileSum>>;
}

const schema: z.ZodType<Manifest> = z.object({
  step: z.int().min(0),
  metric: z.number().nullable(),
  files: z.record(
    z.string().regex(/^(?!.*(^|\/)\.\.?(\/|$))[^/\\][^\\]*$/), // inside the folder: a manifest may come from anywhere
    z.object({ bytes: z.int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  ),
});

/** Measures every file of a folder. Links are not followed and count as files that cannot be kept. */
export async function measure(folder: string): Promise<Manifest["files"]> {
  const files: [string, FileSum][] = [];
  for (const path of (await pathsIn(folder)).sort(naturalOrder)) {
    files.push([path, await sumOf(join(folder, path))]);
  }
  return Object.fromEntries(files);
}

/**
 * Reads the manifest of a folder and, when `verify`, every file it names.
 *
 * @returns The manifest, or what is wrong with the folder.
 */
export async function readManifest(
  folder: string,
  verify: boolean,
): Promise<{ manifest: Manifest } | { problem: string }> {
  try {
    const value: unknown = JSON.parse(await Deno.readTextFile(join(folder, MANIFEST_FILE)));
    const parsed = schema.safeParse(value);
    if (!parsed.success) {
      return { problem: `${MANIFEST_FILE}: ${describeIssues(parsed.error.issues, value).join("; ")}` };
    }
    const manifest = parsed.data;
    for (const [path, wanted] of verify ? Object.entries(manifest.files) : []) {
      const problem = await problemOf(folder, path, wanted);
      if (problem !== null) return { problem: `${path}: ${problem}` };
    }
    return { manifest };
  } catch (thrown) {
    return { problem: `${MANIFEST_FILE}: ${messageOf(thrown)}` };
  }
}

async function problemOf(folder: string, path: string, wanted: FileSum): Promise<string | null> {
  const file = join(folder, path);
  const size = await Deno.stat(file).then(({ size }) => size, () => null);
  if (size === null) return "it is not there";
  if (size !== wanted.bytes) return `wanted ${wanted.bytes} bytes: received ${size}`;
  const { sha256 } = await sumOf(file);
  return sha256 === wanted.sha256 ? null : `wanted SHA-256 ${wanted.sha256}: received ${sha256}`;
}

async function pathsIn(folder: string, prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(join(folder, prefix))) {
    const path = `${prefix}${name}`;
    if (isDirectory) paths.push(...await pathsIn(folder, `${path}/`));
    else if (isFile) paths.push(path);
    else {throw new TypeError(
        `Cannot keep "${path}" in a checkpoint: wanted a file: received a link or device`,
      );}
  }
  return paths;
}

async function sumOf(path: string): Promise<FileSum> {
  using file = await Deno.open(path);
  const hash = createHash("sha256");
  const buffer = new Uint8Array(1024 * 1024);
  let bytes = 0;
  for (let read = await file.read(buffer); read !== null; read = await file.read(buffer)) {
    hash.update(buffer.subarray(0, read));
    bytes += read;
  }
  return { bytes, sha256: hash.digest("hex") };
}
