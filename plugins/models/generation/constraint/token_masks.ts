/**
 * Which tokens may come next, by term; kept, because texts come back to the same terms all the time.
 *
 * @module
 */
import type { Term } from "./term.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Tokens that may come next. */
export interface TokenMask {
  /** Their ids when they are few; null when they are many. */
  readonly ids: Uint32Array | null;
  /** A bit a token; null when they are few, or all. */
  readonly bits: Uint32Array | null;
  /** How many there are. */
  readonly count: number;
  /** The most letters that a text still needs behind one of them. */
  readonly longest: number;
}

/** Masks that are kept: of a vocabulary of 150 000 tokens they take at most 40 MB. */
const MOST_MASKS = 2048;

/** A share of the vocabulary below which ids take less than bits. */
const FEW = 1 / 32;

/** The masks of a vocabulary. */
export class TokenMasks {
  readonly #vocabulary: Vocabulary;
  readonly #known = new Map<Term, TokenMask>();

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  /** Tokens that may come next. */
  of(term: Term): TokenMask {
    let mask = this.#known.get(term);
    if (mask === undefined) {
      mask = this.within(term, Infinity);
      if (this.#known.size >= MOST_MASKS) this.#known.delete(this.#known.keys().next().value!);
      this.#known.set(term, mask);
    }
    return mask;
  }

  /** Tokens behind which a text can end within a number of letters; not kept. */
  within(term: Term, most: number): TokenMask {
    const { size, count } = this.#vocabulary;
    const bits = new Uint32Array(Math.ceil(size / 32));
    const mostIds = size * FEW;
    const ids: number[] = [];
    let [found, longest] = [0, 0];
    this.#vocabulary.visit(term, (id, { shortest }) => {
      if (shortest > most) return;
      bits[id >>> 5]! |= 1 << (id & 31);
      if (found++ < mostIds) ids.push(id);
      longest = Math.max(longest, shortest);
    });
    const few = found < mostIds;
    return {
      ids: few ? Uint32Array.from(ids) : null,
      bits: few || found === count ? null : bits,
      count: found,
      longest,
    };
  }
}

/** The logits with −∞ for all other tokens; the argument itself when no token is ruled out. */
export function masked(logits: Float32Array, { ids, bits }: TokenMask): Float32Array {
  if (ids === null && bits === null) return logits;
  if (bits === null) {
    const kept = new Float32Array(logits.length).fill(-Infinity);
    for (const id of ids!) kept[id] = logits[id]!;
    return kept;
  }
  const kept = logits.slice();
  for (let id = 0; id < kept.length; id++) {
    if (((bits[id >>> 5] ?? 0) >>> (id & 31) & 1) === 0) kept[id] = -Infinity;
  }
  return kept;
}
