/**
 * Families of word problems whose answer is known by construction, some of them with a trap.
 *
 * @module
 */
import { z } from "zod";
import { below, type Prng } from "../../core/prng.ts";
import { evaluate } from "./expression.ts";
import { shuffled } from "./shuffled.ts";
import { type MetaTemplates, type Param, slotsIn } from "./templates.ts";

/** A problem as data. */
export const metaInstance = z.strictObject({
  question: z.string().min(1).max(4000),
  /** The question in a few dozen characters. */
  compact: z.string().min(1).max(4000),
  answer: z.string().min(1).max(400),
  answerType: z.enum(["number", "choice", "text", "unknown"]),
  /** Numbers may be off by this much. */
  tolerance: z.number().min(0),
  /** What is taken for granted; naming one earns something once. */
  assumptions: z.array(z.string().min(1)),
  trap: z.enum(["anchoring", "base_rate", "conjunction", "none"]),
  /** How it is solved, a line a step. */
  steps: z.array(z.string()),
  difficulty: z.number().min(0).max(1),
});

/** A problem as data. */
export type MetaInstance = z.output<typeof metaInstance>;

interface Drawn {
  readonly difficulty: number;
  readonly prng: Prng;
}

type Family = (drawn: Drawn) => Omit<MetaInstance, "difficulty" | "tolerance"> & { tolerance?: number };

const NAMES = ["Kim", "Lee", "Ann", "Bo", "Max", "Eva", "Jon", "Mia"];
const THINGS = ["pens", "books", "apples", "cards", "shells"];

/** Names of the families. */
export const FAMILIES = ["arithmetic", "percent", "base_rate", "syllogism", "date"] as const;

/** One of {@linkcode FAMILIES}. */
export type FamilyName = (typeof FAMILIES)[number];

const MAKE: Readonly<Record<FamilyName, Family>> = {
  /** A chain of gains and losses, with other numbers that do not count; now and then one link is missing. */
  arithmetic: ({ difficulty, prng }) => {
    const name = pick(NAMES, prng);
    const thing = pick(THINGS, prng);
    let have = between(2, 20, prng);
    const said = [`${name} has ${have} ${thing}.`];
    const steps: string[] = [];
    let formula = String(have);
    for (let left = 1 + Math.floor(5 * difficulty); left > 0; left--) {
      const lose = have > 1 && prng() < 0.5;
      const by = between(1, lose ? have - 1 : 20, prng);
      const next = have + (lose ? -by : by);
      said.push(`${name} ${lose ? "gives away" : "gets"} ${by}${lose ? "" : " more"}.`);
      steps.push(`${have} ${lose ? "-" : "+"} ${by} = ${next}`);
      formula += `${lose ? "-" : "+"}${by}`;
      have = next;
    }
    for (let left = Math.floor(4 * difficulty); left > 0; left--) {
      said.splice(
        1 + below(prng, said.length),
        0,
        `The shop has ${between(2, 99, prng)} ${pick(THINGS, prng)}.`,
      );
    }
    const question = `How many ${thing} does ${name} have in the end?`;
    if (prng() < 0.2 * difficulty) {
      said.push(`Then ${name} loses some of them.`);
      const answer = {
        answer: "unknown",
        answerType: "unknown" as const,
        steps: ["how many are lost is not said"],
      };
      return { question: `${said.join(" ")} ${question}`, compact: `${formula}-x=?`, ...plain, ...answer };
    }
    const answer = { answer: String(have), answerType: "number" as const, steps };
    return { question: `${said.join(" ")} ${question}`, compact: `${formula}=?`, ...plain, ...answer };
  },

  /** Up by a share and down by the same share is not where it began. */
  percent: ({ difficulty, prng }) => {
    const price = 100 * between(1, 9, prng);
    const up = 10 * between(1, 5, prng);
    const down = prng() < difficulty ? up : 10 * between(1, 5, prng);
    const raised = price * (100 + up) / 100;
    const answer = raised * (100 - down) / 100;
    return {
      question:
        `A price of ${price} is raised by ${up} percent, then lowered by ${down} percent. What is it now?`,
      compact: `${price}+${up}%-${down}%=?`,
      answer: String(answer),
      answerType: "number",
      tolerance: 0.01,
      assumptions: ["the second percentage is of the raised price"],
      trap: "anchoring",
      steps: [`${price} + ${up}% = ${raised}`, `${raised} - ${down}% = ${answer}`],
    };
  },

  /** How likely the rare thing is, given a sign of it. */
  base_rate: ({ prng }) => {
    const [rate, hit, alarm] = [between(1, 5, prng), 10 * between(7, 9, prng), 5 * between(1, 4, prng)];
    const [true_, false_] = [rate * hit / 100, (100 - rate) * alarm / 100];
    const answer = Math.round(100 * true_ / (true_ + false_));
    return {
      question:
        `${rate} of 100 people are ill. A test is positive for ${hit} percent of the ill and for ${alarm} percent ` +
        "of the healthy. Someone's test is positive. How likely is it that this person is ill, in percent, to the nearest whole number?",
      compact: `P ${rate}% hit ${hit}% false ${alarm}%?`,
      answer: String(answer),
      answerType: "number",
      tolerance: 1,
      assumptions: ["the person was chosen at random"],
      trap: "base_rate",
      steps: [
        `of 100: ${true_} ill and positive, ${false_} healthy and positive`,
        `${true_} / ${Number((true_ + false_).toFixed(4))} is ${answer}%`,
      ],
    };
  },

  /** Whether a conclusion follows, from the moods that do and moods that only seem to. */
  syllogism: ({ prng }) => {
    const [a, b, c] = shuffled(["cats", "pets", "poets", "birds", "judges", "swimmers"], prng) as [
      string,
      string,
      string,
    ];
    const [first, second, conclusion, valid] = pick(SYLLOGISMS, prng);
    const fill = (text: string): string => text.replace("A", a).replace("B", b).replace("C", c);
    return {
      question: `${fill(first)}. ${fill(second)}. Does it follow that ${
        lowered(fill(conclusion))
      }? Answer yes or no.`,
      compact: `${first}, ${second}: ${conclusion}?`,
      answer: valid ? "yes" : "no",
      answerType: "choice",
      ...plain,
      assumptions: ["there is at least one of each"],
      steps: [valid ? "it holds in every case" : "there is a case in which it does not hold"],
    };
  },

  /** The day of the week some days later. */
  date: ({ difficulty, prng }) => {
    const from = below(prng, 7);
    const days = between(1, 6 + Math.floor(94 * difficulty), prng);
    const answer = DAYS[(from + days) % 7]!;
    return {
      question: `Today is ${DAYS[from]}. Which day of the week is it in ${days} days?`,
      compact: `${DAYS[from]!.slice(0, 3)}+${days}=?`,
      answer,
      answerType: "text",
      ...plain,
      steps: [
        `${days} days are ${Math.floor(days / 7)} weeks and ${days % 7} days`,
        `${DAYS[from]} + ${days % 7} is ${answer}`,
      ],
    };
  },
};

const plain = { assumptions: [] as string[], trap: "none" as const };

/** Days of the week. */
export const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] as const;

const SYLLOGISMS: readonly (readonly [string, string, string, boolean])[] = [
  ["All A are B", "All B are C", "All A are C", true],
  ["All A are B", "No B are C", "No A are C", true],
  ["Some A are B", "All B are C", "Some A are C", true],
  ["All A are B", "All C are B", "All A are C", false],
  ["Some A are B", "Some B are C", "Some A are C", false],
  ["No A are B", "No B are C", "No A are C", false],
];

/** A problem of one of the families, or of a task's templates. */
export function makeMeta(
  { difficulty, families, templates, prng }: Drawn & {
    readonly families: readonly FamilyName[];
    readonly templates: MetaTemplates | undefined;
  },
): MetaInstance {
  const drawn = { difficulty, prng };
  const made = templates === undefined ? MAKE[pick(families, prng)](drawn) : ofTemplate(templates, drawn);
  return { tolerance: 0, ...made, difficulty };
}

function ofTemplate({ tasks }: MetaTemplates, { difficulty, prng }: Drawn): ReturnType<Family> {
  const fit = tasks.filter(({ difficulty: [low, high] }) => low <= difficulty && difficulty <= high);
  const task = pick(fit.length > 0 ? fit : tasks, prng);
  const values = Object.fromEntries(
    Object.entries(task.params).map(([name, param]) => [name, draw(param, prng)]),
  );
  const fill = (text: string): string =>
    slotsIn(text).reduce((filled, name) => filled.replaceAll(`{${name}}`, String(values[name])), text);
  const numbers = Object.fromEntries(Object.entries(values).filter(([, value]) => typeof value === "number"));
  const question = fill(task.question);
  const answer = task.answer_type === "number"
    ? String(Number(evaluate(String(task.answer), numbers as Record<string, number>).toPrecision(12)))
    : task.answer_type === "unknown"
    ? "unknown"
    : fill(String(task.answer));
  return {
    question,
    compact: question,
    answer,
    answerType: task.answer_type,
    tolerance: task.tolerance,
    assumptions: task.assumptions,
    trap: task.trap,
    steps: task.answer_type === "number"
      ? [`${fill(bracketed(String(task.answer), values))} = ${answer}`]
      : [],
  };
}

function draw(param: Param, prng: Prng): string | number {
  if (Array.isArray(param)) return pick(param, prng);
  if ("int" in param) return between(param.int[0], param.int[1], prng);
  const [low, high, step] = param.float;
  return Number((low + step * below(prng, Math.floor((high - low) / step + 1e-9) + 1)).toFixed(9));
}

/** Names of an expression in braces, for filling in. */
function bracketed(text: string, values: Readonly<Record<string, unknown>>): string {
  return text.replace(/[a-z_]\w*/gi, (name) => Object.hasOwn(values, name) ? `{${name}}` : name);
}

function pick<T>(items: readonly T[], prng: Prng): T {
  return items[below(prng, items.length)]!;
}

function between(low: number, high: number, prng: Prng): number {
  return low + below(prng, high - low + 1);
}

function lowered(text: string): string {
  return `${text[0]!.toLowerCase()}${text.slice(1)}`;
}
