import assert from "node:assert/strict";
import { parseJson, parseObject } from "./_json_text.ts";

const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

Deno.test("parseJson() takes 100 levels, and what is deeper for text, however deep", () => {
  assert.equal(JSON.stringify(parseJson(nested(100))), nested(100));
  for (const depth of [101, 1_000, 100_000]) assert.equal(parseJson(nested(depth)), undefined);
  assert.equal(parseJson(`{"a": ${nested(100)}}`), undefined);
});

Deno.test("parseJson() takes numbers that are read as infinite for text", () => {
  for (const text of ["1e999", "[-1e999]", '{"a": {"b": 1e400}}']) assert.equal(parseJson(text), undefined);
  assert.deepEqual(parseJson("[1e308, 0, null]"), [1e308, 0, null]);
});

Deno.test("parseObject() gives objects alone", () => {
  assert.deepEqual(parseObject('{"a": [1]}'), { a: [1] });
  for (const text of ["[1]", "null", '"a"', "1", '{"a": 1e999}', '{"a"', ""]) {
    assert.equal(parseObject(text), null);
  }
});
