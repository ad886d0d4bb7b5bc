import assert from "node:assert/strict";
import { z } from "zod";
import type { Command } from "../../core/command.ts";
import { parseArguments } from "./_parser.ts";

function commandOf(path: readonly string[], input: z.ZodType, more: Partial<Command> = {}): Command {
  return {
    path,
    summary: `Does ${path.join(" ")}`,
    input,
    positionals: [],
    examples: [{ line: `${path.join(" ")} a.jsonl`, does: "Does it to one file" }],
    run: () => Promise.resolve({ data: null, text: "" }),
    ...more,
  };
}

const convert = commandOf(
  ["convert"],
  z.strictObject({
    logs: z.array(z.string()).min(1).describe("Logs to read"),
    output: z.string().optional().describe("File to write"),
    format: z.enum(["openhands", "swe-agent"]).optional().describe("Format of the logs"),
    maxSteps: z.number().int().min(1).default(30).describe("Most steps"),
    rate: z.number().optional().describe("Share that is kept"),
    strict: z.boolean().default(true).describe("Stop at the first issue"),
    weight: z.record(z.string(), z.number()).default({}).describe("Weight by name"),
    rubric: z.array(z.string()).default([]).describe("Rubric to apply"),
    target: z.array(z.string()).min(1).optional().describe("Not given is not the same as empty"),
  }),
  { positionals: ["logs"], short: { output: "o" } },
);
const list = commandOf(["env", "list"], z.strictObject({}));
const show = commandOf(["env", "show"], z.strictObject({ id: z.string(), seed: z.number().int() }), {
  positionals: ["id"],
});
const commands = [convert, list, show];

const DEFAULTS = { maxSteps: 30, strict: true, weight: {}, rubric: [] };

const GOOD: readonly { args: readonly string[]; command: Command; input: unknown }[] = [
  { args: ["convert", "a"], command: convert, input: { logs: ["a"], ...DEFAULTS } },
  {
    args: ["convert", "a", "-o", "-", "b"],
    command: convert,
    input: { logs: ["a", "b"], output: "-", ...DEFAULTS },
  },
  { args: ["convert", "-"], command: convert, input: { logs: ["-"], ...DEFAULTS } },
  {
    args: ["convert", "a", "--output=x=y", "--max-steps=5", "--rate", "0.5"],
    command: convert,
    input: { logs: ["a"], output: "x=y", ...DEFAULTS, maxSteps: 5, rate: 0.5 },
  },
  {
    args: ["convert", "a", "--no-strict"],
    command: convert,
    input: { logs: ["a"], ...DEFAULTS, strict: false },
  },
  { args: ["convert", "a", "--strict"], command: convert, input: { logs: ["a"], ...DEFAULTS } },
  {
    args: ["convert", "a", "--weight", "x=1", "--weight", "y=0.5", "--rubric", "p", "--rubric=q"],
    command: convert,
    input: { logs: ["a"], ...DEFAULTS, weight: { x: 1, y: 0.5 }, rubric: ["p", "q"] },
  },
  {
    args: ["convert", "a", "--format", "swe-agent"],
    command: convert,
    input: { logs: ["a"], format: "swe-agent", ...DEFAULTS },
  },
  { args: ["convert", "--", "--strict"], command: convert, input: { logs: ["--strict"], ...DEFAULTS } },
  { args: ["env", "list"], command: list, input: {} },
  { args: ["env", "show", "x", "--seed", "-3"], command: show, input: { id: "x", seed: -3 } },
];

for (const { args, command, input } of GOOD) {
  Deno.test(`parseArguments() reads: ${args.join(" ")}`, () => {
    const parsed = parseArguments(commands, args);
    assert.ok("command" in parsed, "error" in parsed ? parsed.error.message : "text came");
    assert.equal(parsed.command, command);
    assert.deepEqual(parsed.input, input);
  });
}

const BAD: readonly { args: readonly string[]; message: string }[] = [
  { args: ["convrt", "a"], message: 'Cannot run "convrt": no such command: did you mean "convert"?' },
  { args: ["xyzzyplugh"], message: 'Cannot run "xyzzyplugh": no such command: known are convert, env' },
  { args: ["env", "lst"], message: 'Cannot run "env lst": no such command: did you mean "list"?' },
  { args: ["env"], message: 'Cannot run "env": wanted one of list, show: see gym env --help' },
  { args: ["convert"], message: 'Cannot run "convert": LOGS: wanted at least one' },
  { args: ["env", "show", "--seed", "1"], message: 'Cannot run "env show": ID: wanted, received nothing' },
  {
    args: ["convert", "a", "--max-stpes", "3"],
    message: 'Cannot run "convert": no such flag "--max-stpes": did you mean "--max-steps"?',
  },
  { args: ["env", "list", "-z"], message: 'Cannot run "env list": no such flag "-z": it takes none' },
  {
    args: ["convert", "a", "--max-steps", "x"],
    message: 'Cannot run "convert": --max-steps: expected a valid integer, but got "x"',
  },
  {
    args: ["convert", "a", "--max-steps", "0"],
    message: 'Cannot run "convert": --max-steps: too small: expected number to be >=1: received 0',
  },
  {
    args: ["convert", "a", "--rate", "half"],
    message: 'Cannot run "convert": --rate: expected a valid number, but got "half"',
  },
  {
    args: ["convert", "a", "--format", "foo"],
    message: 'Cannot run "convert": --format: expected one of "openhands" and "swe-agent", but got "foo"',
  },
  { args: ["convert", "a", "--weight", "x"], message: 'Cannot run "convert": --weight: expected "=" in "x"' },
  { args: ["convert", "a", "-o"], message: 'Cannot run "convert": -o requires OUTPUT' },
  {
    args: ["convert", "a", "-o", "x", "-o", "y"],
    message: 'Cannot run "convert": -o cannot be used multiple times',
  },
  { args: ["env", "list", "x"], message: 'Cannot run "env list": unexpected option or subcommand: x' },
];

for (const { args, message } of BAD) {
  Deno.test(`parseArguments() refuses: ${args.join(" ")}`, () => {
    const parsed = parseArguments(commands, args);
    assert.ok("error" in parsed);
    assert.equal(parsed.error.message, message);
    assert.equal(parsed.error.code, "INVALID_OPTIONS");
  });
}

function outputOf(...args: string[]): string {
  const parsed = parseArguments(commands, args, {
    brief: "A program",
    footer: ["With every command:", "  --json"],
  });
  assert.ok("output" in parsed, "error" in parsed ? parsed.error.message : "a command came");
  return parsed.output;
}

Deno.test("parseArguments() answers nothing, --help and help with all commands", () => {
  const text = outputOf();
  assert.match(text, /^A program\nUsage: gym \.\.\.\n/);
  assert.match(text, /\n {2}convert +Does convert\n {2}env +list, show\n/);
  assert.match(text, /\nWith every command:\n {2}--json\n/);
  assert.equal(outputOf("--help"), text);
  assert.equal(outputOf("help"), text);
});

Deno.test("parseArguments() answers --help of a command with flags, defaults, choices and examples", () => {
  const text = outputOf("convert", "--help");
  assert.match(text, /^Does convert\n/);
  assert.match(text, /\n {2}--output, -o OUTPUT +File to write\n/);
  assert.match(text, /\n {2}--max-steps MAX-STEPS +Most steps \(default "30"\)\n/);
  assert.match(text, /\n {2}--format FORMAT +Format of the logs \(choices: openhands, swe-agent\)\n/);
  assert.match(text, /\n {2}--strict, --no-strict +Stop at the first issue/);
  assert.match(text, /\n {2}LOGS +Logs to read\n/);
  assert.match(text, /\nExamples:\n {2}gym convert a\.jsonl\n {6}Does it to one file\n/);
  assert.equal(outputOf("help", "convert"), text);
  assert.match(outputOf("env", "--help"), /\n {2}list +Does env list\n {2}show +Does env show\n/);
});

for (const shell of ["bash", "zsh", "fish"]) {
  Deno.test(`parseArguments() answers completion ${shell} with a script`, () => {
    assert.match(outputOf("completion", shell), /gym/);
  });
}

Deno.test("parseArguments() completes words and flags", () => {
  assert.match(outputOf("completion", "bash", "con"), /^convert$/m);
  assert.match(outputOf("completion", "bash", "convert", "--max"), /^--max-steps$/m);
});

Deno.test("parseArguments() refuses two commands of one verb", () => {
  assert.throws(
    () => parseArguments([list, commandOf(["env", "list"], z.strictObject({}))], ["env", "list"]),
    { code: "CLASHING_ID", message: 'Cannot add command "env list": the verb is taken' },
  );
});
