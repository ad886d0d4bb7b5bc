import assert from "node:assert/strict";
import type { Env } from "../../core/env.ts";
import { seeded } from "../../core/prng.ts";
import type { Task } from "../../core/trajectory.ts";
import { always, gym, played, successOf, text } from "./_testing_test.ts";
import { isRight, likeness, metaReasoning, splitConfidence } from "./meta.ts";
import { DAYS, FAMILIES, makeMeta, type MetaInstance } from "./meta_families.ts";

const ID = "llm-gym/meta-reasoning-v1";
const puzzle: MetaInstance = {
  question: "How much?",
  compact: "2*3=?",
  answer: "6",
  answerType: "number",
  tolerance: 0,
  assumptions: ["no discount"],
  trap: "base_rate",
  steps: ["2 * 3 = 6"],
  difficulty: 0.3,
};
const taskOf = (changes: Partial<MetaInstance> = {}): Task => ({
  id: "t",
  description: "",
  puzzle: { ...puzzle, ...changes } as never,
});

async function rewards(env: Env, task: Task, said: readonly string[]): Promise<number[]> {
  await env.reset({ task });
  const got: number[] = [];
  for (const one of said) got.push((await env.step(text(one))).reward);
  return got;
}

Deno.test("meta pays for new notes, assumptions and traps once each, and charges for repeats", async () => {
  await using env = await gym.make(metaReasoning, {});
  assert.deepEqual(
    await rewards(env, taskOf(), [
      "THINK There is no discount here at all",
      "THINK I assume that prices are fixed",
      "THINK The base rate matters a lot",
      "THINK the base rate, matters: a LOT",
      "ANSWER 6",
    ]),
    [0.08, 0.03, 0.08, -0.05, 1],
  );
});

Deno.test("meta charges for an answer without a thought where problems are not easy", async () => {
  await using env = await gym.make(metaReasoning, {});
  assert.deepEqual(await rewards(env, taskOf(), ["ANSWER 6"]), [0.9]);
  assert.deepEqual(await rewards(env, taskOf({ difficulty: 0.2 }), ["ANSWER 6"]), [1]);
  assert.deepEqual(await rewards(env, taskOf({ difficulty: 0.2 }), ["ANSWER 7"]), [-0.5]);
});

Deno.test("meta pays for a confidence that fits", async () => {
  await using env = await gym.make(metaReasoning, { compact: true });
  const easy = taskOf({ difficulty: 0 });
  const cases = [["6 CONFIDENCE 1", 1.1], ["6, confidence: 50%", 1], ["7 CONFIDENCE 1", -0.8], [
    "7 confidence 0",
    -0.4,
  ]] as const;
  for (const [said, reward] of cases) assert.deepEqual(await rewards(env, easy, [said]), [reward], said);
  assert.deepEqual(splitConfidence("I have confidence 12 times"), {
    content: "I have confidence 12 times",
    confidence: null,
  });
  assert.deepEqual(splitConfidence("x CONFIDENCE 250"), { content: "x", confidence: null });
});

Deno.test("isRight() reads numbers, units and texts, and no list of guesses", () => {
  const cases: readonly (readonly [string, Partial<MetaInstance>, boolean])[] = [
    ["6", {}, true],
    ["6.0000001", {}, true],
    ["6.1", {}, false],
    ["6.1", { tolerance: 0.2 }, true],
    ["6 pens.", {}, true],
    ["6%", {}, true],
    ["$1,200", { answer: "1200" }, true],
    ["5 6 7", {}, false],
    ["6 or 7", {}, false],
    ["", {}, false],
    ["Yes!", { answer: "yes", answerType: "choice" }, true],
    ["yes no", { answer: "yes", answerType: "choice" }, false],
    ["ＭＯＮＤＡＹ", { answer: "Monday", answerType: "text" }, true],
    ["Unknown", { answer: "unknown", answerType: "unknown" }, true],
  ];
  for (const [said, changes, right] of cases) {
    assert.equal(isRight(said, { ...puzzle, ...changes }), right, said);
  }
});

Deno.test("likeness() is the share of common word triples", () => {
  assert.equal(likeness("a b c d", "A, b c d!"), 1);
  assert.equal(likeness("a b c d", "b c d e"), 1 / 3);
  assert.equal(likeness("a b", "a c"), 1 / 3);
});

/** The arithmetic of a compact problem by other means than the generator's. */
const RECOMPUTED: Partial<Record<(typeof FAMILIES)[number], (compact: string) => string>> = {
  arithmetic: (compact) =>
    compact.includes("x") ? "unknown" : String(Function(`return ${compact.slice(0, -2)}`)()),
  percent: (compact) => {
    const [price = 0, up = 0, down = 0] = compact.match(/\d+/g)!.map(Number);
    return String(price * (1 + up / 100) * (1 - down / 100));
  },
  base_rate: (compact) => {
    const [rate = 0, hit = 0, alarm = 0] = compact.match(/\d+/g)!.map((digits) => Number(digits) / 100);
    return String(100 * rate * hit / (rate * hit + (1 - rate) * alarm));
  },
  date: (compact) => {
    const [, day = "", days = ""] = /^(\w+)\+(\d+)=\?$/.exec(compact)!;
    const start = DAYS.findIndex((name) => name.startsWith(day));
    return new Date(Date.UTC(2024, 0, 1 + start + Number(days))).toLocaleDateString("en", {
      weekday: "long",
      timeZone: "UTC",
    });
  },
};

for (const family of FAMILIES) {
  Deno.test(`every ${family} problem has the answer that another calculation gives`, () => {
    const answers = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const made = makeMeta({
        difficulty: seed / 200,
        families: [family],
        templates: undefined,
        prng: seeded(seed),
      });
      const again = RECOMPUTED[family]?.(made.compact);
      if (again !== undefined) {
        assert.ok(isRight(again, { ...made, tolerance: 0.51 }), `${made.compact} ${made.answer} ${again}`);
      }
      answers.add(made.answer);
    }
    assert.ok(answers.size > 1);
  });
}

/** Who is what: each of three sets holds or lacks each of the eight kinds of thing that sets can tell apart. */
Deno.test("every syllogism is valid exactly when no world refutes it", () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 100; seed++) {
    const { compact, answer } = makeMeta({
      difficulty: 0,
      families: ["syllogism"],
      templates: undefined,
      prng: seeded(seed),
    });
    seen.add(compact);
    const [first, second, conclusion] = compact.replace("?", "").split(/, |: /) as [string, string, string];
    const holds = (claim: string, world: number): boolean => {
      const [, mood, a, b] = /^(\w+) (\w) are (\w)$/.exec(claim)!;
      const kinds = [...Array(8).keys()].filter((kind) => (world >> kind) & 1);
      const isIn = (set: string, kind: number): boolean => ((kind >> "ABC".indexOf(set)) & 1) === 1;
      if (mood === "Some") return kinds.some((kind) => isIn(a!, kind) && isIn(b!, kind));
      return kinds.every((kind) => !isIn(a!, kind) || isIn(b!, kind) === (mood === "All"));
    };
    const worlds = [...Array(256).keys()];
    const valid = worlds.every((world) =>
      !holds(first, world) || !holds(second, world) || holds(conclusion, world)
    );
    assert.equal(answer, valid ? "yes" : "no", compact);
  }
  assert.equal(seen.size, 6);
});

Deno.test("meta is not solved by a constant answer", async () => {
  for (const answer of ["yes", "no", "unknown", "0"]) {
    assert.ok(successOf(await played(ID, { compact: true }, always(text(answer)), 100)) < 0.25, answer);
  }
});
