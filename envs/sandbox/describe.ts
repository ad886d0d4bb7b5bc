/**
 * What an agent reads first: the task, what lies in the workspace, and the tools.
 *
 * @module
 */
import type { Runtime } from "../../core/runtime.ts";
import type { ToolDefinition } from "../../core/trajectory.ts";
import type { SandboxTask } from "./task.ts";

const MAX_FILES = 200;

/** The observation of a reset. */
export async function describeReset(
  task: SandboxTask,
  workspace: Runtime,
  tools: readonly ToolDefinition[],
): Promise<string> {
  const files: string[] = [];
  await collect(workspace, ".", files);
  const shown = files.slice(0, MAX_FILES);
  if (files.length > MAX_FILES) shown.push("...");
  return [
    task.description.trim(),
    "",
    `Workspace ${workspace.workspace}:`,
    ...(shown.length === 0 ? ["(empty)"] : shown),
    "",
    `Tools: ${tools.map((tool) => tool.name).join(", ")}`,
  ].join("\n");
}

async function collect(workspace: Runtime, folder: string, files: string[]): Promise<void> {
  for (const { path, kind } of await workspace.list(folder)) {
    if (files.length > MAX_FILES || path === ".git") continue;
    if (kind === "directory") await collect(workspace, path, files);
    else files.push(path);
  }
}
