/**
 * The parts of JSON as terms: strings are well-formed UTF-8 with whole escapes, numbers stay finite, and whitespace
 * between values is a space, or a line break and up to eight spaces.
 *
 * @module
 */
import type { Json } from "../../../../core/schema.ts";
import type { Language, Letter, Term } from "./term.ts";

/** The terms that all JSON is built of. */
export interface JsonTerms {
  /** Whitespace, also none. */
  readonly space: Term;
  /** A number. */
  readonly number: Term;
  /** A number of zero or more. */
  readonly positiveNumber: Term;
  /** A whole number of up to sixteen digits. */
  readonly integer: Term;
  /** A whole number of zero or more. */
  readonly positiveInteger: Term;
  /** A string of some characters, with its quotes. */
  string(least: number, most: number): Term;
  /** A string without escapes that is none of some: what an object may have as further keys. */
  keyOtherThan(names: readonly string[]): Term;
  /** One value, spelled as `JSON.stringify` does with whitespace between. */
  value(value: Json): Term;
}

const CODES = { quote: 0x22, backslash: 0x5c, minus: 0x2d, dot: 0x2e, d: 0x64, D: 0x44, u: 0x75 } as const;
const DIGIT: readonly [Letter, Letter] = [0x30, 0x39];
const HEX: readonly (readonly [Letter, Letter])[] = [DIGIT, [0x41, 0x46], [0x61, 0x66]];

/** Makes the terms in a language. */
export function jsonTerms(language: Language): JsonTerms {
  const { empty } = language;
  const space = language.either(
    empty,
    language.text(" "),
    language.sequence(language.text("\n"), language.repeat(language.text(" "), 0, 8)),
  );
  const plain = plainCharacter(language);
  const character = language.either(plain, escape(language));
  const quote = language.one(CODES.quote);
  const minus = language.optional(language.one(CODES.minus));
  const [positiveNumber, positiveInteger] = [number(language), whole(language, 16)];
  const terms: JsonTerms = {
    space,
    number: language.sequence(minus, positiveNumber),
    positiveNumber,
    integer: language.sequence(minus, positiveInteger),
    positiveInteger,
    string: (least, most) => language.sequence(quote, language.repeat(character, least, most), quote),
    keyOtherThan: (names) => language.sequence(quote, otherThan(language, names, plain, quote)),
    value: (value) => valueTerm(language, space, value),
  };
  return terms;
}

function valueTerm(language: Language, space: Term, value: Json): Term {
  const list = (open: string, parts: readonly Term[], close: string): Term => {
    const divided = parts.flatMap((part, at) => at === 0 ? [space, part] : [space, comma, space, part]);
    return language.sequence(language.text(open), ...divided, space, language.text(close));
  };
  const comma = language.text(",");
  if (typeof value !== "object" || value === null) return language.text(JSON.stringify(value));
  if (Array.isArray(value)) {
    return list("[", value.map((item: Json) => valueTerm(language, space, item)), "]");
  }
  const members = Object.entries(value as { readonly [key: string]: Json }).map(([key, item]) =>
    language.sequence(
      language.text(JSON.stringify(key)),
      space,
      language.text(":"),
      space,
      valueTerm(language, space, item),
    )
  );
  return list("{", members, "}");
}

/** Digits without leading zeros. */
function whole(language: Language, digits: number): Term {
  const digit = language.one(DIGIT);
  return language.either(
    language.text("0"),
    language.sequence(language.one([0x31, 0x39]), language.repeat(digit, 0, digits - 1)),
  );
}

/** Up to 21 digits, 24 decimals and an exponent below 200: what `JSON.stringify` writes, and never ∞. */
function number(language: Language): Term {
  const digit = language.one(DIGIT);
  const upTo = (most: number) => language.repeat(digit, 1, most);
  const exponent = language.sequence(
    language.one(0x45, 0x65),
    language.either(
      language.sequence(language.text("-"), upTo(3)),
      language.sequence(
        language.optional(language.text("+")),
        language.either(upTo(2), language.sequence(language.text("1"), digit, digit)),
      ),
    ),
  );
  return language.sequence(
    whole(language, 21),
    language.optional(language.sequence(language.one(CODES.dot), upTo(24))),
    language.optional(exponent),
  );
}

/** A character that stands for itself. Source of the ranges: The Unicode Standard, table 3-7. */
function plainCharacter(language: Language): Term {
  const rest = language.one([0x80, 0xbf]);
  const ranges: readonly (readonly [readonly [Letter, Letter], ...Term[]])[] = [
    [[0xc2, 0xdf], rest],
    [[0xe0, 0xe0], language.one([0xa0, 0xbf]), rest],
    [[0xe1, 0xec], rest, rest],
    [[0xed, 0xed], language.one([0x80, 0x9f]), rest],
    [[0xee, 0xef], rest, rest],
    [[0xf0, 0xf0], language.one([0x90, 0xbf]), rest, rest],
    [[0xf1, 0xf3], rest, rest, rest],
    [[0xf4, 0xf4], language.one([0x80, 0x8f]), rest, rest],
  ];
  return language.either(
    language.one([0x20, 0x21], [0x23, 0x5b], [0x5d, 0x7f]),
    ...ranges.map(([first, ...more]) => language.sequence(language.one(first), ...more)),
  );
}

/** One character as an escape; one outside the basic plane is a pair, and halves do not stand alone. */
function escape(language: Language): Term {
  const hex = language.one(...HEX);
  const d = language.one(CODES.d, CODES.D);
  const low = language.sequence(
    language.text("\\u"),
    d,
    language.one([0x63, 0x66], [0x43, 0x46]),
    hex,
    hex,
  );
  const unit = language.either(
    language.sequence(
      language.one(DIGIT, [0x41, 0x43], [0x45, 0x46], [0x61, 0x63], [0x65, 0x66]),
      hex,
      hex,
      hex,
    ),
    language.sequence(d, language.one([0x30, 0x37]), hex, hex),
    language.sequence(d, language.one([0x38, 0x39], [0x41, 0x42], [0x61, 0x62]), hex, hex, low),
  );
  const short = Array.from('"\\/bfnrt', (char) => char.charCodeAt(0));
  return language.sequence(
    language.one(CODES.backslash),
    language.either(language.one(...short), language.sequence(language.one(CODES.u), unit)),
  );
}

/** The rest of a key and its quote. While the key begins like some names, it must not end as one of them. */
function otherThan(language: Language, names: readonly string[], plain: Term, quote: Term): Term {
  const free = language.sequence(language.repeat(plain, 0, Infinity), quote);
  const spelled = new Set(names.map((name) => binary(name)));
  const beginnings = new Set(
    [...spelled].flatMap((name) => Array.from(name, (_, at) => name.slice(0, at + 1))),
  );
  /** @param rest What may follow when names do not matter. */
  const from = (begun: string, rest: Term): Term =>
    language.term(
      `key ${JSON.stringify([begun, names])}`,
      spelled.has(begun) ? rest.shortest + 1 : rest.shortest,
      (letter) => {
        if (letter === CODES.quote && spelled.has(begun)) return language.nothing;
        const longer = begun + String.fromCharCode(letter);
        const after = rest.after(letter);
        return after !== language.nothing && beginnings.has(longer) ? from(longer, after) : after;
      },
    );
  return from("", free);
}

function binary(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}
