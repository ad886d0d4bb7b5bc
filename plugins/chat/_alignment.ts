/**
 * Where each token lies in the text it came from.
 *
 * The tokens of a section (text between added tokens) are bytes of the *normalised* section. Each normaliser of the
 * table below is replayed with the place every character came from, and the bytes of the tokens are compared with
 * the bytes that came out: an offset is either right or an error, never a guess.
 *
 * @module
 */
import { GymError } from "../../core/errors.ts";
import type { Json } from "../../core/schema.ts";

/** Half-open ranges of tokens in UTF-16 units. A token of part of a character has the range of the whole. */
export interface TokenOffsets {
  /** Start of each token. */
  readonly starts: Uint32Array;
  /** End of each token. */
  readonly ends: Uint32Array;
}

/** A token of `added_tokens`, with its text. */
export interface AddedToken {
  readonly content: string;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

/** A part of a tokenizer file that changes text: `type` and its settings. */
export type Component = { readonly type?: Json; readonly [key: string]: Json | undefined };

/** A normalised text and the range of the original that each of its UTF-16 units came from. */
interface Mapped {
  readonly text: string;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

type Step = (from: Mapped, first: boolean) => Mapped;

/** Computes offsets for the tokenizer it was made for. */
export class Alignment {
  readonly #steps: readonly Step[];
  readonly #byteLevel: boolean;
  readonly #added: ReadonlyMap<string, AddedToken>;
  readonly #pattern: RegExp | null;
  /** What stands for a space in tokens. */
  readonly #space: string;

  /**
   * @param file Name of the tokenizer file, for messages.
   * @throws {GymError} `INVALID_DATA` when the tokenizer changes text in a way that cannot be followed.
   */
  constructor(
    tokenizer: Readonly<Record<string, Component | null>>,
    added: readonly AddedToken[],
    file: string,
  ) {
    const pre = flatten(tokenizer.pre_tokenizer ?? null, "pretokenizers");
    const model = tokenizer.model ?? {};
    if (model.type !== undefined && model.type !== "BPE" && model.type !== "Unigram") {
      throw unsupported(file, "model.type", model.type);
    }
    this.#byteLevel = pre.some(({ type }) => type === "ByteLevel");
    this.#steps = [
      ...flatten(tokenizer.normalizer ?? null, "normalizers").map((part) =>
        stepOf(part, `${file}: normalizer`)
      ),
      ...pre.flatMap((part) => preStepOf(part, file)),
    ];
    this.#space = spaceMark([...flatten(tokenizer.normalizer ?? null, "normalizers"), ...pre]);
    this.#added = new Map(added.map((token) => [token.content, token]));
    const words = [...this.#added.keys()].filter((word) => word !== "").sort((a, b) => b.length - a.length);
    this.#pattern = words.length === 0 ? null : new RegExp(words.map(RegExp.escape).join("|"), "g");
  }

  /** Bytes of text that a token stands for behind others; null when its name is not in the alphabet. */
  bytesOf(token: string): Uint8Array | null {
    const bytes = [...this.#bytesOfToken(this.#byteLevel ? token : token.replaceAll(this.#space, " "))];
    return bytes.includes(-1) ? null : Uint8Array.from(bytes);
  }

  /** @param tokens All tokens of `text`, in order. */
  offsetsOf(text: string, tokens: readonly string[]): TokenOffsets {
    const offsets = { starts: new Uint32Array(tokens.length), ends: new Uint32Array(tokens.length) };
    let done = 0;
    for (const [index, { start, end, literal }] of this.#sections(text).entries()) {
      if (literal) {
        if (tokens[done] !== text.slice(start, end).trim()) {
          this.#checkLiteral(text, start, end, tokens[done]);
        }
        offsets.starts[done] = start;
        offsets.ends[done++] = end;
      } else done = this.#align(text, start, end, index === 0, tokens, done, offsets);
    }
    if (done !== tokens.length) throw mismatch(text, text.length, tokens[done]);
    return offsets;
  }

  #checkLiteral(text: string, start: number, end: number, token: string | undefined): void {
    if (token === undefined || !text.slice(start, end).includes(token)) throw mismatch(text, start, token);
  }

  /** Added tokens and what lies between them; whitespace that an added token swallows is part of it. */
  #sections(text: string): { start: number; end: number; literal: boolean }[] {
    const sections: { start: number; end: number; literal: boolean }[] = [];
    let from = 0;
    for (const match of this.#pattern === null ? [] : text.matchAll(this.#pattern)) {
      const token = this.#added.get(match[0])!;
      let start = match.index;
      let end = start + match[0].length;
      if (start < from) start = from; // whitespace before it went to the token before
      if (token.lstrip) start = from + text.slice(from, start).trimEnd().length;
      if (token.rstrip) end = endOfSpace(text, end);
      if (start > from) sections.push({ start: from, end: start, literal: false });
      sections.push({ start, end, literal: true });
      from = end;
    }
    if (from < text.length) sections.push({ start: from, end: text.length, literal: false });
    return sections;
  }

  #align(
    text: string,
    start: number,
    end: number,
    first: boolean,
    tokens: readonly string[],
    done: number,
    { starts, ends }: TokenOffsets,
  ): number {
    const mapped = this.#steps.reduce((from, step) => step(from, first), identity(text.slice(start, end)));
    const bytes = bytesOf(mapped);
    let at = 0;
    while (at < bytes.length) {
      const token = tokens[done];
      const from = at;
      for (const byte of token === undefined ? [] : this.#bytesOfToken(token)) {
        if (byte !== bytes.values[at++]) throw mismatch(text, start + bytes.starts[from]!, token);
      }
      if (at === from) throw mismatch(text, start + bytes.starts[from]!, token);
      starts[done] = start + bytes.starts[from]!;
      ends[done++] = start + bytes.ends[at - 1]!;
    }
    return done;
  }

  #bytesOfToken(token: string): Iterable<number> {
    if (this.#added.has(token)) return ENCODER.encode(token);
    if (this.#byteLevel) return Array.from(token, (char) => BYTE_OF.get(char) ?? -1);
    const byte = /^<0x([0-9A-F]{2})>$/.exec(token)?.[1];
    return byte === undefined ? ENCODER.encode(token) : [Number.parseInt(byte, 16)];
  }
}

const ENCODER = new TextEncoder();

/** GPT-2's alphabet: each byte as a printable character. */
const BYTE_OF: ReadonlyMap<string, number> = new Map(alphabet());

function* alphabet(): Iterable<[string, number]> {
  let extra = 0x100;
  for (let byte = 0; byte < 0x100; byte++) {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    yield [String.fromCharCode(printable ? byte : extra++), byte];
  }
}

/** Normalisers that can be followed. */
const STEPS: Readonly<Record<string, (part: Component) => Step | null>> = {
  NFC: () => unicode("NFC"),
  NFD: () => unicode("NFD"),
  NFKC: () => unicode("NFKC"),
  NFKD: () => unicode("NFKD"),
  Prepend: ({ prepend }) => (from) => prepended(from, String(prepend ?? "")),
  Replace: ({ pattern, content }) => {
    const text = patternText(pattern);
    return text === null ? null : (from) => replaced(from, text, String(content ?? ""));
  },
};

function stepOf(part: Component, field: string): Step {
  const step = STEPS[String(part.type)]?.(part) ?? null;
  if (step === null) throw unsupported(field, "type", part.type);
  return step;
}

function preStepOf(part: Component, file: string): Step[] {
  if (part.type === "ByteLevel" && part.add_prefix_space === true) {
    throw unsupported(file, "pre_tokenizer.add_prefix_space", true);
  }
  if (part.type !== "Metaspace") return []; // what only splits changes no text; what drops text is found in align
  const mark = String(part.replacement ?? "▁");
  const scheme = part.prepend_scheme ?? "always";
  return [(from, first) => {
    const marked = replaced(from, " ", mark);
    const wanted = scheme === "always" || (scheme === "first" && first);
    return wanted && !marked.text.startsWith(mark) ? prepended(marked, mark) : marked;
  }];
}

function flatten(part: Component | null, key: string): readonly Component[] {
  if (part === null) return [];
  // Sound: checked by the reader of the file, which lets only objects into these lists.
  return part.type === "Sequence"
    ? (part[key] as Component[]).flatMap((inner) => flatten(inner, key))
    : [part];
}

/** What a normaliser or Metaspace writes for a space. */
function spaceMark(parts: readonly Component[]): string {
  const part = parts.find(({ type, pattern }) => type === "Metaspace" || patternText(pattern) === " ");
  return String(part?.replacement ?? part?.content ?? (part === undefined ? " " : "▁"));
}

function patternText(pattern: Json | undefined): string | null {
  const text = typeof pattern === "object" && pattern !== null && "String" in pattern ? pattern.String : null;
  return typeof text === "string" && text !== "" ? text : null;
}

function identity(text: string): Mapped {
  return {
    text,
    starts: Uint32Array.from({ length: text.length }, (_, at) => at),
    ends: Uint32Array.from({ length: text.length }, (_, at) => at + 1),
  };
}

function prepended(from: Mapped, text: string): Mapped {
  if (from.text === "") return from;
  const { length } = text;
  const starts = new Uint32Array(length + from.text.length);
  const ends = new Uint32Array(length + from.text.length);
  starts.set(from.starts, length);
  ends.set(from.ends, length);
  return { text: text + from.text, starts, ends };
}

function replaced(from: Mapped, wanted: string, content: string): Mapped {
  const out = new MappedText();
  let done = 0;
  for (let at = from.text.indexOf(wanted); at >= 0; at = from.text.indexOf(wanted, done)) {
    out.copy(from, done, at);
    done = at + wanted.length;
    out.push(content, from.starts[at]!, from.ends[done - 1]!);
  }
  out.copy(from, done, from.text.length);
  return out.mapped();
}

/**
 * A Unicode normal form, piece by piece: a character and the marks and Hangul vowels and finals after it are the
 * smallest pieces that normalise apart from each other.
 */
function unicode(form: "NFC" | "NFD" | "NFKC" | "NFKD"): Step {
  return (from) => {
    const whole = from.text.normalize(form);
    if (whole === from.text) return from;
    const out = new MappedText();
    for (const { 0: piece, index } of from.text.matchAll(/[^][\p{M}\u1160-\u11ff]*/gu)) {
      const end = index + piece.length;
      const normal = piece.normalize(form);
      if (normal === piece) out.copy(from, index, end);
      else out.push(normal, from.starts[index]!, from.ends[end - 1]!);
    }
    const mapped = out.mapped();
    if (mapped.text !== whole) throw mismatch(from.text, 0, undefined);
    return mapped;
  };
}

function endOfSpace(text: string, from: number): number {
  const space = /\s*/y;
  space.lastIndex = from;
  space.test(text);
  return space.lastIndex;
}

class MappedText {
  readonly #texts: string[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  copy(from: Mapped, start: number, end: number): void {
    this.#texts.push(from.text.slice(start, end));
    for (let at = start; at < end; at++) {
      this.#starts.push(from.starts[at]!);
      this.#ends.push(from.ends[at]!);
    }
  }

  push(text: string, start: number, end: number): void {
    this.#texts.push(text);
    for (let at = 0; at < text.length; at++) {
      this.#starts.push(start);
      this.#ends.push(end);
    }
  }

  mapped(): Mapped {
    return {
      text: this.#texts.join(""),
      starts: Uint32Array.from(this.#starts),
      ends: Uint32Array.from(this.#ends),
    };
  }
}

interface MappedBytes {
  readonly values: Uint8Array;
  readonly length: number;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

function bytesOf({ text, starts, ends }: Mapped): MappedBytes {
  const values = ENCODER.encode(text);
  const out = {
    values,
    length: values.length,
    starts: new Uint32Array(values.length),
    ends: new Uint32Array(values.length),
  };
  for (let unit = 0, byte = 0; unit < text.length;) {
    const point = text.codePointAt(unit)!;
    const last = unit + (point > 0xffff ? 1 : 0);
    const size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    out.starts.fill(starts[unit]!, byte, byte + size);
    out.ends.fill(ends[last]!, byte, byte + size);
    byte += size;
    unit = last + 1;
  }
  return out;
}

function unsupported(file: string, field: string, received: Json | undefined): GymError {
  return new GymError(
    "INVALID_DATA",
    `Cannot use tokenizer "${file}: ${field}": wanted a setting whose tokens have exact places in the text: received ${
      JSON.stringify(received ?? null)
    }`,
    { file, field },
  );
}

function mismatch(text: string, at: number, token: string | undefined): GymError {
  return new GymError(
    "INVALID_DATA",
    `Cannot find tokens in text ${
      JSON.stringify(text.slice(at, at + 24))
    } at ${at}: wanted a token of it: received ${JSON.stringify(token ?? null)}`,
    { at },
  );
}
