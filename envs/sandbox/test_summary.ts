/**
 * Numbers of passed and failed tests from what a test program printed.
 *
 * @module
 */

/** How many tests passed and failed. */
export interface TestSummary {
  readonly testsPassed: number;
  readonly testsFailed: number;
}

type Reader = (text: string) => TestSummary | null;

/** Forms in order of preference: the first that is found decides. */
const READERS: readonly Reader[] = [
  // TAP: lines `ok 1` and `not ok 2`
  (text) => {
    const failed = text.match(/^not ok\b/gm)?.length ?? 0;
    const passed = text.match(/^ok \d+/gm)?.length ?? 0;
    return passed + failed === 0 ? null : { testsPassed: passed, testsFailed: failed };
  },
  // unittest: `Ran 5 tests`, then `OK` or `FAILED (failures=1, errors=2)`
  (text) => {
    const ran = /^Ran (\d+) tests?/m.exec(text);
    if (ran === null) return null;
    const failed = [...text.matchAll(/\b(?:failures|errors)=(\d+)/g)].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    );
    return { testsPassed: Number(ran[1]) - failed, testsFailed: failed };
  },
  // pytest, Deno, Jest, Cargo, Mocha: `3 passed`, `1 failed`, `2 passing`; the last line with any of them
  (text) => {
    const line = text.split("\n").findLast((line) => /\b\d+ (?:passed|failed|passing|failing)\b/.test(line));
    if (line === undefined) return null;
    const count = (word: string): number => Number(new RegExp(`(\\d+) ${word}\\b`).exec(line)?.[1] ?? 0);
    return {
      testsPassed: count("passed") || count("passing"),
      testsFailed: count("failed") || count("failing"),
    };
  },
];

/** The numbers in `text`, or nothing when it has none. */
export function summaryOf(text: string): Partial<TestSummary> {
  for (const read of READERS) {
    const summary = read(text);
    if (summary !== null) return { ...summary };
  }
  return {};
}
