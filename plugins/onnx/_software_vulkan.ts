/**
 * Runs scripts of tests on the provider for WebGPU, without a graphics card: on SwiftShader, a Vulkan driver in software.
 *
 * The driver is chosen when a process starts, so such a script is a process of its own that prints JSON.
 */
const DRIVER = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** Whether tests on WebGPU are left out. */
export const skipped: boolean = !isThere(DRIVER);

/** A test's name, with the reason when it is left out. */
export function named(name: string): string {
  return skipped ? `${name} (left out: no ${DRIVER}: install the Debian package chromium)` : name;
}

/** What a script prints on WebGPU, parsed. */
export async function onWebgpu<T>(script: URL): Promise<T> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", "--no-check", script.href],
    env: { VK_ICD_FILENAMES: DRIVER, XDG_RUNTIME_DIR: "/tmp" },
  });
  const { success, stdout, stderr } = await command.output();
  if (!success) throw new Error(`${script.pathname}: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout)) as T;
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
