/**
 * Runs a task's verifier on the workspace and leaves no trace: its files are put in just before and everything is put
 * back afterwards, so an agent can neither prepare nor read them.
 *
 * @module
 */
import type { ExecResult } from "../../core/runtime.ts";
import type { ToolContext } from "./tool.ts";

/** What the verifier did, or null when the task has none. */
export async function verify(
  { runtime, task, timeoutMs, signal }: Omit<ToolContext, "step">,
): Promise<ExecResult | null> {
  if (task.verifier === undefined) return null;
  const before = await runtime.snapshot();
  try {
    for (const [path, text] of Object.entries(task.verifierFiles)) {
      await clear(path, (prefix) => runtime.remove(prefix), (folder) => runtime.list(folder));
      await runtime.writeFile(path, text);
    }
    return await runtime.exec(task.verifier, { timeoutMs, ...(signal === undefined ? {} : { signal }) });
  } finally {
    await runtime.restore(before);
  }
}

/** Removes what stands in the way of a file: a link or file among its folders, and the file itself. */
async function clear(
  path: string,
  remove: (path: string) => Promise<void>,
  list: (path: string) => Promise<readonly { path: string; kind: string }[]>,
): Promise<void> {
  const parts = path.split("/");
  for (let length = 1; length < parts.length; length++) {
    const prefix = parts.slice(0, length).join("/");
    const there = (await list(parts.slice(0, length - 1).join("/") || ".")).find((entry) =>
      entry.path === prefix
    );
    if (there === undefined) return;
    if (there.kind !== "directory") return await remove(prefix);
  }
  await remove(path);
}
