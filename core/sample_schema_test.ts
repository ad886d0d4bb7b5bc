import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import { seeded } from "./prng.ts";
import { sampleParams, sampleSchema } from "./sample_schema.ts";
import { jsonSchemaOf } from "./schema.ts";

const shape = z.strictObject({
  text: z.string().min(3).max(5),
  count: z.int().min(-2).max(4),
  over: z.number().gt(0).lt(1),
  few: z.int().gt(1).lt(4),
  big: z.int().min(100),
  small: z.int().max(-100),
  flag: z.boolean(),
  mode: z.enum(["a", "b"]),
  fixed: z.literal(7),
  list: z.array(z.int()).min(1).max(2),
  inner: z.strictObject({ x: z.string().optional() }),
  either: z.union([z.string(), z.boolean()]),
  nothing: z.null(),
  maybe: z.string().optional(),
});

Deno.test("sampleSchema() gives values that the schema accepts", () => {
  const schema = jsonSchemaOf(shape);
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (seed) => {
    shape.parse(sampleSchema(schema, seeded(seed)));
  }));
});

Deno.test("sampleParams() gives required properties always and others sometimes", () => {
  const prng = seeded(1n);
  const schema = { type: "object", properties: { a: { type: "null" }, b: {} }, required: ["a"] };
  const samples = Array.from({ length: 50 }, () => sampleParams(schema, prng));
  assert.ok(samples.every((sample) => "a" in sample));
  assert.ok(samples.some((sample) => "b" in sample) && samples.some((sample) => !("b" in sample)));
});
