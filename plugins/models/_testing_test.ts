/** What tests of models share: recorded folders, a folder that goes away, a message in full. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { isGymError } from "../../core/errors.ts";

/** Recorded models and adapters; their README says where they come from. */
export const GOLDEN: string = fileURLToPath(new URL("../../tests/golden/models/", import.meta.url));

/** Names of the recorded models; NAME-lora is an adapter for each. */
export const NAMES: readonly string[] = ["tiny-llama", "tiny-qwen2", "tiny-qwen3"];

/** Runs a test in a folder of its own. */
export async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The names in a folder, sorted. */
export function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

/** Asserts that something fails with a code and a message. */
export async function assertFails(run: () => unknown, code: string, message: string): Promise<void> {
  try {
    await run();
  } catch (thrown) {
    assert.ok(isGymError(thrown), String(thrown));
    assert.deepEqual([thrown.code, thrown.message], [code, message]);
    return;
  }
  assert.fail(`wanted ${code}: ${message}`);
}
