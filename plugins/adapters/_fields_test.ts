import assert from "node:assert/strict";
import fc from "fast-check";
import { argumentsOf, booleanOf, elapsedMs, utcOf } from "./_fields.ts";

Deno.test("utcOf() takes times without offset as UTC and cuts them to milliseconds", () => {
  assert.equal(utcOf("2025-04-30T16:32:54.707999"), "2025-04-30T16:32:54.707Z");
  assert.equal(utcOf("2025-04-28T16:32:54.7"), "2025-04-28T16:32:54.700Z");
  assert.equal(utcOf("2025-04-28 16:32:54"), "2025-04-28T16:32:54.000Z");
  assert.equal(utcOf("2025-04-28T16:32:54+02:00"), "2025-04-28T14:32:54.000Z");
  for (const value of ["yesterday", "2025-13-01T00:00:00", 1, null, ""]) assert.equal(utcOf(value), null);
});

Deno.test("utcOf() agrees with Date on every time", () => {
  const times = fc.date({ min: new Date("1970-01-01"), max: new Date("2100-01-01"), noInvalidDate: true });
  fc.assert(fc.property(times, (time) => {
    assert.equal(utcOf(time.toISOString()), time.toISOString());
    assert.equal(utcOf(time.toISOString().slice(0, -1)), time.toISOString());
  }));
});

Deno.test("elapsedMs() is null when times are out of order or unknown", () => {
  assert.equal(elapsedMs("2025-01-01T00:00:00.000Z", "2025-01-01T00:00:01.500Z"), 1500);
  assert.equal(elapsedMs("2025-01-01T00:00:01.000Z", "2025-01-01T00:00:00.000Z"), null);
  assert.equal(elapsedMs(null, "2025-01-01T00:00:00.000Z"), null);
});

Deno.test("argumentsOf() and booleanOf() say null to what they cannot read", () => {
  assert.deepEqual([
    argumentsOf('{"a":1}'),
    argumentsOf(""),
    argumentsOf("[1]"),
    argumentsOf("{"),
    argumentsOf(1),
  ], [{ a: 1 }, {}, null, null, null]);
  assert.deepEqual([booleanOf("False"), booleanOf("true"), booleanOf("partial"), booleanOf(1)], [
    false,
    true,
    null,
    null,
  ]);
});
