/**
 * A plugin that imports only the published name, loaded from a JSR registry by a host that runs another copy of the
 * library.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Registry, serveRegistry } from "./registry.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * A cache folder of its own that shares what npm has brought, so that nothing is fetched again, with the project's
 * configuration less its name and workspace, which would be taken in place of the registry's packages.
 */
async function cacheFolder(): Promise<string> {
  const info = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json"],
    stdout: "piped",
    cwd: root,
  }).output();
  const { npmCache } = JSON.parse(new TextDecoder().decode(info.stdout)) as { npmCache: string };
  const folder = await Deno.makeTempDir();
  await Deno.symlink(npmCache, join(folder, "npm"));
  const { workspace: _, name: _name, version: _version, exports: _exports, ...config } = JSON.parse(
    await Deno.readTextFile(join(root, "deno.json")),
  );
  await Deno.writeTextFile(join(folder, "deno.json"), JSON.stringify(config));
  return folder;
}

async function run(
  registry: Registry,
  cache: string,
  args: string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-lock", "--config", join(cache, "deno.json"), ...args],
    cwd: root,
    env: { JSR_URL: registry.url, DENO_DIR: cache, NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code: child.code, stdout: text(child.stdout), stderr: text(child.stderr) };
}

async function withRegistry(use: (registry: Registry, cache: string) => Promise<void>): Promise<void> {
  await using registry = await serveRegistry([
    { folder: root, include: ["mod.ts", "cli.ts", "deno.json", "core", "plugins", "domains", "envs"] },
    { folder: join(root, "examples/plugins/support_desk") },
  ]);
  const cache = await cacheFolder();
  try {
    await use(registry, cache);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

Deno.test("a plugin from jsr: works in a host that runs another copy of the library", async () => {
  await withRegistry(async (registry, cache) => {
    const { code, stdout, stderr } = await run(registry, cache, ["tests/third_party/host.ts"]);
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /@knowlyr\/gym\/0\.1\.0\/mod\.ts/,
      "the plugin's own copy of the library was not loaded",
    );
    assert.deepEqual(JSON.parse(stdout), {
      domain: "support",
      steps: 4,
      decisive: [1, 0, 1, 1],
      refersTo: 0,
      terminated: true,
      code: "ENV_STATE",
      options: `Cannot use options of env "acme/support-desk-v1": tickets: expected number: received "two"`,
    });
  });
});

Deno.test("the CLI loads a plugin by its jsr: name and shows what it provides", async () => {
  await withRegistry(async (registry, cache) => {
    const { code, stdout, stderr } = await run(registry, cache, [
      "cli.ts",
      "env",
      "show",
      "acme/support-desk-v1",
      "--plugin",
      "jsr:@acme/support-desk",
      "--json",
    ]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"acme\/support-desk-v1"/);
  });
});

Deno.test("a jsr: package that does not exist is an error that names it", async () => {
  await withRegistry(async (registry, cache) => {
    const { code, stderr } = await run(registry, cache, [
      "cli.ts",
      "env",
      "list",
      "--plugin",
      "jsr:@acme/nothing",
    ]);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /error: Cannot load plugin "jsr:@acme\/nothing": .*JSR package not found: @acme\/nothing/,
    );
  });
});
