/**
 * Unified differences between two states of a repository, by the `diff` program of the runtime.
 *
 * @module
 */
import git, { STAGE, TREE, type WalkerEntry, WORKDIR } from "isomorphic-git";
import type { Runtime } from "../../../core/runtime.ts";
import type { GitContext } from "./verbs.ts";

/** A state of the files: the index, the working tree, a commit, or null for nothing. */
export type Side = "stage" | "workdir" | string | null;

/** The difference from `before` to `after`, of all files or of those at or under `paths`. */
export async function diffTrees(
  at: GitContext,
  before: Side,
  after: Side,
  paths: readonly string[],
): Promise<string> {
  const [a, b] = [await filesOf(at, before), await filesOf(at, after)];
  const others = after === "workdir" ? await filesOf(at, "stage") : b; // a file nobody added is not shown
  const tracked = [...new Set([...a.keys(), ...others.keys()])].sort();
  const wanted = tracked.filter((file) =>
    paths.length === 0 || paths.some((path) => path === "." || file === path || file.startsWith(`${path}/`))
  );
  const parts: string[] = [];
  await using scratch = await at.runtime.fork(); // so that nothing is left behind
  for (const file of wanted) {
    const [old, now] = [a.get(file), b.get(file)];
    if (old !== now) parts.push(await diffFile(scratch, file, old, now));
  }
  return parts.join("\n");
}

async function diffFile(
  scratch: Runtime,
  file: string,
  old: string | undefined,
  now: string | undefined,
): Promise<string> {
  await scratch.writeFile(".diff-old", old ?? "");
  await scratch.writeFile(".diff-new", now ?? "");
  const { stdout } = await scratch.exec("diff -u .diff-old .diff-new");
  const body = stdout.trimEnd().split("\n").filter((line, index) =>
    index > 3 || !/^(---|\+\+\+|===)/.test(line)
  );
  return [
    `diff --git a/${file} b/${file}`,
    `--- ${old === undefined ? "/dev/null" : `a/${file}`}`,
    `+++ ${now === undefined ? "/dev/null" : `b/${file}`}`,
    ...body,
  ].join("\n");
}

async function filesOf(at: GitContext, side: Side): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  if (side === null) return files;
  const walker = side === "stage" ? STAGE() : side === "workdir" ? WORKDIR() : TREE({ ref: side });
  await git.walk({
    ...at,
    trees: [walker],
    map: async (path: string, [entry]: (WalkerEntry | null)[]) => {
      if (entry === null || entry === undefined || path === ".") return true;
      if (await entry.type() === "blob") files.set(path, await contentOf(at, entry));
      return true;
    },
  });
  return files;
}

async function contentOf(at: GitContext, entry: WalkerEntry): Promise<string> {
  // The index knows ids only.
  const bytes = await entry.content() ?? (await git.readBlob({ ...at, oid: await entry.oid() })).blob;
  return new TextDecoder().decode(bytes as Uint8Array);
}
