/**
 * The memory of the memory puzzle: texts with topic and time, found again by BM25, with a limit of entries.
 *
 * Source: Robertson and Zaragoza 2009, The Probabilistic Relevance Framework: BM25 and Beyond (doi:10.1561/1500000019), k₁ = 1.2,
 * b = 0.75, with the inverse document frequency ln(1 + (N − n + ½) / (n + ½)), which is never negative.
 *
 * @module
 */
import { z } from "zod";

/** One thing remembered. */
export interface Entry {
  /** Number, from 1, never used twice. */
  readonly id: number;
  /** What it is about; may be empty. */
  readonly topic: string;
  /** When it was said; grows over episodes too. */
  readonly time: number;
  /** The text. */
  readonly text: string;
  /** Episode in which it was stored, from 0. */
  readonly episode: number;
  /** How often it was found. */
  uses: number;
  /** When it was last stored or found, on a clock of calls. */
  touched: number;
}

/** Schema of {@linkcode Entry}. */
export const entrySchema: z.ZodType<Entry> = z.strictObject({
  id: z.int().min(1),
  topic: z.string().max(200),
  time: z.number().min(0),
  text: z.string().max(2_000),
  episode: z.int().min(0),
  uses: z.int().min(0),
  touched: z.int().min(0),
});

/** Which entry gives way when the memory is full. */
export const EVICTIONS = ["lru", "fifo", "least_used"] as const;

/** One of {@linkcode EVICTIONS}. */
export type Eviction = (typeof EVICTIONS)[number];

/** The entry that gives way; of equals the oldest. */
export function victimOf(entries: readonly Entry[], eviction: Eviction): Entry {
  const key = { lru: "touched", fifo: "id", least_used: "uses" } as const;
  const by = key[eviction];
  return entries.reduce((worst, entry) => entry[by] < worst[by] ? entry : worst);
}

/** Words and filters of a query. */
export interface Query {
  /** Words to look for; none finds the newest. */
  readonly words: readonly string[];
  /** Topic that entries must have. */
  readonly topic: string | null;
  /** Entries must be older. */
  readonly before: number;
  /** Entries must be newer. */
  readonly after: number;
}

/** Reads `words topic:x before:n after:n`. */
export function readQuery(text: string): Query {
  const filters: Record<string, string> = Object.create(null);
  const rest = text.replace(/\b(topic|before|after):\s*(\S+)/gi, (_, name: string, value: string) => {
    filters[name.toLowerCase()] = value;
    return " ";
  });
  const number = (value: string | undefined, otherwise: number): number => {
    const read = Number(value);
    return value === undefined || Number.isNaN(read) ? otherwise : read;
  };
  return {
    words: wordsOf(rest),
    topic: filters["topic"]?.toLowerCase() ?? null,
    before: number(filters["before"], Infinity),
    after: number(filters["after"], -Infinity),
  };
}

/** The best entries for a query, at most `count`; of equals the newest first. */
export function search(entries: readonly Entry[], query: Query, count: number): Entry[] {
  const documents = entries.map((entry) => wordsOf(`${entry.text} ${entry.topic}`));
  const scores = bm25(documents, query.words);
  return entries.map((entry, at) => ({ entry, score: scores[at]! }))
    .filter(({ entry, score }) =>
      (query.words.length === 0 || score > 0) && entry.time < query.before && entry.time > query.after &&
      (query.topic === null || entry.topic.toLowerCase() === query.topic)
    )
    .sort((a, b) => b.score - a.score || b.entry.time - a.entry.time || b.entry.id - a.entry.id)
    .slice(0, count).map(({ entry }) => entry);
}

/** BM25 of each document for the words of a query. */
export function bm25(documents: readonly (readonly string[])[], words: readonly string[]): number[] {
  const [k1, b] = [1.2, 0.75];
  const mean = documents.reduce((sum, { length }) => sum + length, 0) / Math.max(1, documents.length);
  const weights = new Map([...new Set(words)].map((word) => {
    const n = documents.filter((document) => document.includes(word)).length;
    return [word, Math.log(1 + (documents.length - n + 0.5) / (n + 0.5))];
  }));
  return documents.map((document) => {
    let score = 0;
    for (const [word, weight] of weights) {
      const frequency = document.filter((other) => other === word).length;
      score += weight * frequency * (k1 + 1) / (frequency + k1 * (1 - b + b * document.length / mean) || 1);
    }
    return score;
  });
}

/** Words in lower case, without punctuation and the ending `'s`. */
export function wordsOf(text: string): string[] {
  return text.normalize("NFKC").toLowerCase().replace(/['’]s\b/g, "").match(/[\p{L}\p{N}]+/gu) ?? [];
}
