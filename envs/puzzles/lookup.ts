/**
 * Looking values up by their keys: the smallest task of using what stands in the context, for tests of learning.
 *
 * Each key is directly followed by its value, and every episode asks several times, so that each row teaches much.
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
  /** Asks for all keys in one turn; the answer is their values in a row. @default false */
  readonly together?: boolean | undefined;
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
  together: z.boolean().default(false).describe("Asks for all keys in one turn"),
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
  together: z.boolean().default(false),
  passShare: z.number().gt(0).max(1),
}).refine(({ pairs, questions }) => questions.every((at) => at < pairs.length), {
  message: "wanted indexes of pairs",
  path: ["questions"],
}).refine(({ pairs }) => !pairs.some(([key]) => pairs.some(([, value]) => value.startsWith(key))), {
  message: "wanted values that begin with no key",
  path: ["pairs"],
});

/** An episode of {@linkcode lookup} as data. */
export type LookupInstance = z.output<typeof instance>;

interface State {
  asked: number;
  right: number;
}

const rules: Rules<PuzzleSettings & z.output<typeof options>, LookupInstance, State> = {
  id: "knowlyr/lookup-v1",
  description: "Key-value pairs in the context and several questions about them",
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
    together: options.together,
    passShare: options.passShare,
  }),
  start: () => ({ asked: 0, right: 0 }),
  maxSteps: ({ questions, together }) => 2 * (together ? 1 : questions.length) + 2,
  show: (instance, { asked }, compact) => {
    const keys = turnOf(instance, asked).map(([key]) => key);
    const { pairs, questions, together } = instance;
    if (compact) {
      return `${asked === 0 ? `${pairs.map((pair) => pair.join("")).join("")} ` : ""}${keys.join("")}`;
    }
    const known = `Values by key: ${pairs.map((pair) => pair.join(" ")).join(", ")}`;
    return together
      ? `${known}\nQuestion: what are the values of ${keys.join(" ")}, in a row?`
      : `${known}\nQuestion ${asked + 1} of ${questions.length}: what is the value of ${keys[0]}?`;
  },
  act: ({ text }, instance, state, { compact }) => {
    const turn = turnOf(instance, state.asked);
    const right = rightOf(text, turn);
    const all = instance.questions.length;
    state.asked += turn.length;
    state.right += right;
    const note = compact ? "" : right === turn.length ? "Right." : "Wrong.";
    const earned = right / all;
    if (state.asked < all) return { note, earned };
    const score = state.right / all;
    return { note, earned, end: { success: score >= instance.passShare - 1e-9, score, reason: "answered" } };
  },
  unfinished: ({ questions }, { right }) => ({ earned: 0, score: right / questions.length }),
};

/** Values by key: answer each question with the value of its key. Each right value earns 1 / questions, a wrong one 0. */
export const lookup: Contribution<Env, LookupOptions> = puzzle(rules, options);

/** The pairs that one turn asks for. */
function turnOf({ pairs, questions, together }: LookupInstance, asked: number): LookupInstance["pairs"] {
  return (together ? questions : questions.slice(asked, asked + 1)).map((at) => pairs[at]!);
}

/**
 * How many values of a turn are right, place by place; none when there are more characters than were asked for.
 * Repeating each key before its value is no harm.
 */
function rightOf(text: string, turn: LookupInstance["pairs"]): number {
  const said = text.replace(/\s+/g, "");
  const echoed = said.startsWith(turn[0]![0]);
  const parts = turn.map(([key, value]) => echoed ? `${key}${value}` : value);
  if (said.length > parts.join("").length) return 0;
  let at = 0;
  return parts.filter((part) => said.slice(at, at += part.length) === part).length;
}

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
