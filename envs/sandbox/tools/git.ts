/**
 * The git tool: the runtime's own git where it has one, and otherwise the everyday verbs on the workspace's files.
 *
 * @module
 */
import { z } from "zod";
import { GIT_VERBS, type GitContext, UsageError } from "../git/verbs.ts";
import { runtimeFs } from "../git/runtime_fs.ts";
import { defineTool, done, failed, type SandboxTool } from "../tool.ts";
import { outcomeOf, quote } from "./shell.ts";

/** git, with its arguments as a list: no shell sees them. */
export const gitTool: SandboxTool = defineTool(
  "git",
  `Runs git in the workspace: ${Object.keys(GIT_VERBS).join(", ")}`,
  z.strictObject({
    args: z.array(z.string()).min(1).describe('Arguments, for example ["commit", "-m", "Fix"]'),
  }),
  async ({ args }, { runtime, timeoutMs, signal, step }) => {
    const limits = { timeoutMs, ...(signal === undefined ? {} : { signal }) };
    if ((await runtime.exec("command -v git", limits)).exitCode === 0) {
      return outcomeOf(await runtime.exec(quote(["git", ...args]), limits));
    }
    const verb = Object.hasOwn(GIT_VERBS, args[0]!) ? GIT_VERBS[args[0]!] : undefined;
    if (verb === undefined) {
      return failed(`git ${args[0]} is not here: there are ${Object.keys(GIT_VERBS).join(", ")}`);
    }
    const context: GitContext = { fs: runtimeFs(runtime), dir: runtime.workspace, runtime, step };
    try {
      return done(await verb(args.slice(1), context) || "(no output)");
    } catch (thrown) {
      // Errors of the library carry a code; anything else is a fault of ours or of the runtime.
      const { code, message } = thrown as { code?: unknown; message?: unknown };
      if (thrown instanceof UsageError || typeof code === "string") return failed(`git: ${String(message)}`);
      throw thrown;
    }
  },
);
