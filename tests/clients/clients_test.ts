/**
 * Clients over packages that are no import of the project: whoever has a package in the lock file downloads it with the
 * first command. So these tests run in processes that write no lock file, and are skipped where a package cannot be had.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { PACKAGES } from "../../plugins/policies/chat_client/_package.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

async function deno(...args: string[]): Promise<{ readonly success: boolean; readonly output: string }> {
  const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env: { NO_COLOR: "1" } });
  const { success, stdout, stderr } = await command.output();
  return { success, output: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

for (
  const [file, name] of [
    ["openai", "openai"],
    ["anthropic", "@anthropic-ai/sdk"],
    ["serve", "openai"],
    ["transformers", "@huggingface/transformers"],
  ] as const
) {
  const there = (await deno("cache", "--no-lock", PACKAGES[name])).success;
  Deno.test({
    name: `${file}.ts passes with ${name}${there ? "" : " (skipped: it cannot be downloaded)"}`,
    ignore: !there,
    fn: async () => {
      const { success, output } = await deno("test", "-A", "--no-lock", `tests/clients/${file}.ts`);
      assert.ok(success, output);
    },
  });
}
