/**
 * The tools of the sandbox in the order an agent sees them.
 *
 * @module
 */
import type { SandboxTool } from "./tool.ts";
import { endTools } from "./tools/ends.ts";
import { fileTools } from "./tools/files.ts";
import { gitTool } from "./tools/git.ts";
import { shellTools } from "./tools/shell.ts";

/** All tools. */
export const sandboxTools: readonly SandboxTool[] = [...fileTools, ...shellTools, gitTool, ...endTools];
