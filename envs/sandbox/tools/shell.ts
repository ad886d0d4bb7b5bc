/**
 * Tools that run a command: shell and search.
 *
 * @module
 */
import { z } from "zod";
import type { ExecResult } from "../../../core/runtime.ts";
import { defineTool, done, type SandboxTool, type ToolOutcome } from "../tool.ts";

const shell: SandboxTool = defineTool(
  "shell",
  "Runs a bash command line. Every call starts in the workspace: folder and variables of the last call are gone, files stay",
  z.strictObject({
    command: z.string().min(1).describe("Command line"),
    timeout_ms: z.int().min(1).optional().describe("Stop the command after this many milliseconds"),
    cwd: z.string().min(1).optional().describe("Folder to start in"),
  }),
  async ({ command, timeout_ms, cwd }, { runtime, timeoutMs, signal }) =>
    outcomeOf(
      await runtime.exec(command, {
        timeoutMs: Math.min(timeout_ms ?? timeoutMs, timeoutMs),
        ...(cwd === undefined ? {} : { cwd }),
        ...(signal === undefined ? {} : { signal }),
      }),
    ),
);

const search: SandboxTool = defineTool(
  "search",
  "Finds lines that match a regular expression, as file:line:text",
  z.strictObject({
    pattern: z.string().min(1).describe("Extended regular expression"),
    path: z.string().min(1).default(".").describe("File or folder to search"),
    file_pattern: z.string().min(1).optional().describe("Only files whose name matches this glob"),
  }),
  async ({ pattern, path, file_pattern: glob }, { runtime, timeoutMs, signal }) => {
    const include = glob === undefined ? [] : [`--include=${glob}`];
    const words = ["grep", "-rnE", "--exclude-dir=.git", ...include, "-e", pattern, "--", path, "/dev/null"]; // a second file makes grep name the first
    const result = await runtime.exec(quote(words), {
      timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });
    if (result.exitCode === 1 && result.stderr === "") return done("No matches"); // grep's way to say none
    return outcomeOf(result);
  },
);

/** Words as a command line that the shell splits into exactly these words. */
export function quote(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}

/** What a command printed, and how it ended when not with 0. */
export function outcomeOf({ stdout, stderr, exitCode, truncated }: ExecResult): ToolOutcome {
  const parts = [stdout, stderr].filter((part) => part !== "").map((part) => part.replace(/\n$/, ""));
  if (exitCode !== 0) parts.push(`[exit code ${exitCode}]`);
  const error = exitCode === 0 ? null : stderr.trim() === "" ? `exit code ${exitCode}` : stderr.trim();
  return { observation: parts.join("\n") || "(no output)", exitCode, error, truncated };
}

/** shell and search. */
export const shellTools: readonly SandboxTool[] = [shell, search];
