import assert from "node:assert/strict";
import { summaryOf } from "./test_summary.ts";

Deno.test("summaryOf() reads the numbers of the usual test programs", () => {
  const cases: [text: string, passed: number | undefined, failed: number | undefined][] = [
    ["===== 2 failed, 11 passed in 0.3s =====", 11, 2],
    ["ok | 3 passed | 0 failed (12ms)", 3, 0],
    ["Tests:       1 failed, 2 passed, 3 total", 2, 1],
    ["  4 passing (3ms)\n", 4, 0],
    ["1..3\nok 1 - a\nnot ok 2 - b\nok 3", 2, 1],
    ["Ran 5 tests in 0.1s\n\nFAILED (failures=1, errors=1)", 3, 2],
    ["Ran 5 tests in 0.1s\n\nOK", 5, 0],
    ["all is well", undefined, undefined],
  ];
  for (const [text, passed, failed] of cases) {
    const { testsPassed, testsFailed } = summaryOf(text);
    assert.deepEqual([testsPassed, testsFailed], [passed, failed], text);
  }
});
