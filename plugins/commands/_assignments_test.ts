import assert from "node:assert/strict";
import { parseAssignments } from "./_assignments.ts";

Deno.test("parseAssignments() takes JSON as such, other values as text, and dots as objects", () => {
  const texts = ["steps=5", "name=x", "on=true", "limits.cpu=2", "limits.memory=1g", "query=a=b"];
  assert.deepEqual(parseAssignments(texts, "--env-option"), {
    steps: 5,
    name: "x",
    on: true,
    limits: { cpu: 2, memory: "1g" },
    query: "a=b",
  });
});

Deno.test("parseAssignments() keeps names of the prototype as ordinary fields", () => {
  const options = parseAssignments(["__proto__.polluted=1"], "--env-option");
  assert.deepEqual(Object.keys(options), ["__proto__"]);
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
});

Deno.test("parseAssignments() refuses a text without an equals sign", () => {
  assert.throws(() => parseAssignments(["steps"], "--env-option"), {
    code: "INVALID_OPTIONS",
    message: 'Cannot use --env-option: wanted name=value: received "steps"',
  });
});
