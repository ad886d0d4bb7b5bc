/**
 * From places of parts to spans of all the text, and from those to spans of tokens.
 *
 * Between two parts stands text of the template. What ends a turn and what the generation prompt adds is known from
 * probes; the rest of what stands inside an assistant's turn the model writes itself.
 */
import type { Source } from "./_draft.ts";
import type { Located, Placed } from "./_locate.ts";
import type { TokenOffsets } from "./_alignment.ts";
import type { TokenSpan } from "./codec.ts";

/** What probes of the template tell. */
export interface Borders {
  /** Texts that end a turn. */
  readonly stops: readonly string[];
  /** Those of them at which generation stops: harmony ends a thought as it ends a turn that was answered. */
  readonly finals: readonly string[];
  /** What closes the last call of a message, with the end of the turn. */
  readonly closing: string;
  /** What the generation prompt adds after a user message and after a tool message. */
  readonly headers: { readonly user: string; readonly tool: string };
}

/** A range of the text. */
export interface TextSpan extends Source {
  readonly start: number;
  readonly end: number;
}

const TEMPLATE = { message: -1, role: "template" } as const;

/** Spans that cover the whole text in order. */
export function textSpans({ text, parts }: Located, borders: Borders, generationPrompt: boolean): TextSpan[] {
  const out = new Spans(text, borders);
  for (const [index, part] of parts.entries()) {
    const before = parts[index - 1] ?? null;
    if (before !== null && before.message === part.message) out.inside(before, part);
    else out.between(before, part);
    out.push(part.end, part);
  }
  out.after(parts.at(-1) ?? null, generationPrompt);
  return out.spans;
}

class Spans {
  readonly spans: TextSpan[] = [];
  readonly #text: string;
  readonly #borders: Borders;
  /** What opened the first call of the message at hand. */
  #opening = "";
  #done = 0;

  constructor(text: string, borders: Borders) {
    this.#text = text;
    this.#borders = borders;
  }

  push(end: number, { message, role, part, call }: Source): void {
    if (end <= this.#done) return;
    const last = this.spans.at(-1);
    if (last !== undefined && last.message === message && last.part === part && last.call === call) {
      this.spans[this.spans.length - 1] = { ...last, end };
    } else {this.spans.push({
        message,
        role,
        part,
        ...(call !== undefined && { call }),
        start: this.#done,
        end,
      });}
    this.#done = end;
  }

  /** Text between two parts of one message. */
  inside(a: Placed, b: Placed): void {
    const gap = this.#text.slice(a.end, b.start);
    if (a.part === "thought" && b.part !== "tool_call") return this.push(b.start, a);
    if (b.part !== "tool_call") return this.push(b.start, b);
    if (a.part === "tool_call") {
      return this.push(b.start - commonEnd(gap, this.#opening), a), this.push(b.start, b);
    }
    const thought = a.part === "thought" ? /^[^]*<\/think>\n*/.exec(gap)?.[0].length ?? 0 : 0;
    this.push(a.end + thought, a);
    this.#opening = gap.slice(thought);
    this.push(b.start, b);
  }

  /** Text between two messages, or before the first. */
  between(a: Placed | null, b: Placed): void {
    if (a === null) this.#preamble(b);
    else this.#turnEnd(a, b);
    if (b.role !== "assistant") return this.push(b.start, { ...roleOf(b), part: "header" });
    const rest = this.#text.slice(this.#done, b.start);
    const { tool, user } = this.#borders.headers;
    const header = headerIn(rest, a?.role === "tool" ? [tool, user] : [user, tool]);
    const from = this.#done;
    this.push(
      from + header.start,
      a === null ? { ...TEMPLATE, part: "other" } : { ...roleOf(a), part: "other" },
    );
    this.push(from + header.end, { ...roleOf(b), part: "header" });
    this.#opening = this.#text.slice(this.#done, b.start);
    const thought = b.part === "thought" || this.#opening.includes("</think>");
    this.push(b.start, thought ? { ...roleOf(b), part: "thought" } : b);
  }

  /** Text after the last part. */
  after(a: Placed | null, generationPrompt: boolean): void {
    if (a !== null) this.#turnEnd(a, null);
    this.push(this.#text.length, { ...TEMPLATE, part: generationPrompt ? "header" : "other" });
  }

  /** Whole turns that the template puts first, such as its own system prompt. */
  #preamble(b: Placed): void {
    const text = this.#text.slice(0, b.start);
    const last = Math.max(
      ...this.#borders.stops.map((stop) => {
        const at = text.lastIndexOf(stop);
        return at < 0 ? 0 : at + stop.length;
      }),
      0,
    );
    this.push(last + spaceAt(text, last), { ...TEMPLATE, part: "other" });
  }

  /** The end of a's turn; a call reaches to it. */
  #turnEnd(a: Placed, b: Placed | null): void {
    const gap = this.#text.slice(a.end, b?.start);
    const stop = stopIn(gap, this.#borders.stops, a.part === "tool_call");
    const call = a.part === "tool_call" || a.part === "thought";
    if (stop === null) {
      if (call && a.role === "assistant") this.push(a.end + this.#openEnd(gap, a, b), a);
      return;
    }
    if (call) this.push(a.end + stop.start, a);
    else if (a.role !== "assistant") this.push(a.end + stop.start, { ...roleOf(a), part: "other" });
    this.push(a.end + stop.end, { ...roleOf(a), part: "end" });
    this.push(a.end + stop.end + spaceAt(gap, stop.end), { ...roleOf(a), part: "other" });
  }

  /** Where a call or thought without an end of turn ends. Too little is trained where that is not known. */
  #openEnd(gap: string, a: Placed, b: Placed | null): number {
    const { closing } = this.#borders;
    const at = a.part === "tool_call" && closing !== "" ? gap.lastIndexOf(closing) : -1;
    if (at >= 0) return at + closing.length;
    return b === null ? gap.length : 0;
  }
}

function roleOf({ message, role }: Source): Pick<Source, "message" | "role"> {
  return { message, role };
}

/** The end of a turn in what follows a part. The last one after a call, whose arguments may hold anything. */
function stopIn(
  gap: string,
  stops: readonly string[],
  last: boolean,
): { readonly start: number; readonly end: number } | null {
  const found = stops
    .map((stop) => ({ at: last ? gap.lastIndexOf(stop) : gap.indexOf(stop), length: stop.length }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => last ? b.at - a.at : a.at - b.at)[0];
  return found === undefined ? null : { start: found.at, end: found.at + found.length };
}

/**
 * The header of an assistant message in what precedes its first part: the generation prompt, or as much of it as stands
 * there up to the end of a line or tag. Where nothing of it stands, all of the text counts as header: too little is
 * trained then, never too much.
 */
function headerIn(
  text: string,
  headers: readonly string[],
): { readonly start: number; readonly end: number } {
  const whole =
    headers.map((header) => ({ at: header === "" ? -1 : text.indexOf(header), length: header.length }))
      .filter(({ at }) => at >= 0).map(({ at, length }) => ({ start: at, end: at + length }))
      .sort((a, b) => b.end - a.end)[0];
  if (whole !== undefined) return whole;
  for (const header of headers) {
    const at = header === "" ? -1 : text.indexOf(header.slice(0, 4));
    if (at < 0) continue;
    let length = 0;
    while (length < header.length && text[at + length] === header[length]) length++;
    const shown = /^[^]*[\n>\]]/.exec(header.slice(0, length))?.[0].length ?? 0;
    if (shown > 0) return { start: at, end: at + shown };
  }
  return { start: 0, end: text.length };
}

function spaceAt(text: string, from: number): number {
  const space = /\s*/y;
  space.lastIndex = from;
  return space.exec(text)?.[0].length ?? 0;
}

/** How many letters two texts have in common at their end. */
export function commonEnd(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a.at(-1 - length) === b.at(-1 - length)) length++;
  return length;
}

/** Whether a model learns to write what a span covers. */
export function isTrained({ role, part }: Pick<Source, "role" | "part">): boolean {
  return role === "assistant" && part !== "header" && part !== "other";
}

/** Spans of tokens. A token that reaches over a border belongs to the side that is not trained. */
export function tokenSpans(spans: readonly TextSpan[], { starts, ends }: TokenOffsets): TokenSpan[] {
  const out: TokenSpan[] = [];
  let owner: TextSpan | null = null;
  let from = 0;
  let first = 0;
  for (let token = 0; token < starts.length; token++) {
    while (first + 1 < spans.length && spans[first]!.end <= starts[token]!) first++;
    const own = ownerOf(spans, first, ends[token]!);
    if (owner !== null && own !== owner) {
      out.push(tokenSpan(owner, from, token));
      from = token;
    }
    owner = own;
  }
  if (owner !== null) out.push(tokenSpan(owner, from, starts.length));
  return out;
}

function ownerOf(spans: readonly TextSpan[], first: number, end: number): TextSpan {
  for (let at = first; at < spans.length && (at === first || spans[at]!.start < end); at++) {
    if (!isTrained(spans[at]!)) return spans[at]!;
  }
  return spans[first]!;
}

function tokenSpan({ message, role, part, call }: TextSpan, start: number, end: number): TokenSpan {
  return { message, role, part, start, end, ...(call !== undefined && { call }) };
}
