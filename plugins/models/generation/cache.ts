/**
 * Keys and values of the tokens that sequences have so far, in memory: one array a layer and side, rows packed from the
 * first, so that a part of the rows is a part of the array.
 *
 * @module
 */
import type { Feed } from "../../onnx/session.ts";
import type { ModelConfig } from "../config.ts";
import { MASKED } from "../decoder.ts";
import { cacheNames } from "./decoding_graph.ts";

/** Rows of a cache, each with its own length and room for the same number of tokens. */
export class KeyValueCache {
  /** Tokens that a row has room for. */
  readonly room: number;
  /** Tokens in each row. */
  readonly lengths: number[] = [];
  readonly #config: ModelConfig;
  readonly #rowSize: number;
  #arrays: Float32Array[];

  constructor(config: ModelConfig, room: number) {
    this.#config = config;
    this.room = room;
    this.#rowSize = config.keyValueHeads * room * config.headDimension;
    this.#arrays = Array.from({ length: 2 * config.layers }, () => new Float32Array(this.#rowSize));
  }

  /** Bytes of the arrays. */
  get bytes(): number {
    return this.#arrays.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** Adds an empty row at the end; returns its index. */
  add(): number {
    this.lengths.push(0);
    const wanted = this.lengths.length * this.#rowSize;
    if (wanted > this.#arrays[0]!.length) {
      this.#arrays = this.#arrays.map((array) => {
        const larger = new Float32Array(Math.max(wanted, 2 * array.length));
        larger.set(array);
        return larger;
      });
    }
    return this.lengths.length - 1;
  }

  /** Removes a row; the last row takes its place. */
  remove(row: number): void {
    const last = this.lengths.length - 1;
    const size = this.#rowSize;
    if (row !== last) {
      for (const array of this.#arrays) array.copyWithin(row * size, last * size, (last + 1) * size);
      this.lengths[row] = this.lengths[last]!;
    }
    this.lengths.pop();
  }

  /** Copies a row to the end of a cache with more room. */
  copyTo(other: KeyValueCache, row: number): void {
    const target = other.add();
    const { keyValueHeads: groups, headDimension: D } = this.#config;
    const filled = this.lengths[row]! * D;
    for (const [at, array] of this.#arrays.entries()) {
      for (let group = 0; group < groups; group++) {
        const start = (row * groups + group) * this.room * D;
        other.#arrays[at]!.set(
          array.subarray(start, start + filled),
          (target * groups + group) * other.room * D,
        );
      }
    }
    other.lengths[target] = this.lengths[row]!;
  }

  /** Inputs of the graph for rows `from` to the end. */
  feeds(from: number): Record<string, Feed> {
    const { keyValueHeads, headDimension, layers } = this.#config;
    const rows = this.lengths.length - from;
    const shape = [rows, keyValueHeads, this.room, headDimension];
    const [start, end] = [from * this.#rowSize, this.lengths.length * this.#rowSize];
    const feeds: Record<string, Feed> = { cached: { data: this.#mask(from), shape: [rows, this.room] } };
    for (let layer = 0; layer < layers; layer++) {
      for (const [side, name] of cacheNames(layer).entries()) {
        feeds[name] = { data: this.#arrays[2 * layer + side]!.subarray(start, end), shape };
      }
    }
    return feeds;
  }

  /**
   * Writes the keys and values of new tokens behind those of rows `from` to the end; there must be room.
   *
   * @param made For each layer's keys and values, in order, the array [rows, groups, T, D].
   * @param counts How many of the T tokens are real, for each row.
   */
  extend(from: number, made: readonly Float32Array[], counts: readonly number[]): void {
    const { keyValueHeads: groups, headDimension: D } = this.#config;
    const T = made[0]!.length / (counts.length * groups * D);
    for (const [at, array] of made.entries()) {
      const target = this.#arrays[at]!;
      for (const [row, count] of counts.entries()) {
        for (let group = 0; group < groups; group++) {
          const source = (row * groups + group) * T * D;
          const place = (((from + row) * groups + group) * this.room + this.lengths[from + row]!) * D;
          target.set(array.subarray(source, source + count * D), place);
        }
      }
    }
    for (const [row, count] of counts.entries()) this.lengths[from + row]! += count;
  }

  #mask(from: number): Float32Array {
    const rows = this.lengths.slice(from);
    const mask = new Float32Array(rows.length * this.room).fill(MASKED);
    for (const [row, length] of rows.entries()) mask.fill(0, row * this.room, row * this.room + length);
    return mask;
  }
}
