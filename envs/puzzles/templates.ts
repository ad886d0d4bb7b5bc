/**
 * Task templates: texts, names and ranges from which puzzles are made instead of the generators' own.
 *
 * A task may carry `logic_puzzle`, `meta_reasoning` or `memory` beside its id and description, and a `difficulty`;
 * {@linkcode parseTaskTemplates} makes such tasks of a file that has those keys alone.
 *
 * @module
 */
import { isNode, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { GymError } from "../../core/errors.ts";
import { describeIssues, type Json } from "../../core/schema.ts";
import type { Task } from "../../core/trajectory.ts";
import { MAX_VARIABLES } from "./entailment.ts";
import { evaluate, namesIn } from "./expression.ts";
import { type FormName, readSentence } from "./premise.ts";

const level = z.number().min(0).max(1);
const levels = z.union([
  level.transform((d): [number, number] => [d, d]),
  z.tuple([level, level]).refine(([low, high]) => low <= high, "wanted the lower bound first"),
]);

/** Slot letters A to H, in the order of a row of variables. */
const SLOTS = "ABCDEFGH";

/** One template of logic puzzles, read. */
export interface LogicTemplate {
  /** Its form. */
  readonly form: FormName;
  /** Index into a row for each place, and whether it is negated. */
  readonly slots: readonly { readonly slot: number; readonly negated: boolean }[];
  /** How often it is drawn, against the others. */
  readonly weight: number;
  /** Difficulties at which it is drawn. */
  readonly difficulty: readonly [number, number];
}

const logicEntry = z.strictObject({
  text: z.string().min(1).max(200),
  exclusive: z.boolean().default(false),
  weight: z.number().gt(0).default(1),
  difficulty: levels.default([0, 1]),
});

const logicTemplate = z.union([z.string().transform((text) => logicEntry.parse({ text })), logicEntry])
  .transform(({ text, exclusive, weight, difficulty }, context): LogicTemplate => {
    const { form, parts } = readSentence(text);
    const slots = parts.map(({ name, negated }) => ({ slot: slotOf(name), negated }));
    if (slots.some(({ slot }) => slot < 0)) {
      context.addIssue({ code: "custom", message: `wanted a form over slots A to H, such as "If A then B"` });
    }
    return { form: exclusive && form === "or" ? "xor" : form, slots, weight, difficulty };
  });

const logicTemplates = z.strictObject({
  templates: z.array(logicTemplate).min(1),
  variables: z.array(z.array(z.string().trim().min(1).max(80)).min(1).max(SLOTS.length)).min(1),
}).refine(({ templates, variables }) => {
  const longest = Math.max(...variables.map((row) => row.length));
  return templates.every(({ slots }) => slots.every(({ slot }) => slot < longest));
}, { message: "wanted a row that binds every slot of each template", path: ["variables"] })
  .refine(({ variables }) => variables.every((row) => new Set(row).size <= MAX_VARIABLES), {
    message: `wanted at most ${MAX_VARIABLES} names a row`,
    path: ["variables"],
  });

/** Templates of logic puzzles. */
export type LogicTemplates = z.output<typeof logicTemplates>;

const param = z.union([
  z.array(z.union([z.string(), z.number()])).min(1),
  z.strictObject({ int: z.tuple([z.int(), z.int()]).refine(([low, high]) => low <= high) }),
  z.strictObject({
    float: z.tuple([z.number(), z.number(), z.number().gt(0)]).refine(([low, high]) => low <= high),
  }),
]);

/** What a parameter may be: one of a list, a whole number in a range, or a multiple of a step in a range. */
export type Param = z.output<typeof param>;

const metaTask = z.strictObject({
  question: z.string().min(1).max(1000),
  params: z.record(z.string().regex(/^[a-z_]\w*$/i), param).default({}),
  answer: z.union([z.string().max(200), z.number()]),
  answer_type: z.enum(["number", "choice", "text", "unknown"]).default("text"),
  tolerance: z.number().min(0).default(0),
  difficulty: levels.default([0, 1]),
  assumptions: z.array(z.string().min(1)).default([]),
  trap: z.enum(["anchoring", "base_rate", "conjunction", "none"]).default("none"),
}).refine(({ question, params }) => slotsIn(question).every((name) => Object.hasOwn(params, name)), {
  message: "wanted a parameter for every {name}",
  path: ["question"],
}).superRefine(({ answer, answer_type, params }, context) => {
  if (answer_type !== "number") return;
  try {
    const known = namesIn(String(answer));
    const unbound = known.find((name) => !Object.hasOwn(params, name));
    if (unbound !== undefined) throw new SyntaxError(`wanted a parameter "${unbound}"`);
    evaluate(String(answer), Object.fromEntries(known.map((name) => [name, 1])));
  } catch (thrown) {
    context.addIssue({ code: "custom", message: (thrown as Error).message, path: ["answer"] });
  }
});

const metaTemplates = z.strictObject({ tasks: z.array(metaTask).min(1) });

/** Templates of word problems. */
export type MetaTemplates = z.output<typeof metaTemplates>;

const oneOrMore = z.union([z.string().min(1).transform((one) => [one]), z.array(z.string().min(1)).min(1)]);

const memoryTemplates = z.strictObject({
  facts: z.array(z.strictObject({
    entity: oneOrMore,
    attribute: z.string().min(1),
    values: z.array(z.string().min(1)).min(2),
    topic: z.string().min(1),
  })).min(1),
  questions: z.array(z.strictObject({
    kind: z.enum(["recall", "latest", "temporal", "count"]),
    about: z.string().min(1),
  })).min(1).optional(),
}).refine(({ facts, questions }) => {
  const known = new Set(facts.flatMap(({ attribute, topic }) => [attribute, topic]));
  return (questions ?? []).every(({ about }) => known.has(about));
}, { message: "wanted attributes or topics of facts", path: ["questions"] });

/** Templates of facts to remember. */
export type MemoryTemplates = z.output<typeof memoryTemplates>;

/** The difficulty that a task asks for. */
export function difficultyOf(task: Task | undefined): number | undefined {
  return field(task, "difficulty", z.union([level, z.string().transform(() => undefined)]));
}

/** Logic templates of a task. @throws {GymError} `INVALID_DATA` naming each wrong field. */
export function logicTemplatesOf(task: Task | undefined): LogicTemplates | undefined {
  return field(task, "logic_puzzle", logicTemplates);
}

/** Word problems of a task. @throws {GymError} `INVALID_DATA` naming each wrong field. */
export function metaTemplatesOf(task: Task | undefined): MetaTemplates | undefined {
  return field(task, "meta_reasoning", metaTemplates);
}

/** Facts of a task. @throws {GymError} `INVALID_DATA` naming each wrong field. */
export function memoryTemplatesOf(task: Task | undefined): MemoryTemplates | undefined {
  return field(task, "memory", memoryTemplates);
}

function field<T>(task: Task | undefined, name: string, schema: z.ZodType<T>): T | undefined {
  const given = task?.[name];
  if (given === undefined) return undefined;
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const issues = describeIssues(parsed.error.issues, given);
  throw new GymError("INVALID_DATA", `Cannot use ${name} of task "${task!.id}": ${issues.join("; ")}`, {
    task: task!.id,
    issues,
  });
}

const templateFile = z.strictObject({
  version: z.literal(1).optional(),
  logic_puzzle: logicTemplates.optional(),
  meta_reasoning: metaTemplates.optional(),
  memory: memoryTemplates.optional(),
  /** For an environment of conversations; not read here. */
  dialogue: z.record(z.string(), z.unknown()).optional(),
});

const MAX_CHARACTERS = 1_000_000;
const MAX_DEPTH = 20;

/**
 * The tasks of a template file: one for each of `logic_puzzle`, `meta_reasoning` and `memory` that it has. `dialogue` is passed over.
 *
 * @param file Name for messages.
 * @throws {GymError} `INVALID_DATA` with file, line and field of each problem; `LIMIT_EXCEEDED` above 1 MB or 20 levels.
 */
export function parseTaskTemplates(text: string, file: string): Task[] {
  if (text.length > MAX_CHARACTERS) {
    throw tooLarge(file, `at most ${MAX_CHARACTERS} characters`, `${text.length}`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const wrong = (issues: readonly string[]): GymError =>
    new GymError("INVALID_DATA", `Cannot read task templates: ${issues.join("; ")}`, { file, issues });
  const place = (offset: number): string => `${file}:${lines.linePos(offset).line}`;
  const [problem] = [...document.errors, ...document.warnings]; // a warning is a tag that nobody knows
  if (problem !== undefined) throw wrong([`${place(problem.pos[0])}: ${problem.message}`]);
  let value: Json;
  try {
    value = document.toJS({ maxAliasCount: 0 }) as Json; // sound: YAML without tags gives nothing but Json
  } catch (thrown) {
    throw wrong([`${file}: ${(thrown as Error).message}`]);
  }
  if (depthOf(value) > MAX_DEPTH) throw tooLarge(file, `at most ${MAX_DEPTH} levels`, "more");
  const parsed = templateFile.safeParse(value);
  if (!parsed.success) {
    throw wrong(parsed.error.issues.flatMap((issue) => {
      const node = issue.path.map((_, at) =>
        document.getIn(issue.path.slice(0, issue.path.length - at), true)
      )
        .find(isNode);
      return describeIssues([issue], value, templateFile)
        .map((line) => `${place(node?.range?.[0] ?? 0)}: ${line}`);
    }));
  }
  const given = value as Readonly<Record<string, Json>>;
  return (["logic_puzzle", "meta_reasoning", "memory"] as const).filter((name) => given[name] !== undefined)
    .map((name) => ({ id: name.replace("_", "-"), description: "", [name]: given[name]! }));
}

function tooLarge(file: string, wanted: string, received: string): GymError {
  return new GymError(
    "LIMIT_EXCEEDED",
    `Cannot read task templates: ${file}: wanted ${wanted}: received ${received}`,
    { file },
  );
}

function depthOf(value: Json): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map((inner: Json) => depthOf(inner)));
}

function slotOf(name: string): number {
  return name.length === 1 ? SLOTS.indexOf(name) : -1;
}

/** Names in braces. */
export function slotsIn(text: string): string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
}
