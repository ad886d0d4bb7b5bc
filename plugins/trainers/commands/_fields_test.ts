import assert from "node:assert/strict";
import { z } from "zod";
import { jsonSchemaOf } from "../../../core/schema.ts";
import { optionalFields } from "./_fields.ts";

Deno.test("optionalFields() drops defaults, keeps bounds, and says defaults in the description", () => {
  const schema = z.strictObject(optionalFields({
    epochs: z.int().min(1).default(3).describe("Passes"),
    model: z.string().describe("A folder"),
    targets: z.array(z.enum(["q", "k"])).min(1).default(["q", "k"]).describe("Which"),
    patience: z.int().optional().describe("Rounds"),
    rubrics: z.array(z.string()).default([]).describe("Rubrics"),
    world: z.record(z.string(), z.int()).default({}).describe("World"),
    limits: z.record(z.string(), z.int()).default({ steps: 2 }).describe("Limits"),
  }));
  assert.deepEqual(schema.parse({}), {});
  assert.equal(schema.safeParse({ epochs: 0 }).success, false);
  const { properties, required } = jsonSchemaOf(schema) as {
    properties: Record<string, { description: string; default?: unknown }>;
    required?: string[];
  };
  assert.equal(required, undefined);
  assert.deepEqual(Object.values(properties).map(({ description }) => description), [
    "Passes (default 3)",
    "A folder",
    "Which (default q, k)",
    "Rounds",
    "Rubrics (default none)",
    "World (default none)",
    'Limits (default {"steps":2})',
  ]);
  assert.ok(Object.values(properties).every((property) => property.default === undefined));
});
