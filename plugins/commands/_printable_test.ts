import assert from "node:assert/strict";
import { indented, printable } from "./_printable.ts";

Deno.test("printable() leaves text and shows control characters as signs", () => {
  assert.equal(printable("a\tb\r\nc é 漢 🎲"), "a\tb\nc é 漢 🎲");
  assert.equal(printable("\x1b[2J\x07\r\x00\x7f\x9b"), "␛[2J␇␍␀␡\ufffd");
});

Deno.test("indented() shows the first lines and counts the others", () => {
  assert.equal(indented("a\n\nb\n", 0), "  a\n\n  b");
  assert.equal(indented("a\nb\nc", 2), "  a\n  b\n  … 1 more line");
  assert.equal(indented("a\nb\nc\nd", 2), "  a\n  b\n  … 2 more lines");
});
