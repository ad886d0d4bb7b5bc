/**
 * Remembering: facts pass by one at a time, and questions come when they are gone.
 *
 * With `persist` the memory outlives an episode, and later ones ask for what earlier ones told. What an episode found in
 * memory is part of its task, so that it can be played again exactly.
 *
 * @module
 */
import { z } from "zod";
import type { Env } from "../../core/env.ts";
import type { Contribution } from "../../core/kind.ts";
import type { Json } from "../../core/schema.ts";
import {
  type CarriedMemory,
  carriedMemory,
  type Fact,
  isAbout,
  makeMemory,
  type MemoryInstance,
  memoryInstance,
  type Message,
} from "./memory_instance.ts";
import {
  type Entry,
  type Eviction,
  EVICTIONS,
  readQuery,
  search,
  victimOf,
  wordsOf,
} from "./memory_store.ts";
import { type Move, puzzle, puzzleFields, type PuzzleOptions, type Rules } from "./puzzle.ts";
import { difficultyOf, memoryTemplatesOf } from "./templates.ts";

/** Options of {@linkcode memoryBuffer}. */
export interface MemoryOptions extends PuzzleOptions {
  /** In [0, 1]: more facts, small talk and corrections, longer distances. A task's own comes first. @default 0.2 */
  readonly difficulty?: number | undefined;
  /** Questions an episode, as far as there is something to ask. @default 3 */
  readonly questions?: number | undefined;
  /** Entries that memory holds. @default 100 */
  readonly memorySize?: number | undefined;
  /** Which entry gives way when it is full: the least recently used, the oldest, the least used. @default "lru" */
  readonly eviction?: Eviction | undefined;
  /**
   * Whether memory outlives an episode. Then the same seed gives another episode after another past; a task with
   * `clearMemory: true` forgets it.
   *
   * @default false
   */
  readonly persist?: boolean | undefined;
}

const options = z.strictObject({
  ...puzzleFields,
  difficulty: z.number().min(0).max(1).default(0.2).describe("How hard, in [0, 1]"),
  questions: z.int().min(1).max(100).default(3).describe("Questions an episode"),
  memorySize: z.int().min(1).max(10_000).default(100).describe("Entries that memory holds"),
  eviction: z.enum(EVICTIONS).default("lru").describe("Which entry gives way when memory is full"),
  persist: z.boolean().default(false).describe("Whether memory outlives an episode"),
});

interface State {
  /** Messages that have passed. */
  passed: number;
  entries: Entry[];
  nextId: number;
  /** Calls so far. */
  clock: number;
  /** Places of facts that were stored. */
  kept: number[];
  /** Questions answered. */
  asked: number;
  right: number;
  /** Retrievals for the question at hand. */
  retrievals: number;
}

const NOTHING: CarriedMemory = { entries: [], past: [], time: 0, episode: 0 };
const STORE_REWARDS = 5;
const FREE_RETRIEVALS = 3;

const rules: Rules<z.output<typeof options>, MemoryInstance, State> = {
  id: "llm-gym/memory-buffer-v1",
  description: "Facts that pass by, a memory to store them in, and questions when they are gone",
  verbs: () => [
    {
      name: "store",
      letter: "S",
      param: "content",
      description: "Keeps a text; `topic: t` and `time: k` before it say what it is about and when it was",
    },
    {
      name: "retrieve",
      letter: "R",
      param: "query",
      description: "Finds at most three texts by words; `topic:x`, `before:n` and `after:n` filter",
    },
    { name: "answer", letter: "A", param: "response", description: "Answers the question" },
  ],
  bare: "answer",
  instance: memoryInstance,
  make: ({ options: settings, prng, task, carried }) => {
    const known = settings.persist && task?.["clearMemory"] !== true && carried !== null;
    const made = makeMemory({
      difficulty: difficultyOf(task) ?? settings.difficulty,
      questions: settings.questions,
      templates: memoryTemplatesOf(task),
      before: known ? carriedMemory.parse(carried) : NOTHING,
      prng,
    });
    return { ...made, capacity: settings.memorySize, eviction: settings.eviction };
  },
  start: ({ before: { entries } }) => ({
    passed: 0,
    entries: structuredClone(entries),
    nextId: 1 + Math.max(0, ...entries.map(({ id }) => id)),
    clock: 1 + Math.max(0, ...entries.map(({ touched }) => touched)),
    kept: [],
    asked: 0,
    right: 0,
    retrievals: 0,
  }),
  maxSteps: ({ messages, questions }) => messages.length + 5 * questions.length + 2,
  difficulty: ({ difficulty }) => difficulty,
  show: ({ messages, questions, capacity }, { passed, asked, entries }, compact) => {
    const message = messages[passed];
    if (compact) return message === undefined ? questions[asked]!.compact : compactText(message);
    const what = message === undefined
      ? `Question ${asked + 1} of ${questions.length}: ${questions[asked]!.text}`
      : `Message ${passed + 1} of ${messages.length}: ${readableText(message)}`;
    return `${what}\nMemory: ${entries.length} of ${capacity} entries`;
  },
  act: ({ verb, text }, instance, state, at) => {
    const listening = state.passed < instance.messages.length;
    if (verb === "answer") {
      return listening
        ? { note: "no question was asked yet", invalid: "NO_QUESTION" }
        : answer(text, instance, state, at);
    }
    state.clock++;
    const move = verb === "store"
      ? store(text, instance, state)
      : retrieve(text, state, { listening, compact: at.compact });
    if (listening) state.passed++;
    return move;
  },
  unfinished: ({ questions }, { asked, right }) => ({
    earned: -0.5 * (questions.length - asked) / questions.length,
    score: right / questions.length,
  }),
  carry: ({ messages, before }, { entries }) => {
    const past = [...before.past];
    for (const message of messages) {
      if (!("fact" in message)) continue;
      const same = past.findIndex((one) => isAbout(one, message.fact));
      if (same >= 0) past.splice(same, 1);
      past.push(message.fact);
    }
    const time = before.time + messages.length;
    // Sound: entries and facts are plain data.
    return { entries, past, time, episode: before.episode + 1 } as unknown as Json;
  },
};

/**
 * `STORE`, `RETRIEVE` and `ANSWER` over a stream of messages; each call but an answer lets one message pass. Of Q questions a
 * right answer earns 1 / Q, a wrong one −0.5 / Q, one that was right once −0.7 / Q; storing a new fact earns 0.02 five times.
 */
export const memoryBuffer: Contribution<Env, MemoryOptions> = puzzle(rules, options);

function readableText(message: Message): string {
  if ("chat" in message) return message.chat;
  const { entity, attribute, value, topic } = message.fact;
  return `${entity}'s ${attribute} is ${message.update ? "now " : ""}${value} (topic ${topic})`;
}

function compactText(message: Message): string {
  if ("chat" in message) return `- ${message.chat}`;
  const { entity, attribute, value, topic } = message.fact;
  return `${topic}: ${entity} ${attribute} ${value}`;
}

function store(text: string, instance: MemoryInstance, state: State): Move {
  const { content, topic, time } = readContent(text, instance, state);
  if (content === "") return { note: "Nothing to store.", shaping: { store: -0.02 } };
  const shaping = { store: worthOf(content, instance, state) };
  const notes: string[] = [];
  while (state.entries.length >= instance.capacity) {
    const victim = victimOf(state.entries, instance.eviction);
    state.entries.splice(state.entries.indexOf(victim), 1);
    notes.push(`EVICTED ${victim.id}`);
  }
  const id = state.nextId++;
  const { episode } = instance.before;
  state.entries.push({ id, topic, time, text: content, episode, uses: 0, touched: state.clock });
  return { note: [...notes, `STORED ${id}`].join(" "), shaping };
}

/** Reads `[topic: t] [time: k] content`, the brackets being optional. */
function readContent(
  text: string,
  { messages, before }: MemoryInstance,
  { passed }: State,
): { content: string; topic: string; time: number } {
  const given: Record<string, string> = Object.create(null);
  let content = text;
  for (;;) {
    const [whole = "", name = "", value = ""] = /^\[?(topic|time):\s*([^\s\]]+)\]?\s*/i.exec(content) ?? [];
    if (whole === "") break;
    given[name.toLowerCase()] = value;
    content = content.slice(whole.length);
  }
  const known = new Set(
    messages.flatMap((message) => "fact" in message ? [message.fact.topic.toLowerCase()] : []),
  );
  const topic = given["topic"] ?? wordsOf(content).find((word) => known.has(word)) ?? "";
  const time = Number(given["time"] ?? NaN);
  return { content: content.trim(), topic, time: time >= 0 && time < 1e9 ? time : before.time + passed };
}

/** 0.02 for a fact that was told and not kept yet, five times; −0.02 for one that was kept, and for anything else. */
function worthOf(content: string, { messages }: MemoryInstance, state: State): number {
  const words = new Set(wordsOf(content));
  const says = ({ entity, value }: Fact): boolean =>
    wordsOf(`${entity} ${value}`).every((word) => words.has(word));
  const told = messages.slice(0, state.passed + 1).flatMap((message, at) =>
    "fact" in message && says(message.fact) ? [at] : []
  );
  const fresh = told.filter((at) => !state.kept.includes(at)).at(-1);
  if (fresh === undefined) return -0.02;
  state.kept.push(fresh);
  return state.kept.length <= STORE_REWARDS ? 0.02 : 0;
}

function retrieve(
  text: string,
  state: State,
  { listening, compact }: { listening: boolean; compact: boolean },
): Move {
  const found = search(state.entries, readQuery(text), 3);
  for (const entry of found) {
    entry.uses++;
    entry.touched = state.clock;
  }
  if (!listening) state.retrievals++;
  const shaping: Readonly<Record<string, number>> = state.retrievals > FREE_RETRIEVALS && !listening
    ? { retrieve: -0.01 }
    : {};
  const lines = found.map(({ id, topic, time, text }) =>
    compact ? `${time} ${text}` : `#${id} [${topic}] t=${time}: ${text}`
  );
  return { note: lines.length === 0 ? "FOUND nothing" : lines.join(compact ? "; " : "\n"), shaping };
}

function answer(
  text: string,
  { questions }: MemoryInstance,
  state: State,
  { steps, limit, compact }: { steps: number; limit: number; compact: boolean },
): Move {
  const same = (value: string): boolean => wordsOf(value).join(" ") === wordsOf(text).join(" ");
  const { answer, stale } = questions[state.asked]!;
  const right = same(answer);
  state.asked++;
  state.retrievals = 0;
  if (right) state.right++;
  const earned = (right ? 1 : stale.some(same) ? -0.7 : -0.5) / questions.length;
  const note = compact ? "" : right ? "Right." : "Wrong.";
  if (state.asked < questions.length) return { note, earned };
  const success = state.right === questions.length;
  const shaping: Readonly<Record<string, number>> = success
    ? { efficiency: 0.1 * (1 - (steps + 1) / limit) }
    : {};
  const score = state.right / questions.length;
  return { note, earned, shaping, end: { success, score, reason: "answered" } };
}
