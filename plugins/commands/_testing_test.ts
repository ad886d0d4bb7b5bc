/** What tests of commands share: a kernel of small things, a context, a folder that goes away. */
import type { CommandContext } from "../../core/command.ts";
import { createKernel, type Kernel } from "../../core/kernel.ts";
import { seeded } from "../../core/prng.ts";
import domains from "../../domains/mod.ts";
import tiny from "../../tests/e2e/tiny_plugin.ts";
import wrappers from "../wrappers/mod.ts";

/** Domains, wrappers and the tiny plugin. */
export const tinyKernel: Kernel = createKernel({ plugins: [domains, wrappers, tiny] });

/** A context with a clock that stands still. Lines of progress are kept. */
export function contextAt(cwd: string, signal: AbortSignal = new AbortController().signal) {
  const lines: string[] = [];
  const context: CommandContext = {
    kernel: tinyKernel,
    cwd,
    progress: (line) => void lines.push(line),
    now: () => 1_700_000_000_000,
    prng: seeded(0),
    signal,
    stdin: () => new Blob([]).stream(),
    write: () => Promise.resolve(),
  };
  return { context, lines };
}

/** Runs a test in a folder of its own. */
export async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
