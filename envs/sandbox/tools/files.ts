/**
 * Tools that read and change files without a shell.
 *
 * @module
 */
import { z } from "zod";
import type { Runtime } from "../../../core/runtime.ts";
import { defineTool, done, failed, type SandboxTool } from "../tool.ts";

const path = z.string().min(1).describe("Path, relative to the workspace or absolute inside it");

const fileRead: SandboxTool = defineTool(
  "file_read",
  "Shows a text file, or some of its lines",
  z.strictObject({
    path,
    start_line: z.int().min(1).optional().describe("First line to show, from 1"),
    end_line: z.int().min(1).optional().describe("Last line to show, inclusive"),
  }),
  async ({ path, start_line: start = 1, end_line: end }, { runtime }) => {
    const text = await readText(runtime, path);
    if (start === 1 && end === undefined) return done(text);
    const lines = text.split("\n");
    if (lines.at(-1) === "") lines.pop();
    if (start > lines.length) {
      return failed(`${path} has ${lines.length} lines: received start_line ${start}`);
    }
    if (end !== undefined && end < start) return failed(`end_line ${end} is before start_line ${start}`);
    return done(lines.slice(start - 1, end).map((line) => `${line}\n`).join(""));
  },
);

const fileWrite: SandboxTool = defineTool(
  "file_write",
  "Writes a file, replacing what was there and making missing folders",
  z.strictObject({ path, content: z.string().describe("The whole text of the file") }),
  async ({ path, content }, { runtime }) => {
    await runtime.writeFile(path, content);
    return done(`Wrote ${new TextEncoder().encode(content).length} bytes to ${path}`);
  },
);

const fileEdit: SandboxTool = defineTool(
  "file_edit",
  "Replaces a text that occurs exactly once in a file",
  z.strictObject({
    path,
    old_string: z.string().min(1).describe("Text to replace, exactly as in the file; must occur once"),
    new_string: z.string().describe("Text to put in its place"),
  }),
  async ({ path, old_string: old, new_string: replacement }, { runtime }) => {
    const text = await readText(runtime, path);
    const times = text.split(old).length - 1;
    if (times !== 1) return failed(`wanted old_string exactly once in ${path}: found it ${times} times`);
    await runtime.writeFile(path, text.replace(old, () => replacement));
    return done(`Edited ${path}`);
  },
);

const listDir: SandboxTool = defineTool(
  "list_dir",
  "Lists a folder; names of folders end in a slash",
  z.strictObject({ path: path.default(".").describe("Folder to list") }),
  async ({ path }, { runtime }) => {
    const entries = await runtime.list(path);
    if (entries.length === 0) return done("(empty)");
    return done(
      entries.map(({ path, kind, size }) => kind === "directory" ? `${path}/` : `${path} (${size} bytes)`)
        .join("\n"),
    );
  },
);

async function readText(runtime: Runtime, path: string): Promise<string> {
  return new TextDecoder().decode(await runtime.readFile(path));
}

/** file_read, file_write, file_edit and list_dir. */
export const fileTools: readonly SandboxTool[] = [fileRead, fileWrite, fileEdit, listDir];
