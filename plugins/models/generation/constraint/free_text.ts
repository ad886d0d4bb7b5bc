/**
 * Text that is free until something opens a call.
 *
 * Added tokens count as their content here, so that a mark is found however it is spelled.
 *
 * @module
 */
import { type Language, type Letter, type Term, TOKEN } from "./term.ts";

/** What opens something, and what follows it. */
export interface Opening {
  /** Its text. */
  readonly text: string;
  /** Whether it opens anywhere, or only where nothing but whitespace stands before it. */
  readonly where: "anywhere" | "first";
  /** The texts that may follow. */
  readonly then: () => Term;
}

/** What {@linkcode FreeText} takes. */
export interface FreeTextOptions {
  /** Texts of added tokens by id. */
  readonly added: ReadonlyMap<number, string>;
  /** Tokens that end the text. */
  readonly stopIds: readonly number[];
}

/** Makes terms of free text. */
export class FreeText {
  readonly #language: Language;
  readonly #added: ReadonlyMap<number, string>;
  readonly #stops: ReadonlySet<Letter>;

  constructor(language: Language, { added, stopIds }: FreeTextOptions) {
    this.#language = language;
    this.#added = new Map(added.entries().map(([id, content]) => [TOKEN + id, binary(content)]));
    this.#stops = new Set(stopIds.map((id) => TOKEN + id));
  }

  /** Any text; from an opening on, what may follow it. @param name Tells it from other free texts of the language. */
  term(name: string, openings: readonly Opening[]): Term {
    const spelled = openings.map((opening) => ({ ...opening, text: binary(opening.text) }));
    const anywhere = this.#scan(name, spelled.filter(({ where }) => where === "anywhere"), 0);
    return this.#first(name, spelled.filter(({ where }) => where === "first"), anywhere, "");
  }

  /** Any text up to an end, then something; the text may not stop before. */
  until(name: string, end: string, then: Term): Term {
    const text = binary(end);
    return this.#scan(name, [{ text, then: () => then }], text.length + then.shortest, "");
  }

  /** @param begun The end of the text so far with which an opening begins. @param length Of the shortest rest from "" on. */
  #scan(name: string, openings: readonly Omit<Opening, "where">[], length: number, begun = ""): Term {
    const needed = Math.max(length - begun.length, 0);
    return this.#language.term(
      `free ${JSON.stringify([name, begun])}`,
      needed,
      (letter) =>
        this.#after(
          letter,
          needed === 0,
          (token) => this.#scan(name, openings, length, begun).afterAll(token),
          () => {
            let now = begun + String.fromCharCode(letter);
            while (!begins(openings, now)) now = now.slice(1);
            const opened = openings.find(({ text }) => text === now);
            return opened === undefined ? this.#scan(name, openings, length, now) : opened.then();
          },
        ),
    );
  }

  /** The beginning of a text, where it may still become one of some openings. @param rest The text when it does not. */
  #first(name: string, openings: readonly Omit<Opening, "where">[], rest: Term, begun: string): Term {
    if (openings.length === 0) return rest;
    return this.#language.term(
      `first ${JSON.stringify([name, begun])}`,
      0,
      (letter) =>
        this.#after(letter, true, (token) => this.#first(name, openings, rest, begun).afterAll(token), () => {
          const now = begun + String.fromCharCode(letter);
          const opened = openings.find(({ text }) => text === now);
          if (opened !== undefined) return opened.then();
          const space = now.trim() === "";
          return space || begins(openings, now)
            ? this.#first(name, openings, rest, space ? "" : now)
            : rest.afterAll(codes(now));
        }),
    );
  }

  /** What follows a letter: a stop ends the text, an added token is its content. */
  #after(
    letter: Letter,
    mayStop: boolean,
    content: (bytes: Iterable<Letter>) => Term,
    byte: () => Term,
  ): Term {
    if (letter < TOKEN) return byte();
    if (this.#stops.has(letter)) return mayStop ? this.#language.empty : this.#language.nothing;
    const text = this.#added.get(letter);
    return text === undefined ? this.#language.nothing : content(codes(text));
  }
}

/** Whether one of some openings begins with a text. */
function begins(openings: readonly { readonly text: string }[], begun: string): boolean {
  return openings.some(({ text }) => text.startsWith(begun));
}

const UTF8 = new TextEncoder();

/** UTF-8 as a text of a character a byte. */
function binary(text: string): string {
  return String.fromCharCode(...UTF8.encode(text));
}

function codes(text: string): Letter[] {
  return Array.from(text, (char) => char.charCodeAt(0));
}
