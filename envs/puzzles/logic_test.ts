import assert from "node:assert/strict";
import fc from "fast-check";
import type { Env } from "../../core/env.ts";
import { seeded } from "../../core/prng.ts";
import type { Task } from "../../core/trajectory.ts";
import { always, gym, played, successOf, text } from "./_testing_test.ts";
import { depthsOf, entails, isSatisfiable, onlyModel } from "./entailment.ts";
import { type LogicOptions, logicPuzzle } from "./logic.ts";
import { depthOf, makeLogic, modelOf } from "./logic_instance.ts";
import {
  clausesOf,
  type FormName,
  formulaOf,
  placesOf,
  readFormula,
  readSentence,
  sentenceOf,
} from "./premise.ts";

const made = (options: LogicOptions = {}): Promise<Env> => gym.make(logicPuzzle, options);

const rain: Task = {
  id: "rain",
  description: "Think",
  puzzle: {
    variables: ["Raining", "Very wet", "Late"],
    premises: [
      { form: "fact", literals: [1] },
      { form: "if", literals: [1, 2] },
      { form: "xor", literals: [2, 3] },
    ],
    target: null,
    difficulty: 0.3,
  },
};
const one: Task = { ...rain, puzzle: { ...rain["puzzle"] as object, target: 1 } };

/** Whether an assignment, one bit a variable, satisfies clauses: the truth table in the plainest form. */
function table(clauses: readonly (readonly number[])[], variables: number): number[] {
  return [...Array(2 ** variables).keys()].filter((bits) =>
    clauses.every((clause) =>
      clause.some((literal) => ((bits >> (Math.abs(literal) - 1)) & 1) === +(literal > 0))
    )
  );
}

const clause = fc.array(fc.integer({ min: -5, max: 5 }).filter((literal) => literal !== 0), {
  minLength: 1,
  maxLength: 3,
});

Deno.test("DPLL agrees with truth tables on what is possible and what follows", () => {
  fc.assert(
    fc.property(fc.array(clause, { maxLength: 14 }), fc.integer({ min: 1, max: 5 }), (clauses, variable) => {
      const models = table(clauses, 5);
      assert.equal(isSatisfiable(clauses), models.length > 0);
      assert.equal(entails(clauses, variable), models.every((bits) => ((bits >> (variable - 1)) & 1) === 1));
      assert.equal(onlyModel(clauses, 5) !== null, models.length === 1);
    }),
  );
});

Deno.test("depthsOf() counts rounds of unit resolution", () => {
  assert.deepEqual(depthsOf([[1], [-1, 2], [-2, -3, 4], [-1, 3]], 5), [0, 1, 1, 2, Infinity]);
});

const forms: readonly FormName[] = ["iff", "ifAnd", "if", "xor", "or", "neither", "and", "fact"];

Deno.test("premises come back from their sentences and formulas", () => {
  const names = ["Raining", "Wet", "Paid"];
  for (const form of forms) {
    for (const sign of [1, -1]) {
      const literals = [1, -2, 3].slice(0, placesOf(form)).map((literal) => literal * sign);
      const parts = literals.map((literal) => ({
        name: names[Math.abs(literal) - 1]!,
        negated: literal < 0,
      }));
      assert.deepEqual(readSentence(`${sentenceOf({ form, literals }, names)}.`), { form, parts });
      const letters = parts.map((part, at) => ({ ...part, name: "abc"[at]! }));
      assert.deepEqual(readFormula(formulaOf({ form, literals })), { form, parts: letters });
    }
  }
});

Deno.test("forms mean what their sentences say", () => {
  const holds: Readonly<Record<FormName, (a: boolean, b: boolean, c: boolean) => boolean>> = {
    iff: (a, b) => a === b,
    ifAnd: (a, b, c) => !(a && b) || c,
    if: (a, b) => !a || b,
    xor: (a, b) => a !== b,
    or: (a, b) => a || b,
    neither: (a, b) => !a && !b,
    and: (a, b) => a && b,
    fact: (a) => a,
  };
  for (const form of forms) {
    const models = table(clausesOf({ form, literals: [1, 2, 3].slice(0, placesOf(form)) }), 3);
    for (let bits = 0; bits < 8; bits++) {
      assert.equal(models.includes(bits), holds[form]((bits & 1) > 0, (bits & 2) > 0, (bits & 4) > 0), form);
    }
  }
});

Deno.test("makeLogic() makes puzzles with one answer and exactly the promised depth", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer(), (difficulty, seed) => {
      const puzzle = makeLogic({ difficulty, ask: "one", prng: seeded(seed) });
      const { variables, premises, target } = puzzle;
      const count = 2 + Math.floor(8 * difficulty);
      assert.equal(variables.length, count);
      assert.equal(table(premises.flatMap(clausesOf), count).length, 1);
      assert.equal(depthOf(puzzle), Math.min(1 + Math.floor(5 * difficulty), count - 1));
      assert.equal(depthsOf(premises.flatMap(clausesOf), count)[target!], depthOf(puzzle));
      if (difficulty >= 0.5) return;
      assert.equal(premises.length, count);
      premises.forEach((_, left) => {
        assert.equal(modelOf({ ...puzzle, premises: premises.filter((_, at) => at !== left) }), null);
      });
    }),
    { numRuns: 60 },
  );
});

Deno.test("logic pays more for fewer steps and tells what it is asked for", async () => {
  await using env = await made();
  await env.reset({ task: rain });
  const told = await env.step(text("QUERY value very wet"));
  assert.deepEqual([told.observation.split("\n")[1], told.reward], ["Very wet=true", -0.02]);
  assert.match(told.observation, /^Known: Very wet=true\nQueries of truth left: 0$/m);
  const refused = await env.step({ tool: "query", params: { question: "implies Raining Late" } });
  assert.equal(refused.observation.split("\n")[1], "Refused: no such queries are left.");
  const related = await env.step(text("query related Late"));
  assert.equal(related.observation.split("\n")[1], "Either Very wet or Late, but not both.");
  const free = await env.step(text("query premises"));
  const paid = await env.step(text("query premises"));
  assert.deepEqual([free.reward, paid.reward], [0, -0.02]);
  const end = await env.step(text("SOLVE raining is true; Very wet: yes\nLate=0"));
  assert.deepEqual([end.reward, end.terminated, end.info.success, end.info.reason], [
    1.04,
    true,
    true,
    "solved",
  ]);
});

Deno.test("logic refuses to tell the target, and ends on the first solution", async () => {
  await using env = await made();
  await env.reset({ task: one });
  for (const question of ["value Very wet", "implies Raining Very wet"]) {
    const came = await env.step({ tool: "query", params: { question } });
    assert.equal(came.observation.split("\n")[1], "Refused: that is the question.");
  }
  const implied = await env.step(text("QUERY implies Raining Late"));
  assert.equal(implied.observation.split("\n")[1], "Raining>Late=false");
  const end = await env.step(text("SOLVE false"));
  assert.deepEqual([end.reward, end.terminated, end.info.success, end.info.score], [-0.5, true, false, 0]);
});

Deno.test("logic gives part of the credit for part of the answer, at most 0.3", async () => {
  await using env = await made({ compact: true });
  const cases = [["111", 0.3, 2 / 3], ["011", -1 / 3, 1 / 3], ["a=1", 0.3, 1 / 3], ["001", -1, 0]] as const;
  for (const [solution, reward, score] of cases) {
    assert.equal((await env.reset({ task: rain })).observation, "a;a>b;b^c?");
    const end = await env.step(text(solution));
    assert.deepEqual([end.reward, end.info.score], [Number(reward.toFixed(9)), score], solution);
    assert.equal(end.info.success, false);
  }
});

Deno.test("logic takes no solution that says two things, or nothing, or speaks of others", async () => {
  await using env = await made();
  for (
    const [solution, problem] of [
      ["Raining=true, Raining=false", "wanted one value a variable, received two for Raining"],
      ["Sunny=true", 'wanted X=true or X=false for variables of the puzzle, received "Sunny=true"'],
      [",;", "wanted X=true or X=false, received nothing"],
    ] as const
  ) {
    await env.reset({ task: rain });
    const came = await env.step({ tool: "solve", params: { solution } });
    assert.deepEqual([came.terminated, came.info.invalid, came.reward], [false, true, -0.1]);
    assert.equal(
      came.observation.split("\n")[1],
      `ERROR BAD_SOLUTION: ${problem}. Allowed: SOLVE <solution>, QUERY <question>`,
    );
  }
});

Deno.test("logic is not solved by a constant answer or by asking for everything", async () => {
  for (const solution of ["1111", "0000"]) {
    const all = await played("llm-gym/logic-puzzle-v1", { compact: true }, always(text(solution)), 200);
    assert.ok(successOf(all) < 0.15, `${successOf(all)}`); // 1/16
  }
  const asks = always((step) => text(`Q value ${"abcd"[step % 4]}`));
  for (const one of await played("llm-gym/logic-puzzle-v1", { compact: true }, asks, 20)) {
    assert.deepEqual([one.outcome.success, one.outcome.reason, one.steps.length], [false, "max_steps", 10]);
    const told = one.steps.at(-2)!.result.output.match(/[a-d]=[01]/g)!;
    assert.equal(new Set(told).size, 2);
  }
});

Deno.test("logic makes puzzles from a task's templates and refuses templates that fit nothing", async () => {
  const logic_puzzle = {
    templates: ["If A then B", { text: "Either A or B", exclusive: true, weight: 2, difficulty: [0, 0.6] }],
    variables: [["Raining", "Wet"], ["Studying", "Pass"]],
  };
  await using env = await made();
  const seen = new Set<string>();
  for (let seed = 0n; seed < 20n; seed++) {
    const { observation, info } = await env.reset({
      seed,
      task: { id: "own", description: "Decide.", logic_puzzle },
    });
    assert.match(observation, /^\[logic-puzzle\].*\nDecide\.\nPremises:\n/);
    const { premises, variables } = info.task!["puzzle"] as never as {
      premises: never[];
      variables: string[];
    };
    assert.equal(table(premises.flatMap(clausesOf), variables.length).length, 1);
    seen.add(premises.map((premise) => sentenceOf(premise, ["A", "B", "C", "D"])).join());
  }
  assert.ok(seen.size > 5);
  assert.throws(
    () =>
      env.reset({
        task: { id: "own", description: "", logic_puzzle: { ...logic_puzzle, variables: [["X"]] } },
      }),
    {
      code: "INVALID_DATA",
      message:
        'Cannot use logic_puzzle of task "own": variables: wanted a row that binds every slot of each template: received [["X"]]',
    },
  );
});

Deno.test("logic refuses a task whose premises leave something open", async () => {
  await using env = await made();
  const premises = [{ form: "or", literals: [1, 2] }];
  const puzzle = { variables: ["A", "B"], premises, target: null, difficulty: 0 };
  assert.throws(() => env.reset({ task: { id: "open", description: "", puzzle } }), {
    code: "INVALID_DATA",
    message: 'Cannot use puzzle of task "open" for env "llm-gym/logic-puzzle-v1": ' +
      'premises: wanted premises that give every variable exactly one value: received [{"form":"or","literals":[1,2]}]',
  });
});
