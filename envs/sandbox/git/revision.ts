/**
 * Revisions as people write them: a branch, `HEAD`, a short id, each with `~2` or `^` behind it.
 *
 * @module
 */
import git, { type PromiseFsClient } from "isomorphic-git";

/** The id of the commit that `revision` means, or null when there is none. */
export async function findCommit(
  at: { readonly fs: PromiseFsClient; readonly dir: string },
  revision: string,
): Promise<string | null> {
  const [, name, back] = /^(.*?)((?:~\d*|\^)*)$/.exec(revision)!;
  let oid = await git.resolveRef({ ...at, ref: name! })
    .catch(() => git.expandOid({ ...at, oid: name! }))
    .catch(() => null);
  for (const [, count] of back!.matchAll(/~(\d*)|\^/g)) {
    for (let n = Number(count || 1); n > 0 && oid !== null; n--) {
      oid = (await git.readCommit({ ...at, oid })).commit.parent[0] ?? null;
    }
  }
  return oid;
}
