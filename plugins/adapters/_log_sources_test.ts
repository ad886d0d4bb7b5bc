/**
 * Logs in memory, for the tests of adapters.
 *
 * @module
 */
import type { Adapter, LogIssue, LogSource, ReadOptions } from "../../core/adapter.ts";
import { adapter } from "../../core/adapter.ts";
import { createKernel } from "../../core/kernel.ts";
import type { Contribution } from "../../core/kind.ts";
import { definePlugin } from "../../core/plugin.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import { parseTrajectory } from "../../core/trajectory_schema.ts";

/** A file of text. */
export function fileOf(name: string, text: string): LogSource {
  const open = () => new Response(text).body!;
  return { name, open, files: null, size: new TextEncoder().encode(text).length };
}

/** A folder of files. */
export function folderOf(name: string, files: readonly LogSource[]): LogSource {
  return { ...fileOf(name, ""), files, size: null };
}

/** A real log. */
export function realLog(name: string): string {
  return Deno.readTextFileSync(new URL(`../../examples/logs/${name}`, import.meta.url));
}

/** Values as JSON Lines. */
export function linesOf(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join("");
}

/** Makes an adapter through a kernel. */
export function makeAdapter(contribution: Contribution<Adapter>): Promise<Adapter> {
  const plugin = definePlugin({ name: "test/adapter", version: "0.0.0", provides: [contribution] });
  return createKernel({ plugins: [plugin] }).make(adapter, contribution.id, {});
}

/** Reads all of a log, checks every trajectory against the schema, and collects the issues. */
export async function readAll(
  reader: Adapter,
  source: LogSource,
  options: ReadOptions = {},
): Promise<{ trajectories: Trajectory[]; issues: LogIssue[] }> {
  const issues: LogIssue[] = [];
  const trajectories: Trajectory[] = [];
  for await (
    const trajectory of reader.read(source, {
      ...options,
      onIssue: (issue) => issues.push(issue),
    })
  ) {
    trajectories.push(parseTrajectory(JSON.parse(JSON.stringify(trajectory))));
  }
  return { trajectories, issues };
}
