/**
 * Two ends of a scale for `llm-gym/logic-puzzle-v1`: one policy that reasons from what it reads, one that guesses.
 *
 * @module
 */
import type { Contribution } from "../../core/kind.ts";
import { type Policy, policy, type PolicyView } from "../../core/policy.ts";
import { noOptions } from "../../core/schema.ts";
import { linesOf, saying } from "./acting.ts";
import { valueOf } from "./entailment.ts";
import { clausesOf, letterOf, type Premise, readFormula, readSentence, type Sentence } from "./premise.ts";

/** Reads the premises from what it is shown, reasons, and gives the solution. */
export const logicSolver: Contribution<Policy, Record<string, never>> = policy("llm-gym/logic-solver-v1", {
  description: "Solves llm-gym/logic-puzzle-v1 by reasoning from the premises it is shown",
  options: noOptions,
  create: (): Policy => ({
    name: "logic-solver",
    model: null,
    act: (view) => {
      const { names, premises, compact, asked } = read(view.observation);
      const clauses = premises.flatMap(clausesOf);
      const values = asked.map((name) => valueOf(clauses, names.indexOf(name)) ?? false);
      return saying(view, "solve", solutionText(asked, values, compact));
    },
  }),
});

/** Gives random truth values. */
export const logicGuesser: Contribution<Policy, Record<string, never>> = policy("llm-gym/logic-guesser-v1", {
  description: "Answers llm-gym/logic-puzzle-v1 with random truth values",
  options: noOptions,
  create: (): Policy => ({
    name: "logic-guesser",
    model: null,
    act: (view: PolicyView) => {
      const { compact, asked } = read(view.observation);
      return saying(view, "solve", solutionText(asked, asked.map(() => view.prng() < 0.5), compact));
    },
  }),
});

interface Reading {
  readonly names: readonly string[];
  readonly premises: readonly Premise[];
  readonly compact: boolean;
  /** Names of the variables that are asked for. */
  readonly asked: readonly string[];
}

function read(observation: string): Reading {
  const lines = linesOf(observation);
  const declared = lines.find((line) => line.startsWith("Variables: "))?.slice("Variables: ".length);
  return declared === undefined ? readCompact(lines.at(-1) ?? "") : readReadable(lines, declared.split(", "));
}

function readReadable(lines: readonly string[], names: readonly string[]): Reading {
  const sentences = lines.flatMap((line) => /^\d+\. (.+)$/.exec(line)?.[1] ?? []).map(readSentence);
  const target = lines.map((line) => /^Target: is (.+) true\?$/.exec(line)?.[1]).find((name) => name);
  const asked = target !== undefined && names.includes(target) ? [target] : names;
  return { names, premises: sentences.map((one) => premiseOf(one, names)), compact: false, asked };
}

function readCompact(line: string): Reading {
  const [, given = "", target = ""] = /^([^?]*)\?([a-z]?)/.exec(line) ?? [];
  const sentences = given.split(";").map(readFormula);
  const most = Math.max(
    ...sentences.flatMap(({ parts }) => parts.map(({ name }) => name.charCodeAt(0) - 97)),
  );
  const names = Array.from({ length: most + 1 }, (_, at) => letterOf(at));
  const premises = sentences.map((one) => premiseOf(one, names));
  return { names, premises, compact: true, asked: target === "" ? names : [target] };
}

function premiseOf({ form, parts }: Sentence, names: readonly string[]): Premise {
  return {
    form,
    literals: parts.map(({ name, negated }) => (names.indexOf(name) + 1) * (negated ? -1 : 1)),
  };
}

function solutionText(names: readonly string[], values: readonly boolean[], compact: boolean): string {
  if (compact) return values.map((value) => String(Number(value))).join("");
  return names.map((name, at) => `${name}=${values[at]}`).join(", ");
}
