/**
 * Instances of the memory puzzle: a stream of facts, corrections and small talk, then questions about it.
 *
 * @module
 */
import { z } from "zod";
import { below, type Prng } from "../../core/prng.ts";
import { entrySchema } from "./memory_store.ts";
import { shuffled } from "./shuffled.ts";
import type { MemoryTemplates } from "./templates.ts";

const name = z.string().min(1).max(100);

const fact = z.strictObject({ entity: name, attribute: name, value: name, topic: name });

/** Something worth keeping. */
export type Fact = z.output<typeof fact>;

const message = z.union([
  z.strictObject({ fact, update: z.boolean() }),
  z.strictObject({ chat: z.string().min(1).max(200) }),
]);

/** One message of the stream. */
export type Message = z.output<typeof message>;

/** What a question may be about. */
export const QUESTION_KINDS = ["recall", "latest", "temporal", "count", "cross_episode"] as const;

/** One of {@linkcode QUESTION_KINDS}. */
export type QuestionKind = (typeof QUESTION_KINDS)[number];

const question = z.strictObject({
  kind: z.enum(QUESTION_KINDS),
  /** As it reads. */
  text: z.string().min(1).max(400),
  /** As it reads in the compact form. */
  compact: z.string().min(1).max(400),
  answer: name,
  /** Values that were right once. */
  stale: z.array(name),
});

/** A question with its answer. */
export type Question = z.output<typeof question>;

/** What one episode leaves for the next. */
export const carriedMemory = z.strictObject({
  entries: z.array(entrySchema),
  past: z.array(fact),
  time: z.int().min(0),
  episode: z.int().min(0),
});

/** What one episode leaves for the next: entries, the facts that were told, and where time stands. */
export type CarriedMemory = z.output<typeof carriedMemory>;

/** An instance as data. */
export const memoryInstance = z.strictObject({
  messages: z.array(message).min(1).max(500),
  questions: z.array(question).min(1).max(100),
  capacity: z.int().min(1),
  eviction: z.enum(["lru", "fifo", "least_used"]),
  difficulty: z.number().min(0).max(1),
  before: carriedMemory,
});

/** An episode as data. */
export type MemoryInstance = z.output<typeof memoryInstance>;

/** What an instance is made by. */
export interface MemoryMaking {
  readonly difficulty: number;
  /** Questions asked. */
  readonly questions: number;
  readonly templates: MemoryTemplates | undefined;
  readonly before: CarriedMemory;
  readonly prng: Prng;
}

const ENTITIES = ["Kim", "Lee", "Ann", "Bo", "Max", "Eva", "Jon", "Mia"];

const DEFAULT: MemoryTemplates = {
  facts: [
    {
      entity: ENTITIES,
      attribute: "city",
      values: ["Oslo", "Lima", "Rome", "Cairo", "Delhi"],
      topic: "travel",
    },
    {
      entity: ENTITIES,
      attribute: "food",
      values: ["rice", "soup", "bread", "fish", "beans"],
      topic: "taste",
    },
    { entity: ENTITIES, attribute: "pet", values: ["cat", "dog", "fox", "owl", "hen"], topic: "home" },
    {
      entity: ENTITIES,
      attribute: "job",
      values: ["cook", "nurse", "pilot", "judge", "smith"],
      topic: "work",
    },
    {
      entity: ENTITIES,
      attribute: "sport",
      values: ["golf", "judo", "polo", "chess", "yoga"],
      topic: "leisure",
    },
  ],
};

const CHAT = [
  "Nice weather today",
  "The bus was late",
  "What a long week",
  "The lift is broken",
  "Tea is ready",
];

/**
 * Makes an instance: 3 + ⌊20d⌋ facts, ⌊20d⌋ messages of small talk and ⌊5d⌋ corrections, as far as names last. Questions ask for
 * facts that lie 1 + ⌊15d⌋ messages back or more where there are such; after earlier episodes, half of d of them ask for
 * what was told there.
 */
export function makeMemory(making: MemoryMaking): Omit<MemoryInstance, "capacity" | "eviction"> {
  const { difficulty, before, prng, templates = DEFAULT } = making;
  const messages = streamOf(templates, difficulty, prng);
  const open = askable(messages, { ...making, templates });
  const across = crossQuestions(messages, before.past);
  const questions: Question[] = [];
  while (questions.length < making.questions) {
    const from = across.length > 0 && prng() < difficulty / 2 ? across : open.length > 0 ? open : across;
    if (from.length === 0) break; // fewer facts than questions
    questions.push(...from.splice(below(prng, from.length), 1));
  }
  return { messages, questions, difficulty, before };
}

function streamOf({ facts }: MemoryTemplates, difficulty: number, prng: Prng): Message[] {
  const keys = shuffled(
    facts.flatMap(({ entity, ...rest }) => entity.map((one) => ({ entity: one, ...rest }))),
    prng,
  );
  const told = keys.slice(0, 3 + Math.floor(20 * difficulty));
  const pick = (values: readonly string[]): string => values[below(prng, values.length)]!;
  const messages: Message[] = told.map(({ entity, attribute, values, topic }) => ({
    fact: { entity, attribute, value: pick(values), topic },
    update: false,
  }));
  for (let left = Math.floor(20 * difficulty); left > 0; left--) messages.push({ chat: pick(CHAT) });
  const stream = shuffled(messages, prng);
  for (const { entity, attribute, values, topic } of told.slice(0, Math.floor(5 * difficulty))) {
    const at = stream.findIndex((one) => "fact" in one && isAbout(one.fact, { entity, attribute }));
    const first = stream[at] as Message & { fact: Fact };
    const value = pick(values.filter((other) => other !== first.fact.value));
    const place = at + 1 + below(prng, stream.length - at);
    stream.splice(place, 0, { fact: { entity, attribute, value, topic }, update: true });
  }
  return stream;
}

function askable(
  messages: readonly Message[],
  { difficulty, templates, before: { time } }: MemoryMaking & { templates: MemoryTemplates },
): Question[] {
  const facts = messages.flatMap((message, at) => "fact" in message ? [{ ...message.fact, at }] : []);
  const last = facts.filter((one, at) => !facts.slice(at + 1).some((other) => isAbout(other, one)));
  const distance = Math.min(1 + Math.floor(15 * difficulty), messages.length - last[0]!.at);
  const far = last.filter(({ at }) => messages.length - at >= distance);
  const topics = new Set(facts.map(({ topic }) => topic));
  const questions = [
    ...far.flatMap((one): [string, Question][] => {
      const before = facts.filter((other) => isAbout(other, one) && other.at < one.at).map(({ value }) =>
        value
      );
      const now: Question = { ...ask(one), kind: before.length > 0 ? "latest" : "recall", stale: before };
      if (before.length === 0) return [[one.attribute, now]];
      return [[one.attribute, now], [one.attribute, earlier(one, before.at(-1)!)]];
    }),
    ...[...topics].map((topic): [string, Question] => [topic, count(topic, facts, time)]),
  ];
  const wanted = templates.questions;
  const fits = ([about, { kind }]: [string, Question]): boolean =>
    wanted === undefined || wanted.some((one) => one.kind === kind && one.about === about);
  const fitting = questions.filter(fits);
  return (fitting.length > 0 ? fitting : questions).map(([, one]) => one);
}

function crossQuestions(messages: readonly Message[], past: readonly Fact[]): Question[] {
  const told = messages.flatMap((message) => "fact" in message ? [message.fact] : []);
  return past.filter((one) => !told.some((other) => isAbout(other, one)))
    .map((one) => ({ ...ask(one), kind: "cross_episode", stale: [] }));
}

function ask({ entity, attribute, value }: Fact): Pick<Question, "text" | "compact" | "answer"> {
  return { text: `What is ${entity}'s ${attribute}?`, compact: `${entity} ${attribute}?`, answer: value };
}

function earlier({ entity, attribute, value }: Fact, answer: string): Question {
  return {
    kind: "temporal",
    text: `What was ${entity}'s ${attribute} before it was ${value}?`,
    compact: `${entity} ${attribute} before ${value}?`,
    answer,
    stale: [],
  };
}

/** Counts messages of this episode, which begins at `from`. */
function count(topic: string, facts: readonly Fact[], from: number): Question {
  const [since, short] = from === 0 ? ["", ""] : [` from t=${from} on`, ` from ${from}`];
  return {
    kind: "count",
    text: `How many messages${since} were about ${topic}?`,
    compact: `count ${topic}${short}?`,
    answer: String(facts.filter((one) => one.topic === topic).length),
    stale: [],
  };
}

/** Whether two facts speak of the same thing. */
export function isAbout(
  a: Pick<Fact, "entity" | "attribute">,
  b: Pick<Fact, "entity" | "attribute">,
): boolean {
  return a.entity === b.entity && a.attribute === b.attribute;
}
