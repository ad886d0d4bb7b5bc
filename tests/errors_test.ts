/** Every error code is raised by the library and seen by a test. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ERROR_CODES } from "../core/errors.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(`${root}${folder}`)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sources(path);
    else if (path.endsWith(".ts") && path !== "core/errors.ts" && path !== "tests/errors_test.ts") yield path;
  }
}

async function textOf(test: boolean): Promise<string> {
  let text = "";
  for (const folder of ["core", "plugins", "domains", "envs", "tests"]) {
    for await (const path of sources(folder)) {
      const isTest = path.endsWith("_test.ts") || path.startsWith("tests/");
      if (isTest === test) text += await Deno.readTextFile(`${root}${path}`);
    }
  }
  return text;
}

/** Codes raised by a class of their own rather than by name. */
const OWN_CLASS: Readonly<Record<string, string>> = { PLUGIN_FAILED: "new PluginError(" };

Deno.test("every error code is raised somewhere and asserted by a test", async () => {
  const [code, tests] = [await textOf(false), await textOf(true)];
  for (const name of Object.keys(ERROR_CODES)) {
    assert.ok(code.includes(OWN_CLASS[name] ?? `"${name}"`), `no code raises ${name}`);
    assert.ok(
      tests.includes(`"${name}"`) || tests.includes(OWN_CLASS[name]?.slice(4, -1) ?? "\0"),
      `no test sees ${name}`,
    );
  }
});

Deno.test("error codes are sorted and have a meaning each", () => {
  const names = Object.keys(ERROR_CODES);
  assert.deepEqual(names, [...names].sort());
  for (const meaning of Object.values(ERROR_CODES)) assert.match(meaning, /^[A-Z].{10,}[^.]$/);
});
