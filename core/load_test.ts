import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { GymError } from "./errors.ts";
import { loadPlugin } from "./load.ts";

const here = fileURLToPath(new URL(".", import.meta.url));

async function inFolder(
  files: Record<string, string>,
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function failure(specifier: string, cwd: string): Promise<GymError> {
  try {
    await loadPlugin(specifier, { cwd });
  } catch (thrown) {
    assert.ok(thrown instanceof GymError);
    return thrown;
  }
  throw new Error("wanted a failure");
}

const PLUGIN = `export default { name: "acme/one", version: "1.0.0", provides: [] };`;

Deno.test("loadPlugin() loads a file and a folder with a deno.json, relative to cwd", async () => {
  await inFolder({ "mod.ts": PLUGIN, "deno.json": `{"exports": "./mod.ts"}` }, async (folder) => {
    assert.equal((await loadPlugin("./mod.ts", { cwd: folder })).name, "acme/one");
    assert.equal((await loadPlugin(".", { cwd: folder })).name, "acme/one");
    assert.equal((await loadPlugin(folder, { cwd: here })).name, "acme/one");
  });
});

Deno.test("loadPlugin() takes the entry . of an exports table", async () => {
  await inFolder(
    { "main.ts": PLUGIN, "deno.json": `{"exports": {".": "./main.ts", "./x": "./x.ts"}}` },
    async (folder) => {
      assert.equal((await loadPlugin(".", { cwd: folder })).name, "acme/one");
    },
  );
});

Deno.test("loadPlugin() names the specifier and what is missing", async () => {
  await inFolder(
    { "a.ts": "export const x = 1;", "b.ts": "throw new Error('no key');", "deno.json": "{}" },
    async (folder) => {
      const missing = await failure("./none.ts", folder);
      assert.equal(missing.code, "PLUGIN_LOAD");
      assert.equal(missing.message, `Cannot load plugin "./none.ts": no file or folder at ${folder}/none.ts`);
      assert.equal(
        (await failure(".", folder)).message,
        `Cannot load plugin ".": deno.json has no exports field with an entry "."`,
      );
      const wrong = await failure("./a.ts", folder);
      assert.equal(wrong.code, "INVALID_PLUGIN");
      assert.equal(
        wrong.message,
        `Cannot use plugin "./a.ts": wanted a plugin as default export: received undefined`,
      );
      assert.equal((await failure("./b.ts", folder)).message, `Cannot load plugin "./b.ts": no key`);
    },
  );
});

Deno.test("loadPlugin() says that a folder needs a deno.json", async () => {
  await inFolder({ "a.ts": PLUGIN }, async (folder) => {
    assert.equal(
      (await failure(".", folder)).message,
      `Cannot load plugin ".": wanted a deno.json in the folder ${folder}`,
    );
  });
});

Deno.test("loadPlugin() says that a package does not exist", async () => {
  const error = await failure("data:text/javascript,export default 3", here);
  assert.equal(
    error.message,
    `Cannot use plugin "data:text/javascript,export default 3": wanted a plugin as default export: received number`,
  );
});

Deno.test({
  name: "loadPlugin() says which permission is missing",
  permissions: { read: false, import: true },
  async fn() {
    const error = await failure("/tmp/some_plugin.ts", "/");
    assert.equal(error.code, "PERMISSION");
    assert.equal(
      error.message,
      `Cannot load plugin "/tmp/some_plugin.ts": the process lacks a permission: run again with --allow-read`,
    );
  },
});
