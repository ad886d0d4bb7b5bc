/**
 * Instances of logic puzzles, each proven to have exactly one answer before it is given out.
 *
 * @module
 */
import { z } from "zod";
import { below, type Prng } from "../../core/prng.ts";
import { depthsOf, isSatisfiable, MAX_VARIABLES, onlyModel, valueOf } from "./entailment.ts";
import { shuffled } from "./shuffled.ts";
import { clausesOf, type FormName, type Premise, premiseSchema } from "./premise.ts";
import type { LogicTemplates } from "./templates.ts";

/** A puzzle as data. */
export interface LogicInstance {
  /** Names of the variables. */
  readonly variables: readonly string[];
  /** What is given. */
  readonly premises: readonly Premise[];
  /** The variable that is asked for, or null for all. */
  readonly target: number | null;
  /** How hard it was meant to be, in [0, 1]. */
  readonly difficulty: number;
}

/** Schema of {@linkcode LogicInstance}: a puzzle whose premises do not decide every variable is refused. */
export const logicInstance: z.ZodType<LogicInstance> = z.strictObject({
  variables: z.array(z.string().min(1).max(80)).min(1).max(MAX_VARIABLES),
  premises: z.array(premiseSchema).min(1).max(100),
  target: z.int().min(0).nullable(),
  difficulty: z.number().min(0).max(1),
}).refine(({ variables, target }) => (target ?? 0) < variables.length, {
  message: "wanted the index of a variable",
  path: ["target"],
}).refine((given) => inRange(given) && modelOf(given) !== null, {
  message: "wanted premises that give every variable exactly one value",
  path: ["premises"],
});

/** The only assignment that the premises allow, or null. */
export function modelOf({ variables, premises }: LogicInstance): boolean[] | null {
  return onlyModel(premises.flatMap(clausesOf), variables.length);
}

/** Steps of unit resolution until all variables are known; Infinity where it does not suffice. */
export function depthOf({ variables, premises }: Omit<LogicInstance, "target" | "difficulty">): number {
  return Math.max(...depthsOf(premises.flatMap(clausesOf), variables.length));
}

/** What an instance is made by. */
export interface LogicMaking {
  /** In [0, 1]. */
  readonly difficulty: number;
  /** Whether all variables are asked for, or one at the greatest depth. */
  readonly ask: "all" | "one";
  /** Texts and names of a task; left out, those of the generator. */
  readonly templates?: LogicTemplates | undefined;
  /** Randomness. */
  readonly prng: Prng;
}

/**
 * Makes an instance. Without templates it has 2 + ⌊8d⌋ variables and needs exactly 1 + ⌊5d⌋ steps of unit resolution (fewer
 * when there are not enough variables); below d = 0.5 no premise is redundant, from there on up to ⌊4d⌋ are.
 */
export function makeLogic(making: LogicMaking): LogicInstance {
  const { difficulty, ask, templates, prng } = making;
  const { variables, premises } = templates === undefined
    ? chain(difficulty, prng)
    : fromTemplates(templates, difficulty, prng);
  const depths = depthsOf(premises.flatMap(clausesOf), variables.length);
  const deepest = depths.indexOf(Math.max(...depths));
  const made = { variables, premises, target: ask === "one" ? deepest : null, difficulty };
  if (modelOf(made) !== null) return made;
  throw new Error("Cannot make a logic puzzle: wanted premises that decide every variable: received others");
}

type Given = Pick<LogicInstance, "variables" | "premises">;

const NAMES = [
  "Raining",
  "Wet",
  "Studying",
  "Pass",
  "Hungry",
  "Eating",
  "Tired",
  "Sleeping",
  "Sunny",
  "Warm",
  "Working",
  "Paid",
] as const;

/** A stated fact, then one premise for each further variable that decides it from those before. */
function chain(difficulty: number, prng: Prng): Given {
  const count = 2 + Math.floor(8 * difficulty);
  const depth = Math.min(1 + Math.floor(5 * difficulty), count - 1);
  const truth = Array.from({ length: count }, () => prng() < 0.5);
  const order = shuffled([...truth.keys()], prng);
  const depths = [0];
  const premises: Premise[] = [{ form: "fact", literals: [holding(order[0]!, truth)] }];
  for (let at = 1; at < count; at++) {
    const able = [...depths.keys()].filter((earlier) => depths[earlier]! < depth);
    const parent = at <= depth ? at - 1 : able[below(prng, able.length)]!;
    depths.push(depths[parent]! + 1);
    premises.push(link(order[parent]!, order[at]!, { truth, difficulty, prng }));
  }
  const made = { variables: shuffled(NAMES, prng).slice(0, count), premises };
  const most = count + (difficulty < 0.5 ? 0 : Math.floor(4 * difficulty));
  for (let tries = 8 * most; tries > 0 && premises.length < most; tries--) {
    const [a, b] = shuffled(order, prng) as [number, number];
    premises.push(link(a, b, { truth, difficulty, prng }));
    if (depthOf(made) < depth) premises.pop(); // a short cut
  }
  return { ...made, premises: shuffled(premises, prng) };
}

interface Linking {
  readonly truth: readonly boolean[];
  readonly difficulty: number;
  readonly prng: Prng;
}

/** Forms that decide the second literal from the first, by the truth of both; `true` turns the two round. */
const LINKS: Readonly<Record<string, readonly (readonly [FormName, boolean])[]>> = {
  "true true": [["if", false], ["iff", false]],
  "true false": [["xor", false]],
  "false true": [["or", false], ["xor", false]],
  "false false": [["if", true], ["iff", false]],
};

/** A premise that decides `child` once `parent` is known. Literals are negated at half the difficulty. */
function link(parent: number, child: number, { truth, difficulty, prng }: Linking): Premise {
  const literal = (variable: number): number => prng() < difficulty / 2 ? -(variable + 1) : variable + 1;
  const [a, b] = [literal(parent), literal(child)];
  const forms = LINKS[`${holds(a, truth)} ${holds(b, truth)}`]!;
  const [form, turned] = forms[below(prng, forms.length)]!;
  return { form, literals: turned ? [b, a] : [a, b] };
}

/**
 * Premises from templates, each bound to a row of names; one that contradicts those before or follows from them is
 * left out. What they leave open is stated as a fact, until every variable is decided.
 */
function fromTemplates(
  { templates, variables: rows }: LogicTemplates,
  difficulty: number,
  prng: Prng,
): Given {
  const chosen = shuffled(rows, prng);
  const variables: string[] = [];
  const premises: Premise[] = [];
  for (const row of chosen) {
    const names = [...new Set([...variables, ...row])];
    const full = variables.length >= 2 + Math.floor(8 * difficulty) || names.length > MAX_VARIABLES;
    if (variables.length > 0 && full) break;
    variables.splice(0, variables.length, ...names);
    for (const template of weighted(templates, { difficulty, places: row.length, prng })) {
      const literals = template.slots.map(({ slot, negated }) => {
        const literal = variables.indexOf(row[slot]!) + 1;
        return negated ? -literal : literal;
      });
      add(premises, { form: template.form, literals });
    }
  }
  for (const variable of shuffled([...variables.keys()], prng)) {
    if (valueOf(premises.flatMap(clausesOf), variable) !== null) continue;
    premises.push({ form: "fact", literals: [prng() < 0.5 ? variable + 1 : -(variable + 1)] });
  }
  return { variables, premises };
}

function add(premises: Premise[], premise: Premise): void {
  const before = premises.flatMap(clausesOf);
  const clauses = clausesOf(premise);
  const news = clauses.some((clause) => isSatisfiable([...before, ...clause.map((literal) => [-literal])]));
  if (news && isSatisfiable([...before, ...clauses])) premises.push(premise);
}

/** One or two templates that fit the difficulty and the row, drawn by weight. */
function weighted(
  templates: LogicTemplates["templates"],
  { difficulty, places, prng }: { difficulty: number; places: number; prng: Prng },
): LogicTemplates["templates"] {
  const bound = templates.filter(({ slots }) => slots.every(({ slot }) => slot < places));
  const fit = bound.filter(({ difficulty: [low, high] }) => low <= difficulty && difficulty <= high);
  const from = [...(fit.length > 0 ? fit : bound)];
  const drawn: LogicTemplates["templates"][number][] = [];
  for (let left = 1 + below(prng, 2); left > 0 && from.length > 0; left--) {
    let at = prng() * from.reduce((sum, { weight }) => sum + weight, 0);
    const index = Math.max(0, from.findIndex(({ weight }) => (at -= weight) < 0));
    drawn.push(...from.splice(index, 1));
  }
  return drawn;
}

function holding(variable: number, truth: readonly boolean[]): number {
  return truth[variable] ? variable + 1 : -(variable + 1);
}

function holds(literal: number, truth: readonly boolean[]): boolean {
  return truth[Math.abs(literal) - 1] === literal > 0;
}

function inRange({ variables, premises }: LogicInstance): boolean {
  return premises.every(({ literals }) => literals.every((literal) => Math.abs(literal) <= variables.length));
}
