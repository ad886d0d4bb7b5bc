import assert from "node:assert/strict";
import { CASES, DRAWN_CASES, isDifferentiated } from "./_cases.ts";
import { caseNumbers, centralDifferences } from "./_finite_differences.ts";
import { OPERATORS } from "./mod.ts";
import { constantForGradients } from "./operator.ts";

Deno.test("every operator of the table has a case, and a gradient case unless it is constant", () => {
  for (const [name, { gradient }] of OPERATORS) {
    const own = CASES.filter(({ operator }) => operator === name);
    assert.ok(own.length > 0, `${name} has no case`);
    const constant = gradient === undefined || gradient === constantForGradients;
    assert.equal(own.some(isDifferentiated), !constant, name);
  }
});

Deno.test("every gradient rule agrees with central differences", async () => {
  const cases = [...CASES, ...DRAWN_CASES];
  const [rules, differences] = [await caseNumbers(cases, "cpu", "float64"), await centralDifferences(cases)];
  const wrong: string[] = [];
  for (const [at, { name, single }] of cases.entries()) {
    const [rule, difference] = [rules[at]!.gradients.flat(), differences[at]!];
    assert.equal(rule.length, difference.length, name);
    const tolerance = single ? 2e-3 : 1e-7;
    for (const [place, expected] of difference.entries()) {
      if (!(Math.abs(rule[place]! - expected) <= tolerance * (1 + Math.abs(expected)))) {
        wrong.push(`${name}, element ${place}: wanted ${expected}: received ${rule[place]}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});
