import assert from "node:assert/strict";
import { z } from "zod";
import { jsonSchemaOf, noOptions, parseOptions } from "./schema.ts";

const schema = z.strictObject({
  steps: z.number().int().min(1).default(5),
  mode: z.enum(["fast", "slow"]).optional(),
  inner: z.strictObject({ path: z.string() }).optional(),
});

function messageOf(options: unknown): string {
  try {
    parseOptions(schema, options, `env "acme/x-v1"`);
  } catch (thrown) {
    return (thrown as Error).message;
  }
  throw new Error("wanted a failure");
}

Deno.test("parseOptions() fills defaults", () => {
  assert.deepEqual(parseOptions(schema, {}, "x"), { steps: 5 });
});

Deno.test("parseOptions() names field, what was wanted and what came", () => {
  const cases: [unknown, string][] = [
    [{ steps: "3" }, 'steps: expected number: received "3"'],
    [{ inner: { path: 3 } }, "inner.path: expected string: received 3"],
    [{ inner: { pth: "x", path: "y" } }, `inner.pth: unknown field: did you mean "path"?`],
    [{ stps: 3 }, `stps: unknown field: did you mean "steps"?`],
    [[], "expected object: received []"],
    [undefined, "expected object: received nothing"],
  ];
  for (const [options, wanted] of cases) {
    assert.equal(messageOf(options), `Cannot use options of env "acme/x-v1": ${wanted}`);
  }
});

Deno.test("parseOptions() lists every issue", () => {
  assert.match(messageOf({ steps: 0, mode: "quick" }), /steps: .*; mode: /);
});

Deno.test("jsonSchemaOf() describes what is accepted: defaulted fields are optional", () => {
  const described = jsonSchemaOf(schema);
  assert.equal(described["required"], undefined);
  assert.equal(described["additionalProperties"], false);
  assert.deepEqual(jsonSchemaOf(noOptions)["properties"], {});
});
