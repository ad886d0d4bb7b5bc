import assert from "node:assert/strict";
import { isTestCommand, testSummary } from "./test_summary.ts";

const outputs: readonly (readonly [string, string, unknown])[] = [
  ["pytest", "===== 2 failed, 5 passed, 1 error, 3 warnings in 1.02s =====", [5, 3, false]],
  ["pytest, quiet", "...\n3 passed in 0.12s", [3, 0, true]],
  ["pytest, minutes", "=== 3 passed in 125.12s (0:02:05) ===", [3, 0, true]],
  ["pytest without tests", "=== 1 warning in 0.12s ===", null],
  ["jest", "Tests:       1 failed, 5 passed, 6 total\nTime: 1 s", [5, 1, false]],
  ["vitest", " Tests  4 passed (4)", [4, 0, true]],
  ["cargo", "test result: ok. 2 passed; 0 failed; 0 ignored\n\ntest result: FAILED. 1 passed; 1 failed;", [
    3,
    1,
    false,
  ]],
  ["go, verbose", "--- PASS: TestA (0.00s)\n    --- FAIL: TestB (0.00s)\nFAIL\tpkg\t0.1s", [1, 1, false]],
  ["go", "ok  \tpkg\t0.1s\nok  \tpkg/b\t(cached)", [null, 0, true]],
  ["go, broken", "FAIL\tpkg [build failed]\nok  \tb\t0.1s", [null, null, false]],
  ["unittest", "Ran 5 tests in 0.1s\n\nFAILED (failures=1, errors=1)", [3, 2, false]],
  ["deno", "ok | 7 passed | 0 failed (1s)", [7, 0, true]],
  ["mocha", "  5 passing (1s)\n  1 failing", [5, 1, false]],
  ["ctest", "50% tests passed, 1 tests failed out of 2", [1, 1, false]],
  ["TAP", "1..3\nok 1 - a\nnot ok 2 - b\nok 3", [2, 1, false]],
  ["unittest, all well", "Ran 5 tests in 0.1s\n\nOK", [5, 0, true]],
  ["prose", "password passed", null],
];
for (const [name, output, expected] of outputs) {
  Deno.test(`testSummary() reads ${name}`, () => {
    const summary = testSummary(output);
    assert.deepEqual(summary === null ? null : [summary.passed, summary.failed, summary.ok], expected);
  });
}

Deno.test("isTestCommand() knows runners from commands that name them", () => {
  for (
    const command of [
      "pytest",
      "cd a && python3 -m pytest -x tests | tail -5",
      "PYTHONPATH=. timeout 60 pytest",
      "npx jest --ci",
      "npm test",
      "npm run test",
      "yarn test",
      "go test ./...",
      "cargo test --all",
      "poetry run pytest",
      "python -m unittest discover",
      "python tests/runtests.py x",
      "python manage.py test",
      "make test",
      "./gradlew :app:test",
      "deno test -A",
    ]
  ) assert.ok(isTestCommand(command), command);
  for (
    const command of [
      "cat pytest.log",
      "grep -r pytest .",
      "echo npm test",
      "pip install pytest",
      "ls tests",
      "python test.sh",
    ]
  ) {
    assert.ok(!isTestCommand(command), command);
  }
});
