/**
 * Thinking before answering: notes that earn a little for what is new in them, and one answer that earns the rest.
 *
 * What is measured of a note is its form: whether its words were said before, whether it names an assumption or the
 * problem's trap. The feedback never tells whether a note is true.
 *
 * @module
 */
import { z } from "zod";
import type { Env } from "../../core/env.ts";
import type { Contribution } from "../../core/kind.ts";
import { FAMILIES, type FamilyName, makeMeta, type MetaInstance, metaInstance } from "./meta_families.ts";
import { type Move, puzzle, puzzleFields, type PuzzleOptions, type Rules } from "./puzzle.ts";
import { difficultyOf, metaTemplatesOf } from "./templates.ts";

/** Options of {@linkcode metaReasoning}. */
export interface MetaOptions extends PuzzleOptions {
  /** In [0, 1]: longer chains, more distractors, more traps, more that cannot be known. A task's own comes first. @default 0.3 */
  readonly difficulty?: number | undefined;
  /** Families that problems are drawn from. @default all: arithmetic, percent, base_rate, syllogism, date */
  readonly families?: readonly FamilyName[] | undefined;
}

const options = z.strictObject({
  ...puzzleFields,
  difficulty: z.number().min(0).max(1).default(0.3).describe("How hard, in [0, 1]"),
  families: z.array(z.enum(FAMILIES)).min(1).readonly().default(FAMILIES)
    .describe("Families that problems are drawn from"),
});

interface State {
  notes: string[];
  /** Notes that were paid for as new. */
  fresh: number;
  assumption: boolean;
  bias: boolean;
}

const rules: Rules<z.output<typeof options>, MetaInstance, State> = {
  id: "llm-gym/meta-reasoning-v1",
  description: "Word problems with traps: think in notes, then answer once, with a confidence if you like",
  verbs: () => [
    { name: "think", letter: "T", param: "reasoning", description: "Writes a note" },
    {
      name: "answer",
      letter: "A",
      param: "solution",
      description: "Answers and ends the episode; `CONFIDENCE p` at the end says how sure you are",
    },
  ],
  bare: "answer",
  instance: metaInstance,
  make: ({ options: settings, prng, task }) =>
    makeMeta({
      difficulty: difficultyOf(task) ?? settings.difficulty,
      families: settings.families,
      templates: metaTemplatesOf(task),
      prng,
    }),
  start: () => ({ notes: [], fresh: 0, assumption: false, bias: false }),
  maxSteps: () => 10,
  difficulty: ({ difficulty }) => difficulty,
  show: ({ question, compact: short }, { notes }, compact) => {
    if (compact) return notes.length === 0 ? short : "";
    const shown = notes.map((note, at) => `Note ${at + 1}: ${note.slice(0, 500)}`).slice(-5);
    return [`Problem: ${question}`, ...shown].join("\n");
  },
  act: ({ verb, text }, instance, state, { compact }) =>
    verb === "think" ? think(text, instance, state, compact) : answer(text, instance, state, compact),
  unfinished: () => ({ earned: -0.5, score: 0 }),
};

/**
 * `THINK` and `ANSWER`. A right answer earns 1, a wrong one −0.5, none −0.5. A new note earns 0.03 (five times), the first that
 * names an assumption or the trap 0.05, a repeated one −0.05; a stated confidence p moves the reward by 0.2 (1 − 2 (p − c)²) − 0.1, where c is 1
 * when the answer is right.
 */
export const metaReasoning: Contribution<Env, MetaOptions> = puzzle(rules, options);

const FRESH_NOTES = 5;

function think(text: string, { assumptions, trap }: MetaInstance, state: State, compact: boolean): Move {
  const { confidence } = splitConfidence(text);
  const likest = Math.max(0, ...state.notes.map((note) => likeness(note, text)));
  const shaping: Record<string, number> = {};
  const notes: string[] = [];
  if (likest >= 0.8) {
    shaping["repeated"] = -0.05;
    notes.push("This repeats a note.");
  } else if (likest < 0.6 && state.fresh < FRESH_NOTES) {
    shaping["fresh"] = 0.03;
    state.fresh++;
  }
  if (!state.assumption && namesAssumption(text, assumptions)) {
    shaping["assumption"] = 0.05;
    state.assumption = true;
    notes.push("An assumption is named.");
  }
  if (!state.bias && trap !== "none" && TRAP_WORDS[trap].test(text)) {
    shaping["bias"] = 0.05;
    state.bias = true;
    notes.push("A source of bias is named.");
  }
  if (confidence !== null) notes.push("A confidence is stated.");
  state.notes.push(text);
  return { note: compact ? "ok" : notes.join(" ") || "Noted.", shaping };
}

function answer(text: string, instance: MetaInstance, state: State, compact: boolean): Move {
  const { content, confidence } = splitConfidence(text);
  const right = isRight(content, instance);
  const shaping: Record<string, number> = {};
  if (state.notes.length === 0 && instance.difficulty >= 0.3) shaping["thoughtless"] = -0.1;
  if (confidence !== null) {
    shaping["calibration"] = 0.2 * (1 - 2 * (confidence - Number(right)) ** 2) - 0.1;
  }
  return {
    note: compact ? "" : right ? "Right." : "Wrong.",
    earned: right ? 1 : -0.5,
    shaping,
    end: { success: right, score: Number(right), reason: "answered" },
  };
}

/** A text and the confidence at its end, `CONFIDENCE 0.8` or `CONFIDENCE 80%`. */
export function splitConfidence(text: string): { content: string; confidence: number | null } {
  const match = /\bconfidence[:\s]\s*(\d*\.?\d+)\s*(%?)\s*\.?$/i.exec(text);
  if (match === null) return { content: text, confidence: null };
  const value = Number(match[1]) / (match[2] === "%" || Number(match[1]) > 1 ? 100 : 1);
  const content = text.slice(0, match.index).trim().replace(/[,;]$/, "");
  return value <= 1 ? { content, confidence: value } : { content, confidence: null };
}

/** Whether a text is the answer. Numbers may differ by the tolerance; texts by case, width and punctuation. */
export function isRight(text: string, { answer, answerType, tolerance }: MetaInstance): boolean {
  if (answerType !== "number") return plainText(text) === plainText(answer);
  const said = /^[^\d\s.+-]?([+-]?\d[\d,]*(?:\.\d+)?|[+-]?\.\d+)\s*(?:%|percent|\p{L}{0,20})\.?$/u.exec(
    text.trim(),
  );
  if (said === null) return false;
  const wanted = Number(answer);
  return Math.abs(Number(said[1]!.replaceAll(",", "")) - wanted) <=
    Math.max(tolerance, 1e-6 * Math.abs(wanted));
}

const TRAP_WORDS: Readonly<Record<Exclude<MetaInstance["trap"], "none">, RegExp>> = {
  anchoring: /anchor|starting (value|price|number)|first number/i,
  base_rate: /base.?rate|prior|how rare|rarity/i,
  conjunction: /conjunction|both together|more specific/i,
};

const ASSUMING = /(assum|suppos|假设)\P{L}*\p{L}+.*\p{L}/iu;

function namesAssumption(text: string, assumptions: readonly string[]): boolean {
  const said = plainText(text);
  return ASSUMING.test(text) || assumptions.some((one) => said.includes(plainText(one)));
}

/** Share of three-word sequences that two texts have in common (Jaccard); of shorter texts, of their words. */
export function likeness(a: string, b: string): number {
  const [x, y] = [sequences(a), sequences(b)];
  const common = [...x].filter((one) => y.has(one)).length;
  const all = x.size + y.size - common;
  return all === 0 ? 1 : common / all;
}

function sequences(text: string): ReadonlySet<string> {
  const words = plainText(text).split(" ").filter((word) => word !== "");
  if (words.length < 3) return new Set(words);
  return new Set(words.slice(2).map((_, at) => words.slice(at, at + 3).join(" ")));
}

function plainText(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();
}
