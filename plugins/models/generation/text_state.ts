/**
 * What a model computed for a text, kept for a longer one.
 *
 * @module
 */
import type { ModelConfig } from "../config.ts";
import type { KeyValueCache } from "./cache.ts";

/**
 * Keys and values of the tokens of a text. It takes 2 · layers · key-value heads · head size · 4 bytes a token, and holds
 * for the parameters that made it: whoever changes them in place drops it.
 */
export class TextState {
  /** Tokens that it covers. */
  readonly ids: Int32Array;
  /** What made it; nothing else can go on from it. */
  readonly #parameters: unknown;
  readonly #arrays: readonly Float32Array[];

  private constructor(ids: Int32Array, parameters: unknown, arrays: readonly Float32Array[]) {
    this.ids = ids;
    this.#parameters = parameters;
    this.#arrays = arrays;
  }

  /** Copies a row of a cache. @param ids Begin with the tokens of the row. */
  static of(cache: KeyValueCache, row: number, ids: Int32Array, parameters: unknown): TextState {
    return new TextState(ids.slice(0, cache.lengths[row]!), parameters, cache.save(row));
  }

  /** Bytes of keys and values. */
  get bytes(): number {
    return this.#arrays.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** How many of the first tokens of a prompt need not be computed; never the last one, which makes logits. */
  covered(promptIds: Int32Array, parameters: unknown): number {
    if (parameters !== this.#parameters) return 0;
    const most = Math.min(this.ids.length, promptIds.length - 1);
    let count = 0;
    while (count < most && this.ids[count] === promptIds[count]) count++;
    return count;
  }

  /** Fills an empty row with the first tokens. */
  restore(cache: KeyValueCache, row: number, count: number, { keyValueHeads }: ModelConfig): void {
    const parts = this.#arrays.map((array) => {
      const size = array.length / keyValueHeads;
      return Array.from(
        { length: keyValueHeads },
        (_, group) => array.subarray(group * size, (group + 1) * size),
      );
    });
    cache.restore(row, parts, count);
  }
}
