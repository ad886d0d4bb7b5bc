/**
 * Summaries of test runners, for logs and for verifiers. A number counts only when the command ran tests: "password passed" is no test result.
 *
 * @module
 */

/** What the summary of a test run says. */
export interface TestSummary {
  /** Tests that passed, or null when the runner counts none. */
  readonly passed: number | null;
  /** Tests that failed or broke, or null when the runner counts none. */
  readonly failed: number | null;
  /** Whether the run as a whole passed. */
  readonly ok: boolean;
}

const PREFIX = String.raw`(?:\w+=\S*\s+|(?:sudo|time|env|command|exec|xvfb-run|npx|bunx)\s+(?:-\S+\s+)*|` +
  String
    .raw`timeout\s+(?:-\S+\s+)*\S+\s+|(?:poetry|uv|pipenv|hatch|pdm|bundle)\s+(?:run|exec)\s+(?:-\S+\s+)*|` +
  String.raw`(?:\S*\/)?python[\d.]*\s+(?:-[A-Zu]\S*\s+)*-m\s+|coverage\s+run\s+(?:-\S+\s+)*)*`;
const RUNNER =
  String.raw`(?:(?:\S*\/)?(?:pytest|py\.test|tox|nox|jest|vitest|mocha|ctest|rspec|phpunit|unittest)\b|` +
  String
    .raw`(?:go|cargo|deno|dotnet|mix|swift|bazel|make|mvn|\S*mvnw|gradle|\S*gradlew|bun)\s+(?:\S+\s+)*?(?:\S*:)?(?:test|check|nextest)\b|` +
  String.raw`(?:npm|yarn|pnpm)\s+(?:run\s+|exec\s+)?(?:test|t|jest|vitest|mocha)\b|` +
  String
    .raw`(?:\S*\/)?python[\d.]*\s+(?:-\S+\s+)*\S*(?:runtests\.py|run_tests\.py|manage\.py\s+test|setup\.py\s+test|(?:^|\/)?test_\w+\.py)|` +
  String.raw`\S*(?:runtests\.py|bin\/test|run_tests\.sh)\b)`;
const TEST_COMMAND = new RegExp(`^[\\s({]*${PREFIX}${RUNNER}`);

/** Whether a shell command runs tests: one of its parts starts a known runner. */
export function isTestCommand(command: string): boolean {
  return command.split(/&&|\|\||[;|\n]/).some((part) => TEST_COMMAND.test(part.slice(0, 400)));
}

/** The summary in the output of a test run, or null when there is none that is understood. */
export function testSummary(output: string): TestSummary | null {
  for (const parse of PARSERS) {
    const summary = parse(output);
    if (summary !== null) return summary;
  }
  return null;
}

const PARSERS: readonly ((output: string) => TestSummary | null)[] = [
  pytest,
  cargo,
  jest,
  deno,
  unittest,
  mocha,
  go,
  ctest,
  tap,
  plain,
];

function pytest(output: string): TestSummary | null {
  const line = last(output, /^(?:=+ )?((?:\d+ [a-z]+(?:, )?)+) in [\d.]+ ?s\b/gm)?.[1];
  if (line === undefined || !/\d+ (?:passed|failed|errors?)\b/.test(line)) return null;
  return counted(count(line, /(\d+) passed/), count(line, /(\d+) failed/) + count(line, /(\d+) errors?\b/));
}

function cargo(output: string): TestSummary | null {
  const runs = [...output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed/gm)];
  return runs.length === 0 ? null : counted(sum(runs, 1), sum(runs, 2));
}

function jest(output: string): TestSummary | null {
  const line = last(output, /^[ \t]*Tests:?[ \t]+((?:\d+ [a-z]+[,| ]*)+.*)$/gm)?.[1];
  return line === undefined ? null : counted(count(line, /(\d+) passed/), count(line, /(\d+) failed/));
}

function deno(output: string): TestSummary | null {
  const found = last(output, /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed/gm);
  return found === null ? null : counted(Number(found[1]), Number(found[2]));
}

function unittest(output: string): TestSummary | null {
  const ran = last(output, /^Ran (\d+) tests? in [\d.]+s\s+(OK|FAILED)(.*)$/gm);
  if (ran === null) return null;
  const failed = count(ran[3] ?? "", /failures=(\d+)/) + count(ran[3] ?? "", /errors=(\d+)/);
  const skipped = count(ran[3] ?? "", /skipped=(\d+)/);
  return { ...counted(Number(ran[1]) - failed - skipped, failed), ok: ran[2] === "OK" && Number(ran[1]) > 0 };
}

function mocha(output: string): TestSummary | null {
  const passing = last(output, /^[ \t]*(\d+) passing\b/gm);
  const failing = last(output, /^[ \t]*(\d+) failing\b/gm);
  return passing === null && failing === null
    ? null
    : counted(Number(passing?.[1] ?? 0), Number(failing?.[1] ?? 0));
}

function go(output: string): TestSummary | null {
  const passed = output.match(/^[ \t]*--- PASS: /gm)?.length ?? 0;
  const failed = output.match(/^[ \t]*--- FAIL: /gm)?.length ?? 0;
  const bad = /^FAIL\b/m.test(output);
  if (passed + failed > 0 && (passed > 0 || bad)) {
    // Without -v only failures are listed, so the number that passed is unknown.
    return { passed: passed > 0 ? passed : null, failed, ok: failed === 0 && !bad };
  }
  if (!bad && !/^ok\s+\S+\s+(?:\(cached\)|[\d.]+s)/m.test(output)) return null;
  return { passed: null, failed: bad ? null : 0, ok: !bad };
}

function ctest(output: string): TestSummary | null {
  const found = last(output, /^\d+% tests passed, (\d+) tests? failed out of (\d+)/gm);
  return found === null ? null : counted(Number(found[2]) - Number(found[1]), Number(found[1]));
}

function tap(output: string): TestSummary | null {
  const passed = output.match(/^ok \d+\b/gm)?.length ?? 0;
  const failed = output.match(/^not ok \d+\b/gm)?.length ?? 0;
  return passed + failed === 0 ? null : counted(passed, failed);
}

/** `2 passed, 1 failed` alone on a line, in either order, one of them left out or not. */
function plain(output: string): TestSummary | null {
  const line = last(output, /^\d+ (?:passed|failed)(?:, \d+ (?:passed|failed|skipped))*$/gm)?.[0];
  return line === undefined ? null : counted(count(line, /(\d+) passed/), count(line, /(\d+) failed/));
}

function counted(passed: number, failed: number): TestSummary {
  return { passed, failed, ok: failed === 0 && passed > 0 };
}

function last(text: string, pattern: RegExp): RegExpMatchArray | null {
  let found: RegExpMatchArray | null = null;
  for (const match of text.matchAll(pattern)) found = match;
  return found;
}

function count(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? 0);
}

function sum(matches: readonly RegExpMatchArray[], group: number): number {
  return matches.reduce((total, match) => total + Number(match[group]), 0);
}
