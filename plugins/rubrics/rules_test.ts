import assert from "node:assert/strict";
import fc from "fast-check";
import { coding } from "../../domains/coding.ts";
import { browser } from "../../domains/browser.ts";
import { conversation } from "../../domains/conversation.ts";
import { engineering } from "../../domains/engineering.ts";
import { generic } from "../../domains/generic.ts";
import { createDomain, type DomainProfile } from "../../core/domain.ts";
import type { Rubric, Verdict } from "../../core/rubric.ts";
import type { Json } from "../../core/schema.ts";
import {
  type Outcome,
  type Step,
  type StepResult,
  type Task,
  type ToolDefinition,
  type Trajectory,
  unknownOutcome,
  unknownUsage,
} from "../../core/trajectory.ts";
import {
  efficiency,
  infoUtilization,
  loops,
  nonRedundancy,
  outcome,
  paramCorrectness,
  regression,
  repeatedFailure,
  rules,
} from "./mod.ts";

type Params = Readonly<Record<string, Json>>;
type Call = readonly [tool: string, params?: Params, result?: Partial<StepResult>];

function steps(calls: readonly Call[]): Step[] {
  return calls.map(([tool, params = {}, result = {}], index) => ({
    index,
    thought: "",
    action: { tool, params },
    result: { output: "", exitCode: null, error: null, durationMs: null, truncated: false, ...result },
    reward: null,
    scores: [],
    timestamp: null,
    tokens: null,
  }));
}

interface Setting {
  readonly profile?: DomainProfile;
  readonly tools?: readonly ToolDefinition[];
  readonly task?: Task;
}

function verdicts(rule: Rubric, calls: readonly Call[], setting: Setting = {}): (Verdict | null)[] {
  const { profile = coding, tools = null, task = { id: "", description: "" } } = setting;
  const scorer = rule.start({ task, domain: createDomain(profile), tools, resetObservation: "" });
  return steps(calls).map((step) => scorer.step?.(step) as Verdict | null ?? null);
}

function values(rule: Rubric, calls: readonly Call[], setting: Setting = {}): (number | null)[] {
  return verdicts(rule, calls, setting).map((verdict) => verdict?.value ?? null);
}

const ok = { exitCode: 0 };
const read = (path: string, more: Params = {}): Call => ["read_file", { file_path: path, ...more }];
const edit = (from: string, to: string, path = "a.py"): Call => [
  "edit_file",
  { file_path: path, old_string: from, new_string: to },
];

const redundancy: [name: string, calls: Call[], wanted: number[], profile?: DomainProfile][] = [
  ["a second read of the same file", [read("a.py"), read("a.py")], [1, 0]],
  ["pages of one file", [read("a.py", { offset: 0 }), read("a.py", { offset: 100 })], [1, 1]],
  ["the same page twice", [read("a.py", { view_range: [1, 9] }), read("a.py", { view_range: [1, 9] })], [
    1,
    0,
  ]],
  ["two patterns in one folder", [["grep", { path: "src", pattern: "a" }], ["grep", {
    path: "src",
    pattern: "b",
  }]], [1, 1]],
  ["a read after an edit of the file", [read("a.py"), edit("x", "y"), read("a.py")], [1, 1, 1]],
  ["a read after an edit of another file", [read("a.py"), edit("x", "y", "b.py"), read("a.py")], [1, 1, 0]],
  ["a read after a failed edit", [
    read("a.py"),
    ["edit_file", { path: "a.py" }, { exitCode: 1 }],
    read("a.py"),
  ], [
    1,
    1,
    0,
  ]],
  ["a read after a command that may change files", [
    read("a.py"),
    ["bash", { command: "make" }],
    read("a.py"),
  ], [
    1,
    1,
    1,
  ]],
  ["a read after a command that only looks", [
    read("a.py"),
    ["bash", { command: "ls | wc -l" }],
    read("a.py"),
  ], [
    1,
    1,
    0,
  ]],
  ["a read with another answer", [["read_file", { path: "a" }, { output: "1" }], [
    "read_file",
    { path: "a" },
    {
      output: "2",
    },
  ]], [1, 1]],
  ["tests again after an edit", [["bash", { command: "pytest" }, ok], edit("x", "y"), [
    "bash",
    { command: "pytest" },
    ok,
  ]], [1, 1, 1]],
  ["tests again after nothing", [["bash", { command: "pytest -q" }, ok], [
    "Bash",
    { command: "pytest -q" },
    ok,
  ]], [
    1,
    0.3,
  ]],
  ["tests again after reading", [["run_tests", {}, ok], read("a.py"), ["run_tests", {}, ok]], [1, 1, 0.3]],
  ["an alias of the tool", [["kb", { query: "x" }], ["docs", { query: "x" }]], [1, 0], engineering],
  ["an alias of the parameter", [["read_file", { path: "a.py" }], ["Read", { file_path: "a.py" }]], [1, 0]],
  ["spellings of one path", [read("./src/a.py"), read("/workspace/src//b/../a.py")], [1, 0]],
  [
    "nested keys in another order",
    [["api", { q: { a: 1, b: [{ c: 1, d: 2 }] } }], ["api", {
      q: { b: [{ d: 2, c: 1 }], a: 1 },
    }]],
    [1, 0.3],
    generic,
  ],
  ["other nested values", [["api", { q: { a: 1 } }], ["api", { q: { a: "1" } }]], [1, 1], generic],
  [
    "texts that look like each other's parameters",
    [["api", { a: 'x"\nb=1"y' }], ["api", { a: "x", b: "y" }]],
    [
      1,
      1,
    ],
    generic,
  ],
  ["waiting twice", [["wait"], ["wait"]], [1, 1], browser],
  ["scrolling on", [["scroll_down"], ["scroll_down"]], [1, 1], browser],
  [
    "a screenshot after a click",
    [["screenshot"], ["click", { element_id: "7" }], ["screenshot"]],
    [1, 1, 1],
    browser,
  ],
  [
    "the same question twice",
    [["lookup", { key: "a" }], ["query_stats", { key: "a" }]],
    [1, 0],
    conversation,
  ],
  ["the editor's view after its edit", [
    ["str_replace_editor", { command: "view", path: "a.py" }],
    ["str_replace_editor", { command: "str_replace", path: "a.py", old_str: "x", new_str: "y" }],
    ["str_replace_editor", { command: "view", path: "a.py" }],
    ["str_replace_editor", { command: "view", path: "a.py" }],
  ], [1, 1, 1, 0]],
];
for (const [name, calls, wanted, profile = coding] of redundancy) {
  Deno.test(`nonRedundancy scores ${name}`, () => {
    assert.deepEqual(values(nonRedundancy, calls, { profile }), wanted);
  });
}

Deno.test("nonRedundancy names the step that made a call needless", () => {
  assert.deepEqual(verdicts(nonRedundancy, [read("a"), read("b"), read("a")])[2], {
    value: 0,
    reason: "Asks again what step 0 already showed; nothing has changed since",
    refersTo: 0,
  });
});

const write = (content: string, path = "a.py"): Call => ["write_file", { path, content }];
const regressions: [name: string, calls: Call[], wanted: (number | null)[]][] = [
  ["an undo by old_string", [edit("x", "y"), edit("y", "x")], [1, 0]],
  ["a redo after an undo", [edit("x", "y"), edit("y", "x"), edit("x", "y")], [1, 0, 1]],
  ["an undo of a redo", [edit("x", "y"), edit("y", "x"), edit("x", "y"), edit("y", "x")], [1, 0, 1, 0]],
  ["the same words in another file", [edit("x", "y"), edit("y", "x", "b.py")], [1, 1]],
  ["an undo by old_str", [
    ["str_replace_editor", { command: "str_replace", path: "/workspace/a.py", old_str: "x", new_str: "y" }],
    ["str_replace_editor", { command: "str_replace", path: "a.py", old_str: "y", new_str: "x" }],
  ], [1, 0]],
  ["undo_edit", [edit("x", "y"), ["str_replace_editor", { command: "undo_edit", path: "a.py" }]], [1, 0]],
  ["an edit that changes nothing, twice", [edit("x", "x"), edit("x", "x")], [1, 1]],
  ["undo_edit with nothing to undo", [["str_replace_editor", { command: "undo_edit", path: "a.py" }]], [1]],
  ["a file written back", [write("1"), write("2"), write("1")], [1, 1, 0]],
  ["a file written back and forth", [write("1"), write("2"), write("1"), write("2")], [1, 1, 0, 1]],
  ["a file written back to what was read", [
    ["cat", { path: "a.py" }, { output: "1" }],
    write("2"),
    write("1"),
  ], [
    null,
    1,
    0,
  ]],
  ["a failed undo", [edit("x", "y"), ["edit_file", { path: "a.py", old_string: "y", new_string: "x" }, {
    error: "not found",
  }]], [1, null]],
  ["a call that changes nothing", [read("a.py")], [null]],
];
for (const [name, calls, wanted] of regressions) {
  Deno.test(`regression scores ${name}`, () => assert.deepEqual(values(regression, calls), wanted));
}

Deno.test("regression names the change that was undone", () => {
  assert.deepEqual(verdicts(regression, [edit("x", "y"), read("a.py"), edit("y", "x")])[2], {
    value: 0,
    reason: "Undoes the change of step 0",
    refersTo: 0,
  });
});

Deno.test("infoUtilization gives graded values and the earliest source", () => {
  const found = verdicts(infoUtilization, [
    ["bash", { command: "ls" }, { output: "src/parse_date.py setup.cfg" }],
    ["bash", { command: "python other_file.py --new_flag" }],
    ["bash", { command: "python src/parse_date.py --new_flag" }],
    ["edit_file", { path: "/workspace/src/parse_date.py", old_string: "1", new_string: "2" }],
    read("src/parse_date.py"),
  ]);
  assert.deepEqual(found.map((verdict) => verdict?.value ?? null), [
    null,
    0.5,
    0.875,
    1,
    null,
  ]);
  assert.equal(found[3]!.refersTo, 0);
});

Deno.test("infoUtilization counts words of the task, without a step to refer to", () => {
  const task = { id: "", description: "Fix src/parse_date.py" };
  assert.deepEqual(
    verdicts(infoUtilization, [["bash", { command: "python src/parse_date.py" }]], { task })[0],
    {
      value: 1,
      reason: "Uses 2 of its 2 paths and identifiers from what was seen before",
      refersTo: null,
    },
  );
});

Deno.test("loops sees cycles of several calls and counts the rounds", () => {
  const a = read("a"), b = read("b");
  assert.deepEqual(values(loops, [a, b, a, b, a, b]), [1, 1, 1, 1 / 2, 1 / 2, 1 / 3]);
  assert.deepEqual(verdicts(loops, [a, a])[1], {
    value: 0.5,
    reason: "The same call for the 2nd time",
    refersTo: 0,
  });
});

Deno.test("loops lets the same calls with other results pass", () => {
  const poll = (output: string): Call => ["bash", { command: "date" }, { output }];
  assert.deepEqual(values(loops, [poll("1"), poll("2"), poll("3")]), [1, 1, 1]);
});

Deno.test("repeatedFailure tells first failure, repetition and recovery apart", () => {
  const fails: Call = ["edit_file", { path: "a", old_str: "q" }, { exitCode: 1, error: "not found" }];
  const works: Call = ["edit_file", { path: "a", old_str: "r" }, ok];
  assert.deepEqual(values(repeatedFailure, [fails, fails, works, fails]), [0.5, 0, 1, 0.5]);
  assert.equal(verdicts(repeatedFailure, [fails, works])[1]!.reason, "Works, after the failure of step 0");
});

Deno.test("repeatedFailure takes a command that ran and failed as an answer, once", () => {
  const test: Call = ["bash", { command: "pytest" }, { exitCode: 1 }];
  assert.deepEqual(values(repeatedFailure, [test, test, edit("x", "y"), test]), [1, 0, null, 1]);
});

Deno.test("paramCorrectness checks the schema of the tool, and abstains without tools", () => {
  const parameters = {
    type: "object",
    properties: {
      path: { type: "string" },
      lines: { type: "array", items: { type: "integer", minimum: 1 } },
    },
    required: ["path"],
    additionalProperties: false,
  };
  const tools = [{ name: "view", description: "", parameters }];
  const calls: Call[] = [
    ["view", { path: "a", lines: [1, 2] }],
    ["view", {}],
    ["view", { path: 3 }],
    ["view", { path: "a", lines: [0] }],
    ["view", { path: "a", mode: "x" }],
    ["vew", { path: "a" }],
  ];
  assert.deepEqual(verdicts(paramCorrectness, calls, { tools }).map((verdict) => verdict!.reason), [
    "Parameters fit the schema",
    "path: wanted a value: received nothing",
    "path: wanted string: received integer",
    "lines.0: wanted minimum 1: received 0",
    "mode: unknown parameter",
    'There is no tool "vew"',
  ]);
  assert.deepEqual(values(paramCorrectness, calls.slice(0, 1)), [null]);
});

function episode(outcome: Partial<Outcome>, calls: readonly Call[], task: Task): Trajectory {
  return {
    schema: "gym.trajectory/1",
    id: "sha256:0",
    task,
    env: null,
    domain: "coding",
    agent: "",
    model: null,
    system: null,
    tools: null,
    reset: { observation: "", timestamp: null },
    steps: steps(calls),
    outcome: { ...unknownOutcome, ...outcome },
    scores: [],
    reward: null,
    usage: unknownUsage,
    metadata: {},
  };
}

function whole(rule: Rubric, outcome: Partial<Outcome>, task: Partial<Task> = {}): number | null {
  const t = episode(outcome, [read("a"), read("b")], { id: "", description: "", ...task });
  const scorer = rule.start({
    task: t.task,
    domain: createDomain(coding),
    tools: null,
    resetObservation: "",
  });
  return (scorer.finish?.(t) as Verdict | null)?.value ?? null;
}

Deno.test("outcome follows partial credit, tests, success, and keeps to [0, 1]", () => {
  assert.equal(whole(outcome, { score: 1.5, success: false, source: "env" }), 1);
  assert.equal(whole(outcome, { testsPassed: 3, testsFailed: 1, success: true, source: "tests" }), 0.75);
  assert.equal(whole(outcome, { testsPassed: 4, testsFailed: 0, success: false, source: "harness" }), 0);
  assert.equal(whole(outcome, { success: true, source: "verifier" }), 1);
  assert.equal(whole(outcome, {}), null);
});

Deno.test("efficiency needs a reference and an episode that did not fail", () => {
  assert.equal(whole(efficiency, { success: true, source: "env" }, { referenceSteps: 1 }), 0.5);
  assert.equal(whole(efficiency, {}, { solution: [1, 2, 3] }), 1);
  assert.equal(whole(efficiency, { success: false, source: "env" }, { referenceSteps: 1 }), 0);
  assert.equal(whole(efficiency, { success: true, source: "env" }), null);
});

const anyCall: fc.Arbitrary<Call> = fc.tuple(
  fc.constantFrom(
    "read_file",
    "cat",
    "bash",
    "edit_file",
    "write_file",
    "str_replace_editor",
    "grep",
    "nosuch",
    "think",
  ),
  fc.record({
    path: fc.constantFrom("a.py", "./a.py", "src/b_c.py"),
    command: fc.constantFrom("pytest", "make", "view", "undo_edit"),
    old_str: fc.constantFrom("x", "y"),
    new_str: fc.constantFrom("x", "y"),
    content: fc.constantFrom("1", "2"),
  }, { requiredKeys: [] }),
  fc.record({
    output: fc.constantFrom("", "src/b_c.py", "some_name"),
    exitCode: fc.constantFrom(null, 0, 1),
    error: fc.constantFrom(null, "bad"),
  }),
);

for (const rule of rules) {
  Deno.test(`${rule.name} gives values in [0, 1] that refer back and that later steps do not change`, () => {
    fc.assert(fc.property(fc.array(anyCall, { maxLength: 40 }), fc.nat(40), (calls, cut) => {
      const all = verdicts(rule, calls);
      for (const [index, verdict] of all.entries()) {
        if (verdict === null) continue;
        assert.ok(verdict.value >= 0 && verdict.value <= 1);
        assert.ok(verdict.refersTo === null || (verdict.refersTo >= 0 && verdict.refersTo < index));
      }
      assert.deepEqual(verdicts(rule, calls.slice(0, cut)), all.slice(0, cut));
    }));
  });
}

Deno.test("rules look at a step once and never again", () => {
  for (const rule of rules) {
    const scorer = rule.start({
      task: { id: "", description: "" },
      domain: createDomain(coding),
      tools: null,
      resetObservation: "",
    });
    let reads = 0;
    const counted = steps(Array.from({ length: 2000 }, (_, i) => read(`src/file_${i}.py`))).map((step) =>
      Object.defineProperty({ ...step }, "action", { get: () => (reads++, step.action) }) as Step
    );
    const half: number[] = [];
    for (const [index, step] of counted.entries()) {
      scorer.step?.(step);
      if (index === 999) half.push(reads);
    }
    assert.ok(reads <= 2 * half[0]! + 8, `${rule.name} reads ${reads} times, ${half[0]} in the first half`);
  }
});
