import assert from "node:assert/strict";
import { table } from "./_table.ts";

Deno.test("table() puts text to the left, numbers to the right, and ends no line with a space", () => {
  assert.equal(
    table(["name", "count", "mean"], [["loops", 12, 0.5], ["outcome\nof all", 3, null]]),
    [
      "name            count   mean",
      "loops              12  0.500",
      "outcome of all      3      -",
    ].join("\n"),
  );
});

Deno.test("table() without rows has its headings", () => {
  assert.equal(table(["id", "description"], []), "id  description");
});
