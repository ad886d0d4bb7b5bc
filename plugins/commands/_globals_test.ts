import assert from "node:assert/strict";
import { errorText, exitCodeOf } from "./_exit_code.ts";
import { takeGlobals } from "./_globals.ts";
import { GymError } from "../../core/errors.ts";

Deno.test("takeGlobals() takes the program's flags from anywhere before --", () => {
  assert.deepEqual(
    takeGlobals(["--json", "score", "--plugin", "./a", "x", "--debug", "--plugin=jsr:@b/c", "--", "--json"]),
    {
      plugins: ["./a", "jsr:@b/c"],
      json: true,
      debug: true,
      version: false,
      rest: ["score", "x", "--", "--json"],
    },
  );
});

Deno.test("takeGlobals() takes --version when it stands alone", () => {
  assert.equal(takeGlobals(["--version"]).version, true);
  assert.equal(takeGlobals(["score", "--version"]).version, false);
});

Deno.test("takeGlobals() refuses --plugin without a value", () => {
  assert.throws(() => takeGlobals(["score", "--plugin"]), {
    code: "INVALID_OPTIONS",
    message: "Cannot load plugin: --plugin: wanted a file, folder or specifier",
  });
});

Deno.test("exitCodeOf() tells usage, input and failure apart", () => {
  assert.equal(exitCodeOf(new GymError("UNKNOWN_ID", "")), 2);
  assert.equal(exitCodeOf(new GymError("FILE_ACCESS", "")), 3);
  assert.equal(exitCodeOf(new GymError("PLUGIN_FAILED", "")), 1);
  assert.equal(exitCodeOf(new Error("")), 1);
});

Deno.test("errorText() is one line for people and JSON for programs", () => {
  const error = new GymError("INVALID_DATA", "Cannot read a:\n  b", { file: "a" });
  assert.equal(errorText(error, { json: false, debug: false }), "error: Cannot read a: b");
  assert.deepEqual(JSON.parse(errorText(error, { json: true, debug: false })), {
    error: { code: "INVALID_DATA", message: "Cannot read a:\n  b", data: { file: "a" } },
  });
  assert.match(errorText(error, { json: false, debug: true }), /^error: .*\nGymError: .*\n[^]* {4}at /);
  assert.equal(errorText("text", { json: false, debug: false }), "error: text");
});
