/**
 * Text of ids as they come, one by one.
 *
 * @module
 */
import type { Tokenizer } from "../../chat/mod.ts";

/** Most ids that wait for the rest of a character; more are no UTF-8. */
const LONGEST_WAIT = 8;

/**
 * Ids → pieces of text that make up the decoded whole.
 *
 * A character of several tokens comes when it is complete. Each piece is what an id adds to the text of the one before,
 * because tokenizers write the first id of a text in another way than those after it.
 */
export class TextStream {
  readonly #tokenizer: Pick<Tokenizer, "decode">;
  /** Ids whose text was given, the last ones alone, for what they lend to those after them. */
  #before: number[] = [];
  #waiting: number[] = [];

  /** Begins a text. */
  constructor(tokenizer: Pick<Tokenizer, "decode">) {
    this.#tokenizer = tokenizer;
  }

  /** Text that this id makes complete; empty when a character still lacks bytes. */
  push(id: number): string {
    this.#waiting.push(id);
    const text = this.#added();
    return text.endsWith("\ufffd") && this.#waiting.length < LONGEST_WAIT ? "" : this.#given(text);
  }

  /** What is left at the end. */
  end(): string {
    return this.#waiting.length === 0 ? "" : this.#given(this.#added());
  }

  #added(): string {
    const before = this.#text(this.#before);
    return this.#text([...this.#before, ...this.#waiting]).slice(before.length);
  }

  #given(text: string): string {
    this.#before = this.#waiting;
    this.#waiting = [];
    return text;
  }

  #text(ids: readonly number[]): string {
    return this.#tokenizer.decode(ids, { skipSpecial: true });
  }
}
