/**
 * Languages of bytes as terms, and what is left of a term after a byte: its derivative.
 *
 * Terms are interned, so a term is a state of an automaton that comes into being as far as it is walked. A term that no
 * text fits is always {@linkcode Language.nothing}; from every other one some text leads to the end.
 *
 * Source: Brzozowski 1964, Derivatives of regular expressions (JACM 11:481). Recursion is bounded when terms are built.
 *
 * @module
 */

/** A byte, or {@linkcode TOKEN} + the id of an added token, which is one letter whatever its text. */
export type Letter = number;

/** First letter that is no byte. */
export const TOKEN = 256;

/** A set of texts. */
export class Term {
  /** Its name in its {@linkcode Language}. */
  readonly id: number;
  /** Letters of its shortest text: 0 when the text may end here, ∞ when no text fits. */
  readonly shortest: number;
  readonly #derive: (letter: Letter) => Term;
  readonly #afterByte: (Term | undefined)[] = [];
  readonly #afterToken = new Map<Letter, Term>();

  constructor(id: number, shortest: number, derive: (letter: Letter) => Term) {
    this.id = id;
    this.shortest = shortest;
    this.#derive = derive;
  }

  /** The texts that may follow a letter. */
  after(letter: Letter): Term {
    if (letter < TOKEN) return this.#afterByte[letter] ??= this.#derive(letter);
    let next = this.#afterToken.get(letter);
    if (next === undefined) this.#afterToken.set(letter, next = this.#derive(letter));
    return next;
  }

  /** The texts that may follow a text. */
  afterAll(letters: Iterable<Letter>): Term {
    // deno-lint-ignore no-this-alias -- the walk starts here
    let term: Term = this;
    for (const letter of letters) term = term.after(letter);
    return term;
  }
}

const UTF8 = new TextEncoder();

/** Builds terms; two built the same way are the same object. */
export class Language {
  readonly #terms = new Map<string, Term>();
  /** No text. */
  readonly nothing: Term = new Term(0, Infinity, () => this.nothing);
  /** The empty text alone. */
  readonly empty: Term = new Term(1, 0, () => this.nothing);
  readonly #parts = new Map<Term, readonly Term[]>();

  /** Number of terms that were built so far. */
  get size(): number {
    return this.#terms.size;
  }

  /**
   * A term of the caller's own.
   *
   * @param key Tells it from all others; equal keys give the term that was made first.
   * @param shortest See {@linkcode Term.shortest}; must be exact as to whether it is 0, finite or ∞.
   */
  term(key: string, shortest: number, derive: (letter: Letter) => Term): Term {
    let term = this.#terms.get(key);
    if (term === undefined) {
      this.#terms.set(key, term = new Term(this.#terms.size + 2, shortest, derive));
    }
    return term;
  }

  /** What `build` makes, on first use: for terms that contain themselves. @param shortest Of what it makes. */
  later(key: string, shortest: number, build: () => Term): Term {
    if (shortest === Infinity) return this.nothing;
    let built: Term | undefined;
    return this.term(`later ${key}`, shortest, (letter) => (built ??= build()).after(letter));
  }

  /** One text. */
  text(text: string): Term {
    return this.#bytes(String.fromCharCode(...UTF8.encode(text)));
  }

  /** @param text A character a byte. */
  #bytes(text: string): Term {
    if (text === "") return this.empty;
    return this.term(
      `text ${text}`,
      text.length,
      (letter) => letter === text.charCodeAt(0) ? this.#bytes(text.slice(1)) : this.nothing,
    );
  }

  /** One letter out of some, given as half-open ranges or single letters. */
  one(...ranges: readonly (Letter | readonly [first: Letter, last: Letter])[]): Term {
    const bounds = ranges.map((range) => typeof range === "number" ? [range, range] as const : range);
    if (bounds.length === 0) return this.nothing;
    return this.term(
      `one ${bounds.join(" ")}`,
      1,
      (letter) =>
        bounds.some(([first, last]) => letter >= first && letter <= last) ? this.empty : this.nothing,
    );
  }

  /** One after another. */
  sequence(...terms: readonly Term[]): Term {
    return terms.reduceRight((rest, head) => this.#pair(head, rest), this.empty);
  }

  #pair(head: Term, rest: Term): Term {
    if (head === this.empty) return rest;
    if (rest === this.empty) return head;
    const shortest = head.shortest + rest.shortest;
    if (shortest === Infinity) return this.nothing;
    return this.term(`pair ${head.id} ${rest.id}`, shortest, (letter) => {
      const inside = this.#pair(head.after(letter), rest);
      return head.shortest > 0 ? inside : this.either(inside, rest.after(letter));
    });
  }

  /** One of some. */
  either(...terms: readonly Term[]): Term {
    const parts = new Set(terms.flatMap((term) => this.#parts.get(term) ?? [term]));
    parts.delete(this.nothing);
    const all = [...parts].sort((a, b) => a.id - b.id);
    if (all.length < 2) return all[0] ?? this.nothing;
    const shortest = Math.min(...all.map((term) => term.shortest));
    const term = this.term(
      `either ${all.map(({ id }) => id).join(" ")}`,
      shortest,
      (letter) => this.either(...all.map((part) => part.after(letter))),
    );
    this.#parts.set(term, all);
    return term;
  }

  /** A term or nothing at all. */
  optional(term: Term): Term {
    return this.either(this.empty, term);
  }

  /** A term some times over. @param item Not empty. @param most May be ∞. */
  repeat(item: Term, least: number, most: number): Term {
    if (least > most || (item === this.nothing && least > 0)) return this.nothing;
    if (item === this.nothing || most <= 0) return this.empty;
    return this.term(
      `repeat ${item.id} ${Math.max(least, 0)} ${most}`,
      Math.max(least, 0) * item.shortest,
      (letter) => this.#pair(item.after(letter), this.repeat(item, least - 1, most - 1)),
    );
  }
}
