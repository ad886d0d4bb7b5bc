import assert from "node:assert/strict";
import { importPackage } from "./_package.ts";

const failing = (thrown: Error) => importPackage("openai", () => Promise.reject(thrown));

Deno.test("importPackage() names package and remedy when there is neither network nor a copy", async () => {
  await assert.rejects(failing(new TypeError("offline")), {
    code: "PLUGIN_LOAD",
    message: 'Cannot load package "npm:openai@^7": wanted the network or a copy in the cache ' +
      "(deno cache npm:openai@^7): received offline",
  });
});

Deno.test("importPackage() names the permission that is missing", async () => {
  const refused = new Deno.errors.NotCapable(
    'Requires env access to "X", run again with the --allow-env flag',
  );
  await assert.rejects(failing(refused), {
    code: "PERMISSION",
    message:
      'Cannot load package "npm:openai@^7": the process lacks a permission: run again with --allow-env',
  });
});
