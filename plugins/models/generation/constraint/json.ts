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
  /** A whole number in a range, ends included, as far as numbers are exact: up to 2⁵³ − 1 either way. */
  integer(first: number, last: number): Term;
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
  const positiveNumber = number(language);
  const terms: JsonTerms = {
    space,
    number: language.sequence(minus, positiveNumber),
    positiveNumber,
    integer: (first, last) => integer(language, first, last),
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

function integer(language: Language, first: number, last: number): Term {
  const most = Number.MAX_SAFE_INTEGER;
  const [low, high] = [Math.max(Math.ceil(first), -most), Math.min(Math.floor(last), most)];
  const below = upTo(language, Math.max(-high, 1), -low);
  return language.either(
    language.sequence(language.one(CODES.minus), below),
    upTo(language, Math.max(low, 0), high),
  );
}

/** Whole numbers from one of zero or more to another. */
function upTo(language: Language, low: number, high: number): Term {
  const parts: Term[] = [];
  for (let from = low; from <= high;) {
    const length = String(from).length;
    const to = Math.min(high, 10 ** length - 1); // of the same length
    parts.push(between(language, String(from), String(to)));
    from = 10 ** length;
  }
  return language.either(...parts);
}

/** Digits from some to others of the same number. */
function between(language: Language, low: string, high: string): Term {
  if (low === "") return language.empty;
  const rest = low.length - 1;
  if (/^0*$/.test(low) && /^9*$/.test(high)) return language.repeat(language.one(DIGIT), rest + 1, rest + 1);
  const digit = (first: number, last: number) =>
    first > last ? language.nothing : language.one([first, last]);
  const [a, b] = [low.charCodeAt(0), high.charCodeAt(0)];
  if (a === b) return language.sequence(digit(a, a), between(language, low.slice(1), high.slice(1)));
  return language.either(
    language.sequence(digit(a, a), between(language, low.slice(1), "9".repeat(rest))),
    language.sequence(digit(a + 1, b - 1), language.repeat(language.one(DIGIT), rest, rest)),
    language.sequence(digit(b, b), between(language, "0".repeat(rest), high.slice(1))),
  );
}

/** Up to 21 digits, 24 decimals and an exponent below 200: what `JSON.stringify` writes, and never ∞. */
function number(language: Language): Term {
  const digit = language.one(DIGIT);
  const digits = (most: number) => language.repeat(digit, 1, most);
  const exponent = language.sequence(
    language.one(0x45, 0x65),
    language.either(
      language.sequence(language.text("-"), digits(3)),
      language.sequence(
        language.optional(language.text("+")),
        language.either(digits(2), language.sequence(language.text("1"), digit, digit)),
      ),
    ),
  );
  const whole = language.sequence(language.one([0x31, 0x39]), language.repeat(digit, 0, 20));
  return language.sequence(
    language.either(language.text("0"), whole),
    language.optional(language.sequence(language.one(CODES.dot), digits(24))),
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
