/**
 * Logic puzzles: from premises to the truth of one variable or of all.
 *
 * Every instance has exactly one answer, proven when it is made (and when a task brings it). A solution ends the
 * episode at once: with one yes-or-no question, a second attempt would hand the answer to anyone.
 *
 * @module
 */
import { z } from "zod";
import type { Env } from "../../core/env.ts";
import type { Contribution } from "../../core/kind.ts";
import { entails, valueOf } from "./entailment.ts";
import { type LogicInstance, logicInstance, makeLogic, modelOf } from "./logic_instance.ts";
import { clausesOf, formulaOf, letterOf, sentenceOf } from "./premise.ts";
import { type Move, puzzle, puzzleFields, type PuzzleOptions, type Rules } from "./puzzle.ts";
import { readSolution, valueText } from "./solution.ts";
import { difficultyOf, logicTemplatesOf } from "./templates.ts";

/** Options of {@linkcode logicPuzzle}. */
export interface LogicOptions extends PuzzleOptions {
  /** In [0, 1]: more variables, longer chains, more negations. A task's own comes first. @default 0.3 */
  readonly difficulty?: number | undefined;
  /** `all` asks for every variable, `one` for one, which half of all guesses get right. @default "all" */
  readonly ask?: "all" | "one" | undefined;
}

const options = z.strictObject({
  ...puzzleFields,
  difficulty: z.number().min(0).max(1).default(0.3).describe("How hard, in [0, 1]"),
  ask: z.enum(["all", "one"]).default("all").describe("Whether every variable is asked for, or one"),
});

interface State {
  /** Answers to queries, in order. */
  told: string[];
  /** Queries that told a truth. */
  used: number;
  /** Whether the premises were read out once. */
  recited: boolean;
}

const rules: Rules<z.output<typeof options>, LogicInstance, State> = {
  id: "llm-gym/logic-puzzle-v1",
  description: "Premises to reason from and questions to ask; every puzzle is proven to have one answer",
  verbs: ({ ask }) => [
    {
      name: "solve",
      letter: "S",
      param: "solution",
      description: "Gives the solution, `X=true, Y=false`, and ends the episode",
      ...(ask === "one" && { examples: ["true", "false"] }),
    },
    {
      name: "query",
      letter: "Q",
      param: "question",
      description: "Asks `value X`, `implies X Y`, `related X` or `premises`; each costs a little",
      examples: ["premises"],
    },
  ],
  bare: "solve",
  instance: logicInstance,
  make: ({ options: { difficulty, ask }, prng, task }) =>
    makeLogic({ difficulty: difficultyOf(task) ?? difficulty, ask, templates: logicTemplatesOf(task), prng }),
  start: () => ({ told: [], used: 0, recited: false }),
  maxSteps: () => 10,
  difficulty: ({ difficulty }) => difficulty,
  show: (instance, state, compact) => compact ? showCompact(instance, state) : showReadable(instance, state),
  act: ({ verb, text }, instance, state, at) =>
    verb === "solve" ? solve(text, instance, at) : query(text, instance, state, at.compact),
  unfinished: () => ({ earned: -0.5, score: 0 }),
};

/**
 * `SOLVE` and `QUERY` over premises. Right is 1 and up to 0.1 for few steps; wrong is −0.5, or with `ask: "all"` the right
 * ones less the wrong ones over all, at most 0.3. A query costs 0.02.
 */
export const logicPuzzle: Contribution<Env, LogicOptions> = puzzle(rules, options);

function showCompact({ premises, target }: LogicInstance, { told }: State): string {
  return [`${premises.map(formulaOf).join(";")}?${target === null ? "" : letterOf(target)}`, ...told].join(
    " ",
  );
}

function showReadable(instance: LogicInstance, state: State): string {
  const { variables, premises, target } = instance;
  return [
    "Premises:",
    ...premises.map((premise, at) => `${at + 1}. ${sentenceOf(premise, variables)}`),
    `Variables: ${variables.join(", ")}`,
    `Target: ${target === null ? "is each variable true?" : `is ${variables[target]} true?`}`,
    ...(state.told.length === 0 ? [] : [`Known: ${state.told.join("; ")}`]),
    `Queries of truth left: ${budgetOf(instance) - state.used}`,
  ].join("\n");
}

function solve(
  text: string,
  instance: LogicInstance,
  { steps, limit, compact }: { steps: number; limit: number; compact: boolean },
): Move {
  const { variables, target } = instance;
  const solution = readSolution(text, compact ? variables.map((_, at) => letterOf(at)) : variables, target);
  if (typeof solution === "string") return { note: solution, invalid: "BAD_SOLUTION" };
  const model = modelOf(instance)!;
  const asked = target === null ? [...model.keys()] : [target];
  const right = asked.filter((variable) => solution.get(variable) === model[variable]).length;
  const wrong = asked.filter((variable) => solution.get(variable) === !model[variable]).length;
  const note = compact ? "" : right === asked.length ? "Right." : "Wrong.";
  const score = right / asked.length;
  if (right === asked.length) {
    const shaping = { efficiency: 0.1 * (1 - (steps + 1) / limit) };
    return { note, earned: 1, shaping, end: { success: true, score, reason: "solved" } };
  }
  const earned = target === null ? Math.min(0.3, (right - wrong) / asked.length) : -0.5;
  return { note, earned, end: { success: false, score, reason: "wrong_solution" } };
}

/** Queries that tell a truth. They never tell all that is asked for. */
function budgetOf({ variables, target, difficulty }: LogicInstance): number {
  const most = 2 + Math.floor(4 * (1 - difficulty));
  return target === null ? Math.min(most, Math.floor(variables.length / 2)) : most;
}

function query(text: string, instance: LogicInstance, state: State, compact: boolean): Move {
  const [word = "", ...rest] = text.split(/\s+/);
  const form = word.toLowerCase();
  const known = compact ? instance.variables.map((_, at) => letterOf(at)) : instance.variables;
  const found = variablesIn(rest, known, PLACES[form] ?? 0);
  if (PLACES[form] === undefined || found === null) {
    const why = "wanted premises, related X, value X or implies X Y with variables of the puzzle";
    return { note: why, invalid: "BAD_QUERY" };
  }
  if (form === "premises") return recite(instance, state, compact);
  if (form === "related") return { note: related(instance, found[0]!, compact), shaping: COST };
  if (found.includes(instance.target ?? -2)) return { note: "Refused: that is the question.", shaping: COST };
  if (state.used >= budgetOf(instance)) return { note: "Refused: no such queries are left.", shaping: COST };
  const clauses = instance.premises.flatMap(clausesOf);
  const truth = form === "value"
    ? valueOf(clauses, found[0]!)
    : entails([...clauses, [found[0]! + 1]], found[1]! + 1);
  const note = form === "value"
    ? `${known[found[0]!]}=${valueText(truth, compact)}`
    : `${known[found[0]!]}>${known[found[1]!]}=${valueText(truth, compact)}`;
  state.used++;
  state.told.push(note);
  return { note: compact ? "" : note, shaping: COST };
}

const PLACES: Readonly<Record<string, number>> = Object.assign(Object.create(null), {
  premises: 0,
  related: 1,
  value: 1,
  implies: 2,
});

const COST = { query: -0.02 };

/** The variables that words name, `count` of them; a name may have several words. */
function variablesIn(words: readonly string[], known: readonly string[], count: number): number[] | null {
  if (count === 0) return words.length === 0 ? [] : null;
  for (let length = 1; length <= words.length; length++) {
    const name = words.slice(0, length).join(" ").toLowerCase();
    const variable = known.findIndex((one) => one.toLowerCase() === name);
    const rest = variable < 0 ? null : variablesIn(words.slice(length), known, count - 1);
    if (rest !== null) return [variable, ...rest];
  }
  return null;
}

function recite({ premises, variables }: LogicInstance, state: State, compact: boolean): Move {
  const free = !state.recited;
  state.recited = true;
  const note = compact ? "" : premises.map((premise) => `${sentenceOf(premise, variables)}.`).join(" ");
  return { note, shaping: free ? {} : COST };
}

function related({ premises, variables }: LogicInstance, variable: number, compact: boolean): string {
  const about = premises.filter(({ literals }) =>
    literals.some((literal) => Math.abs(literal) === variable + 1)
  );
  return compact
    ? about.map(formulaOf).join(";")
    : about.map((premise) => `${sentenceOf(premise, variables)}.`).join(" ");
}
