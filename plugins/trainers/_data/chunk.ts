/**
 * Long conversations in parts. Every step is trained in exactly one part; each part begins with the prompt, goes on with
 * the latest steps as context, and holds `maxLength` tokens at most.
 */
import type { ChatMessage } from "../../chat/mod.ts";
import type { EncodedMessages, MessageCodec } from "./codec.ts";
import { type Layout, layoutOf, type StepLayout } from "./layout.ts";
import { cutAt, mark, type MarkedTokens, type MarkOptions } from "./mark.ts";
import type { ConversationRow } from "./rows/row.ts";
import { shortened } from "./shorten.ts";

/** How a conversation is cut. */
export interface ChunkOptions extends MarkOptions {
  /** Most tokens of a part. */
  readonly maxLength: number;
  /** Most steps that are repeated, untrained, before the trained ones. @default 1 */
  readonly overlapSteps?: number | undefined;
  /**
   * Most trained steps of a part; 1 suits a template that renders earlier turns otherwise than the last.
   *
   * @default Infinity
   */
  readonly stepsPerChunk?: number | undefined;
  /** Whether the prompt of a part tells how many steps are left out. @default true */
  readonly omittedNote?: boolean | undefined;
  /**
   * Whether an answer that does not fit is trained all the same: the prompt loses its middle, but keeps half of the room,
   * and the answer loses its end.
   *
   * @default false
   */
  readonly force?: boolean | undefined;
}

/** Parts of a conversation. */
export interface Parts {
  /** In order. */
  readonly parts: readonly MarkedTokens[];
  /** Whether text was left out of a message. */
  readonly shortened: boolean;
}

/** The step that does not fit with the prompt alone. */
export interface TooLong {
  /** Step, from 0; -1 is the prompt. */
  readonly step: number;
  /** Tokens it would take. */
  readonly needed: number;
}

/** Cuts a conversation. @param whole All its messages, rendered together, which measures them. */
export function chunksOf(
  row: ConversationRow,
  whole: EncodedMessages,
  codec: MessageCodec,
  options: ChunkOptions,
): Parts | TooLong {
  const chunker = new Chunker(row, layoutOf(row, whole, options), codec, options);
  const { steps } = chunker.layout;
  const parts: MarkedTokens[] = [];
  let cut = false;
  for (let next = steps.findIndex(({ trained }) => trained); next >= 0;) {
    const made = chunker.fit(next, parts.length === 0);
    if ("needed" in made) return made;
    parts.push(made.tokens);
    cut ||= made.shortened;
    next = steps.findIndex(({ trained }, step) => trained && step >= made.to);
  }
  return parts.length > 0 ? { parts, shortened: cut } : { step: -1, needed: whole.ids.length };
}

/** Steps of a part. */
interface Range {
  /** First step of context. */
  readonly context: number;
  /** First trained step. */
  readonly from: number;
  /** Step after the last trained one. */
  readonly to: number;
  /** Tokens to take out of the replies of the step before `from`. */
  readonly squeeze: number;
  /** Whether the prompt tells how many steps are left out. */
  readonly note: boolean;
}

interface Fitted {
  readonly tokens: MarkedTokens;
  readonly to: number;
  readonly shortened: boolean;
}

const NOTE_SLACK = 2; // tokens that may appear where the note meets the prompt

class Chunker {
  readonly layout: Layout;
  readonly #row: ConversationRow;
  readonly #codec: MessageCodec;
  readonly #options: ChunkOptions;

  constructor(row: ConversationRow, layout: Layout, codec: MessageCodec, options: ChunkOptions) {
    [this.#row, this.layout, this.#codec, this.#options] = [row, layout, codec, options];
  }

  /** The part that begins to train at step `from`: as large as counts allow, then rendered and made to fit. */
  fit(from: number, first: boolean): Fitted | TooLong {
    for (let range = this.#guess(from);;) {
      const messages = this.#render(range);
      const tokens = messages === null ? null : this.#mark(messages, range, first);
      const over = tokens === null ? Infinity : tokens.ids.length - this.#options.maxLength;
      if (tokens !== null && over <= 0) return { tokens, to: range.to, shortened: range.squeeze > 0 };
      const less = this.#smaller(range, over);
      if (less !== null) range = less;
      else if (this.#options.force === true) return this.#forced(range, first, over);
      else return { step: from, needed: this.#options.maxLength + over };
    }
  }

  #guess(from: number): Range {
    const { maxLength, overlapSteps = 1, omittedNote: note = true } = this.#options;
    const { steps, promptTokens } = this.layout;
    let room = maxLength - promptTokens - steps[from]!.answer; // less the note, whose length follows from the context
    let context = from;
    while (context > Math.max(0, from - overlapSteps)) {
      const left = room - costOf(steps[context - 1]!);
      if (left < this.#noteTokens(context - 1)) break;
      room = left;
      context--;
    }
    if (context === from && from > 0 && overlapSteps > 0) {
      const before = steps[from - 1]!;
      const squeeze = costOf(before) + this.#noteTokens(from - 1) - room;
      if (squeeze < before.replies) return { context: from - 1, from, to: from + 1, squeeze, note };
    }
    return { context, from, to: this.#end(from, room - this.#noteTokens(context)), squeeze: 0, note };
  }

  /** The step after the last trained one that fits in as well. */
  #end(from: number, room: number): number {
    const { stepsPerChunk = Infinity, maskObservations = true } = this.#options;
    const { steps } = this.layout;
    let [end, count] = [from + 1, 1];
    if (!maskObservations) room -= steps[from]!.replies;
    for (let step = from + 1; step < steps.length && count < stepsPerChunk; step++) {
      // Replies to the last answer are not needed, unless they are trained themselves.
      room -= steps[step]!.answer + steps[maskObservations ? step - 1 : step]!.replies;
      if (room < 0) break;
      if (!steps[step]!.trained) continue;
      end = step + 1;
      count++;
    }
    return end;
  }

  /** Gives up the last trained step, then the oldest context, the middle of replies, all context, the note. */
  #smaller(range: Range, over: number): Range | null {
    const { context, from, to, squeeze } = range;
    if (to > from + 1) {
      const last = this.layout.steps.findLastIndex(({ trained }, step) => trained && step < to - 1);
      return { ...range, to: last + 1 };
    }
    if (context < from - 1) return { ...range, context: context + 1 };
    if (context < from) {
      return over === Infinity
        ? { ...range, context: from, squeeze: 0 }
        : { ...range, squeeze: squeeze + over };
    }
    return range.note && context > 0 ? { ...range, note: false } : null;
  }

  /** Takes from the prompt what it has beyond half of the room, then from the end of the answer. */
  #forced(range: Range, first: boolean, over: number): Fitted | TooLong {
    const { maxLength } = this.#options;
    const { prompt, promptTokens } = this.layout;
    const remove = Math.min(over + NOTE_SLACK, promptTokens - Math.floor(maxLength / 2));
    const messages = this.#render(range)!; // sound: nothing is squeezed any more
    const less = shortened(messages.slice(0, prompt.length), remove, this.#codec.tokenizer);
    const tokens = cutAt(
      this.#mark([...less.messages, ...messages.slice(prompt.length)], range, first),
      maxLength,
    );
    if (tokens.ids.length === 0) return { step: range.from, needed: maxLength + over };
    return { tokens, to: range.to, shortened: true };
  }

  #mark(messages: readonly ChatMessage[], { context, from, to }: Range, first: boolean): MarkedTokens {
    const encoded = this.#codec.encode(messages, { tools: this.#row.tools });
    const view = { source: this.#sources(context, to), from: first ? -1 : from, to };
    return mark(encoded, view, this.#row, this.#options);
  }

  #sources(context: number, to: number): number[] {
    const { prompt, steps } = this.layout;
    return [...prompt, ...steps.slice(context, to).flatMap(({ messages }) => messages)];
  }

  /** Messages of a part; null when its replies cannot be shortened that far. */
  #render({ context, from, to, squeeze, note }: Range): ChatMessage[] | null {
    const { messages } = this.#row;
    const changed = new Map<number, ChatMessage>();
    if (squeeze > 0) {
      const replies = this.layout.steps[from - 1]!.messages.slice(1);
      const less = shortened(replies.map((at) => messages[at]!), squeeze, this.#codec.tokenizer);
      if (less.left > 0) return null;
      for (const [order, at] of replies.entries()) changed.set(at, less.messages[order]!);
    }
    const asked = this.layout.prompt.at(-1);
    if (context > 0 && asked !== undefined && note) {
      changed.set(asked, { ...messages[asked]!, content: messages[asked]!.content + noteOf(context) });
    }
    return this.#sources(context, to).map((at) => changed.get(at) ?? messages[at]!);
  }

  #noteTokens(omitted: number): number {
    if (omitted === 0 || this.#options.omittedNote === false) return 0;
    return this.#codec.tokenizer.encode(noteOf(omitted)).length + NOTE_SLACK;
  }
}

function costOf({ answer, replies }: StepLayout): number {
  return answer + replies;
}

function noteOf(omitted: number): string {
  return `\n\n[${omitted} earlier ${omitted === 1 ? "step" : "steps"} omitted]`;
}
