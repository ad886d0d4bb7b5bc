/**
 * Premises of logic puzzles: forms such as `If A then B`, as sentences, as short formulas and as clauses.
 *
 * A literal is ±(index of the variable + 1), negative when it is negated, as in the DIMACS format of solvers.
 *
 * @module
 */
import { z } from "zod";

interface Form {
  /** How the sentence reads; `{0}` is the first literal. */
  readonly text: string;
  /** How the formula reads. */
  readonly compact: string;
  /** Conjunction of disjunctions. */
  readonly clauses: (literals: readonly number[]) => number[][];
}

/** All forms. A text is read as the first form that fits, so the more specific one stands before the more general. */
const FORMS = {
  iff: {
    text: "{0} if and only if {1}",
    compact: "{0}={1}",
    clauses: ([a = 0, b = 0]) => [[-a, b], [a, -b]],
  },
  ifAnd: {
    text: "If {0} and {1} then {2}",
    compact: "{0}&{1}>{2}",
    clauses: ([a = 0, b = 0, c = 0]) => [[-a, -b, c]],
  },
  if: { text: "If {0} then {1}", compact: "{0}>{1}", clauses: ([a = 0, b = 0]) => [[-a, b]] },
  xor: {
    text: "Either {0} or {1}, but not both",
    compact: "{0}^{1}",
    clauses: ([a = 0, b = 0]) => [[a, b], [-a, -b]],
  },
  or: { text: "Either {0} or {1}", compact: "{0}|{1}", clauses: ([a = 0, b = 0]) => [[a, b]] },
  neither: { text: "Neither {0} nor {1}", compact: "!{0}|{1}", clauses: ([a = 0, b = 0]) => [[-a], [-b]] },
  and: { text: "{0} and {1}", compact: "{0}&{1}", clauses: ([a = 0, b = 0]) => [[a], [b]] },
  fact: { text: "{0}", compact: "{0}", clauses: ([a = 0]) => [[a]] },
} as const satisfies Readonly<Record<string, Form>>;

/** Name of a form. */
export type FormName = keyof typeof FORMS;

/** One premise as data. */
export interface Premise {
  /** Its form. */
  readonly form: FormName;
  /** Its literals, as many as the form has places. */
  readonly literals: readonly number[];
}

/** Schema of {@linkcode Premise}. */
export const premiseSchema: z.ZodType<Premise> = z.strictObject({
  form: z.enum(Object.keys(FORMS) as [FormName]),
  literals: z.array(z.int().refine((literal) => literal !== 0, "wanted a literal")),
}).refine(({ form, literals }) => literals.length === placesOf(form), {
  message: "wanted as many as the form has places",
  path: ["literals"],
});

/** Places of a form. */
export function placesOf(form: FormName): number {
  return FORMS[form].text.match(/\{\d\}/g)!.length;
}

/** Clauses of a premise. */
export function clausesOf({ form, literals }: Premise): number[][] {
  return FORMS[form].clauses(literals);
}

/** A premise as a sentence without its full stop. */
export function sentenceOf({ form, literals }: Premise, names: readonly string[]): string {
  const text = filled(
    FORMS[form].text,
    literals.map((literal) => {
      const name = names[Math.abs(literal) - 1]!;
      return literal < 0 ? `not ${name}` : name;
    }),
  );
  return text.replace(/^not /, "Not ");
}

/** A premise as a formula over the letters a, b, c … */
export function formulaOf({ form, literals }: Premise): string {
  return filled(
    FORMS[form].compact,
    literals.map((literal) => `${literal < 0 ? "-" : ""}${letterOf(Math.abs(literal) - 1)}`),
  );
}

/** The letter of a variable in formulas. */
export function letterOf(variable: number): string {
  return String.fromCharCode("a".charCodeAt(0) + variable);
}

/** What a text says, with names in place of literals. */
export interface Sentence {
  /** Its form. */
  readonly form: FormName;
  /** Names in order, and whether each is negated. */
  readonly parts: readonly { readonly name: string; readonly negated: boolean }[];
}

/** Reads a sentence as {@linkcode sentenceOf} writes it. Any text is at least a fact. */
export function readSentence(text: string): Sentence {
  return read(text.trim().replace(/\.$/, ""), SENTENCES, /^not\s+/i);
}

/** Reads a formula as {@linkcode formulaOf} writes it. */
export function readFormula(text: string): Sentence {
  return read(text, FORMULAS, /^-/);
}

type Patterns = readonly (readonly [FormName, RegExp])[];

function read(text: string, patterns: Patterns, negation: RegExp): Sentence {
  for (const [form, pattern] of patterns) {
    const match = pattern.exec(text);
    if (match === null) continue;
    const parts = match.slice(1).map((part) => {
      const name = part.trim();
      return { name: name.replace(negation, ""), negated: negation.test(name) };
    });
    return { form, parts };
  }
  return { form: "fact", parts: [{ name: text, negated: false }] };
}

function patternsOf(field: "text" | "compact", place: string, flags: string): Patterns {
  return (Object.keys(FORMS) as FormName[]).map((form) => {
    const escaped = FORMS[form][field].split(/\{\d\}/).map((part) => part.replace(/[|^&!=>]/g, "\\$&"));
    return [form, new RegExp(`^${escaped.join(place)}$`, flags)];
  });
}

const SENTENCES = patternsOf("text", "(.+?)", "i");
const FORMULAS = patternsOf("compact", "(-?[a-z])", "");

function filled(template: string, parts: readonly string[]): string {
  return template.replace(/\{(\d)\}/g, (_, place: string) => parts[Number(place)]!);
}
