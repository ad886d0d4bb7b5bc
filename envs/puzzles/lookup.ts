/**
 * Looking values up by their keys: the smallest task that a model can be seen to learn.
 *
 * The context is a list of keys, each directly followed by its value, and every episode asks several times: under these
 * two conditions a model of two layers learns it in about a minute on a CPU.
 *
 * @module
 */
import { z } from "zod";
import type { Env } from "../../core/env.ts";
import type { Contribution } from "../../core/kind.ts";
import { below, type Prng } from "../../core/prng.ts";
import { shuffled } from "./shuffled.ts";
import { puzzle, puzzleFields, type PuzzleOptions, type PuzzleSettings, type Rules } from "./puzzle.ts";

/** Options of {@linkcode lookup}. */
export interface LookupOptions extends PuzzleOptions {
  /** Pairs in the context, at most as many as there are keys. @default 4 */
  readonly pairs?: number | undefined;
  /** Questions an episode. @default 4 */
  readonly questions?: number | undefined;
  /** Characters that values are made of, each once. @default "0123456789" */
  readonly alphabet?: string | undefined;
  /** Characters that are keys, each once; none of them in `alphabet`. @default "abcdefghijklmnopqrstuvwxyz" */
  readonly keys?: string | undefined;
  /** Characters of a value: 1 or 2. @default 1 */
  readonly valueLength?: number | undefined;
  /** Share of the questions that must be right for success, in (0, 1]. @default 1 */
  readonly passShare?: number | undefined;
}

const characters = (least: number) =>
  z.string().regex(/^[\p{L}\p{N}]+$/u).refine((text) => [...text].length >= least, `wanted ${least} or more`)
    .refine((text) => new Set(text).size === [...text].length, "wanted each character once");

const options = z.strictObject({
  ...puzzleFields,
  pairs: z.int().min(1).max(64).default(4).describe("Pairs in the context"),
  questions: z.int().min(1).max(256).default(4).describe("Questions an episode"),
  alphabet: characters(2).default("0123456789").describe("Characters that values are made of"),
  keys: characters(1).default("abcdefghijklmnopqrstuvwxyz").describe("Characters that are keys"),
  valueLength: z.int().min(1).max(2).default(1).describe("Characters of a value"),
  passShare: z.number().gt(0).max(1).default(1).describe("Share of right answers that is success"),
}).refine(({ keys, pairs }) => [...keys].length >= pairs, {
  message: "wanted a key for each pair",
  path: ["keys"],
})
  .refine(({ keys, alphabet }) => ![...keys].some((key) => alphabet.includes(key)), {
    message: "wanted no character that values have too",
    path: ["keys"],
  });

const instance = z.strictObject({
  pairs: z.array(z.tuple([z.string().min(1).max(8), z.string().min(1).max(8)])).min(1).max(64),
  questions: z.array(z.int().min(0)).min(1).max(256),
  passShare: z.number().gt(0).max(1),
}).refine(({ pairs, questions }) => questions.every((at) => at < pairs.length), {
  message: "wanted indexes of pairs",
  path: ["questions"],
});

/** An episode of {@linkcode lookup} as data. */
export type LookupInstance = z.output<typeof instance>;

interface State {
  asked: number;
  right: number;
}

const rules: Rules<PuzzleSettings & z.output<typeof options>, LookupInstance, State> = {
  id: "knowlyr/lookup-v1",
  description: "Key-value pairs in the context and several questions about them; learnable by a tiny model",
  verbs: ({ alphabet, valueLength }) => [{
    name: "answer",
    letter: "A",
    param: "value",
    description: "Answers the question with the value of its key",
    ...(valueLength === 1 && { examples: [...alphabet] }),
  }],
  bare: "answer",
  instance,
  make: ({ options, prng }) => ({
    pairs: shuffled([...options.keys], prng).slice(0, options.pairs).map((
      key,
    ) => [key, valueOf(options, prng)]),
    questions: questionsOf(options, prng),
    passShare: options.passShare,
  }),
  start: () => ({ asked: 0, right: 0 }),
  maxSteps: ({ questions }) => 2 * questions.length + 2,
  show: ({ pairs, questions }, { asked }, compact) => {
    const key = pairs[questions[asked]!]![0];
    if (compact) return asked === 0 ? `${pairs.map((pair) => pair.join("")).join("")} ${key}` : key;
    const known = pairs.map((pair) => pair.join(" ")).join(", ");
    return `Values by key: ${known}\nQuestion ${
      asked + 1
    } of ${questions.length}: what is the value of ${key}?`;
  },
  act: ({ text }, { pairs, questions, passShare }, state, { compact }) => {
    const [key, value] = pairs[questions[state.asked]!]!;
    const right = text === value || text === `${key}${value}`; // repeating the key is no harm
    state.asked++;
    if (right) state.right++;
    const note = compact ? "" : right ? "Right." : "Wrong.";
    const earned = right ? 1 / questions.length : 0;
    if (state.asked < questions.length) return { note, earned };
    const score = state.right / questions.length;
    return { note, earned, end: { success: score >= passShare - 1e-9, score, reason: "answered" } };
  },
  unfinished: ({ questions }, { right }) => ({ earned: 0, score: right / questions.length }),
};

/** Values by key: answer each question with the value of its key. A right answer earns 1 / questions, a wrong one 0. */
export const lookup: Contribution<Env, LookupOptions> = puzzle(rules, options);

function valueOf({ alphabet, valueLength }: z.output<typeof options>, prng: Prng): string {
  const letters = [...alphabet];
  return Array.from({ length: valueLength }, () => letters[below(prng, letters.length)]!).join("");
}

/** Each pair once before one comes again. */
function questionsOf({ pairs, questions }: z.output<typeof options>, prng: Prng): number[] {
  const order: number[] = [];
  while (order.length < questions) order.push(...shuffled([...Array(pairs).keys()], prng));
  return order.slice(0, questions);
}
