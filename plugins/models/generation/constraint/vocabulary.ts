/**
 * The tokens of a tokenizer as a trie of their bytes, to find which may come next without trying each of them.
 *
 * @module
 */
import type { AddedText, Tokenizer } from "../../../chat/mod.ts";
import { type Letter, type Term, TOKEN } from "./term.ts";

/** Called with a token that may come next and the term after it. */
export type Visitor = (id: number, after: Term) => void;

/** Tokens by their bytes. Added tokens are no part of the trie: each is a letter of its own. */
export class Vocabulary {
  /** Highest id + 1. */
  readonly size: number;
  /** Tokens that stand for text, added ones included. */
  readonly count: number;
  /** Added tokens. */
  readonly added: readonly AddedText[];
  readonly #addedIds: ReadonlySet<number>;
  readonly #tokenizer: Tokenizer;
  // A row a node, in the order of a walk. Tokens of a node are `ids` from its `first` to that of the next node.
  readonly #depth: Uint16Array;
  readonly #byte: Uint8Array;
  /** The node behind all that are below this one. */
  readonly #behind: Uint32Array;
  readonly #first: Uint32Array;
  readonly #ids: Uint32Array;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    this.size = tokenizer.vocabularySize;
    this.added = tokenizer.addedTokens;
    this.#addedIds = new Set(this.added.map(({ id }) => id));
    const words = wordsOf(tokenizer, this.#addedIds);
    const [depth, byte, first]: number[][] = [[], [], []];
    for (const [at, { bytes }] of words.entries()) {
      for (let i = common(words[at - 1]?.bytes ?? "", bytes); i < bytes.length; i++) {
        depth!.push(i + 1);
        byte!.push(bytes.charCodeAt(i));
        first!.push(at);
      }
    }
    this.count = words.length + this.added.length;
    this.#ids = Uint32Array.from(words, ({ id }) => id);
    this.#depth = Uint16Array.from(depth!);
    this.#byte = Uint8Array.from(byte!);
    this.#first = Uint32Array.from([...first!, words.length]);
    this.#behind = behind(this.#depth);
  }

  /** Whether a token is an added one. */
  isAdded(id: number): boolean {
    return this.#addedIds.has(id);
  }

  /** The letters of a token: its bytes, or itself when it is an added one; null when it stands for nothing. */
  lettersOf(id: number): Iterable<Letter> | null {
    return this.isAdded(id) ? [TOKEN + id] : this.#tokenizer.bytesOf(id);
  }

  /** Bytes that are no token of their own. */
  missing(bytes: Iterable<number>): number[] {
    const single = new Set<number>();
    for (const [node, depth] of this.#depth.entries()) {
      if (depth === 1 && this.#first[node + 1]! > this.#first[node]!) single.add(this.#byte[node]!);
    }
    return [...new Set(bytes)].filter((byte) => !single.has(byte));
  }

  /** Finds all tokens that may come next. */
  visit(term: Term, visitor: Visitor): void {
    const path = [term];
    const count = this.#depth.length;
    for (let node = 0; node < count;) {
      const depth = this.#depth[node]!;
      const after = path[depth - 1]!.after(this.#byte[node]!);
      if (after.shortest === Infinity) {
        node = this.#behind[node]!;
        continue;
      }
      path[depth] = after;
      for (let at = this.#first[node]!; at < this.#first[node + 1]!; at++) visitor(this.#ids[at]!, after);
      node++;
    }
    for (const { id } of this.added) {
      const after = term.after(TOKEN + id);
      if (after.shortest < Infinity) visitor(id, after);
    }
  }
}

/** Tokens by their bytes, as a text of a character a byte, in order. */
function wordsOf(
  tokenizer: Tokenizer,
  added: ReadonlySet<number>,
): { readonly bytes: string; readonly id: number }[] {
  const words: { bytes: string; id: number }[] = [];
  for (let id = 0; id < tokenizer.vocabularySize; id++) {
    const bytes = added.has(id) ? null : tokenizer.bytesOf(id);
    if (bytes !== null && bytes.length > 0) words.push({ bytes: String.fromCharCode(...bytes), id });
  }
  return words.sort((a, b) => a.bytes < b.bytes ? -1 : a.bytes > b.bytes ? 1 : a.id - b.id);
}

/** Length of the common beginning. */
function common(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

function behind(depth: Uint16Array): Uint32Array {
  const found = new Uint32Array(depth.length);
  const next: number[] = []; // by depth, the nearest node that is seen so far
  for (let node = depth.length - 1; node >= 0; node--) {
    const own = depth[node]!;
    let nearest = depth.length;
    for (let at = 0; at <= own; at++) nearest = Math.min(nearest, next[at] ?? depth.length);
    found[node] = nearest;
    next[own] = node;
  }
  return found;
}
