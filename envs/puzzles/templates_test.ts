import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import { env } from "../../core/env.ts";
import { policy } from "../../core/policy.ts";
import { rollout } from "../../core/rollout.ts";
import type { Task } from "../../core/trajectory.ts";
import { gym } from "./_testing_test.ts";
import { evaluate, namesIn } from "./expression.ts";
import { parseTaskTemplates } from "./templates.ts";

/** As LLM GYM's README writes them. */
const README = `logic_puzzle:
  templates:
    - "If A then B"
    - "Either A or B"
  variables:
    - ["Raining", "Wet"]
    - ["Studying", "Pass"]
dialogue:
  scenarios:
    - type: "negotiation"
      context: "Salary discussion"
      difficulty: 0.4
`;

/** What is solved, with which environment, by whom. */
const PLAYED: Readonly<Record<string, readonly [string, string]>> = {
  logic_puzzle: ["llm-gym/logic-puzzle-v1", "llm-gym/logic-solver-v1"],
  meta_reasoning: ["llm-gym/meta-reasoning-v1", "llm-gym/meta-reasoning-solver-v1"],
  memory: ["llm-gym/memory-buffer-v1", "llm-gym/memory-solver-v1"],
};

async function solves(task: Task): Promise<void> {
  const [, [id, solver]] = Object.entries(PLAYED).find(([key]) => key in task)!;
  await using place = await gym.make(env, id);
  const agent = await gym.make(policy, solver);
  const ids = new Set<string>();
  for (let seed = 0n; seed < 20n; seed++) {
    const { outcome, task: played } = await rollout(place, agent, { seed, task });
    assert.deepEqual([outcome.error, outcome.success], [null, true], played.id);
    assert.ok(played.id.startsWith(`${task.id}-`));
    ids.add(played.id);
  }
  assert.ok(ids.size > 5, `${ids.size} different instances`);
}

Deno.test("parseTaskTemplates() reads the README's file and its tasks can be solved", async () => {
  const tasks = parseTaskTemplates(README, "tasks.yaml");
  assert.deepEqual(tasks.map(({ id }) => id), ["logic-puzzle"]);
  for (const task of tasks) await solves(task);
});

const folder = new URL("../../examples/puzzles/", import.meta.url);
for (const { name } of Deno.readDirSync(folder)) {
  Deno.test(`the example ${name} is solved on every seed`, async () => {
    await solves(parse(await Deno.readTextFile(new URL(name, folder))) as Task);
  });
}

Deno.test("parseTaskTemplates() names file, line and field of what is wrong", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["version: 2", "t.yaml:1: version: expected 1: received 2"],
    [
      "logic_puzzle:\n  templates: []\n  variables: [[X]]",
      "t.yaml:2: logic_puzzle.templates: too small: expected array to have >=1 items: received []",
    ],
    [
      "memory:\n  fcts: 1",
      't.yaml:2: memory.facts: expected array: received nothing; t.yaml:2: memory.fcts: unknown field: did you mean "facts"?',
    ],
    [
      "meta_reasoning:\n  tasks:\n    - question: How many {x}?\n      answer: 1",
      't.yaml:3: meta_reasoning.tasks.0.question: wanted a parameter for every {name}: received "How many {x}?"',
    ],
    [
      "meta_reasoning:\n  tasks:\n    - question: How many?\n      answer: n*2\n      answer_type: number",
      't.yaml:4: meta_reasoning.tasks.0.answer: wanted a parameter "n": received "n*2"',
    ],
    ["a: [", "t.yaml:1: Flow sequence in block collection must be sufficiently indented and end with a ]"],
    ["version: !!js/function x", "t.yaml:1: Unresolved tag: tag:yaml.org,2002:js/function"],
  ];
  for (const [text, problem] of cases) {
    assert.throws(() => parseTaskTemplates(text, "t.yaml"), {
      code: "INVALID_DATA",
      message: `Cannot read task templates: ${problem}`,
    });
  }
});

Deno.test("parseTaskTemplates() keeps within its limits", () => {
  assert.throws(() => parseTaskTemplates("#".repeat(1_000_001), "t.yaml"), {
    code: "LIMIT_EXCEEDED",
    message: "Cannot read task templates: t.yaml: wanted at most 1000000 characters: received 1000001",
  });
  assert.throws(() => parseTaskTemplates(`a: ${"[".repeat(30)}${"]".repeat(30)}`, "t.yaml"), {
    code: "LIMIT_EXCEEDED",
    message: "Cannot read task templates: t.yaml: wanted at most 20 levels: received more",
  });
  assert.throws(() => parseTaskTemplates("a: &x [1]\nb: *x", "t.yaml"), { code: "INVALID_DATA" });
});

Deno.test("evaluate() follows the usual precedence", () => {
  const values = { n: 3, p: 0.5 };
  const cases: readonly (readonly [string, number])[] = [
    ["n*p", 1.5],
    ["1+2*n", 7],
    ["(1+2)*n", 9],
    ["10-4-3", 3],
    ["2**3**2", 512],
    ["-2**2", -4],
    ["2**-1", 0.5],
    ["7%4", 3],
    ["max(n, p, 2) + min(1, 2)", 4],
    ["floor(7/2) + round(2.6)", 6],
    ["--n", 3],
  ];
  for (const [text, value] of cases) assert.equal(evaluate(text, values), value, text);
  assert.deepEqual(namesIn("max(n, p) + q_1"), ["n", "p", "q_1"]);
});

Deno.test("evaluate() agrees with JavaScript on sums and products", () => {
  const number = fc.integer({ min: 1, max: 9 }).map(String);
  const { expression } = fc.letrec<{ expression: string }>((tie) => ({
    expression: fc.oneof(
      { maxDepth: 4 },
      number,
      fc.tuple(tie("expression"), fc.constantFrom("+", "-", "*"), tie("expression"))
        .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
    ),
  }));
  fc.assert(
    fc.property(expression, (text) => assert.equal(evaluate(text, {}), Function(`return ${text}`)())),
  );
});

Deno.test("evaluate() refuses what is no arithmetic", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["1+", 'Cannot evaluate "1+": wanted a number, a name or a parenthesis: received ""'],
    ["x.y", 'Cannot evaluate "x.y": wanted a number, a name or a parenthesis: received "x"'],
    ["1 2", 'Cannot evaluate "1 2": wanted the end: received "2"'],
    [
      "constructor",
      'Cannot evaluate "constructor": wanted a number, a name or a parenthesis: received "constructor"',
    ],
    ["1/0", 'Cannot evaluate "1/0": wanted a finite number: received Infinity'],
    ["(".repeat(500), `Cannot evaluate "${"(".repeat(500)}": wanted at most 100 levels: received "more"`],
  ];
  for (const [text, message] of cases) assert.throws(() => evaluate(text, {}), { message });
});
