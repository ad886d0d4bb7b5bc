import assert from "node:assert/strict";
import { z } from "zod";
import { type Env, env } from "../../../core/env.ts";
import { createKernel } from "../../../core/kernel.ts";
import { definePlugin } from "../../../core/plugin.ts";
import { withEnvOptions } from "./_env_options.ts";

const place = env("tests/place-v1", {
  description: "Has options",
  options: z.strictObject({
    code: z.string(),
    size: z.int(),
    limits: z.record(z.string(), z.json()),
  }),
  create: (): Env => assert.fail("it is not made"),
});
const kernel = createKernel({
  plugins: [definePlugin({ name: "tests/place", version: "0.1.0", provides: [place] })],
});
const read = (texts: readonly string[], given = {}) => withEnvOptions(given, texts, kernel, "place");

Deno.test("withEnvOptions() types values by the schema and adds them to what there is", () => {
  assert.deepEqual(
    read(["code=01", "size=3", "limits.cpu=2", "limits.name=a=b"], { size: 1, limits: { ram: 1 } }),
    {
      code: "01",
      size: 3,
      limits: { ram: 1, cpu: 2, name: "a=b" },
    },
  );
  assert.deepEqual(read(["code=12"]), { code: "12" });
});

Deno.test("withEnvOptions() changes no prototype", () => {
  read(["__proto__.polluted=1"]);
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
});

Deno.test("withEnvOptions() refuses a text without a name or a value", () => {
  for (const text of ["size", "=3"]) {
    assert.throws(() => read([text]), {
      code: "INVALID_OPTIONS",
      message: `Cannot use --env-option: wanted name=value: received "${text}"`,
    });
  }
});
