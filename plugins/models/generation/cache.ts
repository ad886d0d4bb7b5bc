/**
 * Keys and values of the tokens that sequences have so far, in memory: one array a layer and side, rows packed from the
 * first, so that a part of the rows is a part of the array.
 *
 * @module
 */
import type { Feed } from "../../onnx/session.ts";
import type { ModelConfig } from "../config.ts";
import { MASKED } from "../decoder.ts";
import { CACHE_BLOCK, cacheNames } from "./decoding_graph.ts";

/** Rows of a cache, each with its own length and room for the same number of tokens. */
export class KeyValueCache {
  /** Tokens in each row. */
  readonly lengths: number[] = [];
  readonly #config: ModelConfig;
  readonly #names: readonly string[];
  readonly #arrays: Float32Array[];
  #room: number;
  /** 0 where a row has a token and far below 0 elsewhere. */
  #mask: Float32Array;

  constructor(config: ModelConfig, room: number) {
    this.#config = config;
    this.#room = room;
    this.#names = Array.from({ length: config.layers }, (_, layer) => cacheNames(layer)).flat();
    this.#arrays = this.#names.map(() => new Float32Array(this.#rowSize));
    this.#mask = new Float32Array(room);
  }

  /** Tokens that a row has room for; whole blocks. */
  get room(): number {
    return this.#room;
  }

  /** Gives every row room for another number of tokens, whole blocks that hold what it has. */
  resize(room: number): void {
    if (room === this.#room) return;
    const { keyValueHeads: groups, headDimension: D } = this.#config;
    const rows = Math.max(1, this.lengths.length);
    // One array at a time, so that few are there twice.
    for (const [at, array] of this.#arrays.entries()) {
      const resized = new Float32Array(rows * groups * room * D);
      for (let part = 0; part < this.lengths.length * groups; part++) {
        const start = part * this.#room * D;
        const filled = this.lengths[Math.floor(part / groups)]! * D;
        resized.set(array.subarray(start, start + filled), part * room * D);
      }
      this.#arrays[at] = resized;
    }
    this.#room = room;
    this.#mask = new Float32Array(rows * room).fill(MASKED);
    for (const [row, length] of this.lengths.entries()) this.#mask.fill(0, row * room, row * room + length);
  }

  /** Bytes of keys and values. */
  get bytes(): number {
    return this.#arrays.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** Adds an empty row at the end; returns its index. */
  add(): number {
    const row = this.lengths.length;
    this.lengths.push(0);
    this.#reserve(row + 1);
    this.#mask.fill(MASKED, row * this.room, (row + 1) * this.room);
    return row;
  }

  /** Removes a row; the last row takes its place. */
  remove(row: number): void {
    const last = this.lengths.length - 1;
    if (row !== last) this.#overwrite(row, last);
    this.lengths.pop();
  }

  /** Makes a row equal to another. */
  copyRow(from: number, to: number): void {
    this.#overwrite(to, from);
  }

  /** Copies a row to the end of a cache with room for it. */
  copyTo(other: KeyValueCache, row: number): void {
    other.restore(other.add(), this.#parts(row), this.lengths[row]!);
  }

  /** A copy of a row: for each layer's keys and values, in order, the array [groups, length, D]. */
  save(row: number): readonly Float32Array[] {
    const length = this.lengths[row]!;
    const { keyValueHeads: groups, headDimension: D } = this.#config;
    const saved = this.#names.map(() => new Float32Array(groups * length * D));
    for (const [at, parts] of this.#parts(row).entries()) {
      for (const [group, part] of parts.entries()) saved[at]!.set(part, group * length * D);
    }
    return saved;
  }

  /**
   * Fills an empty row.
   *
   * @param kept For each layer's keys and values, in order, those of each group.
   * @param count Tokens to take of them, from the first.
   */
  restore(row: number, kept: readonly (readonly Float32Array[])[], count: number): void {
    const { keyValueHeads: groups, headDimension: D } = this.#config;
    for (const [at, parts] of kept.entries()) {
      for (const [group, part] of parts.entries()) {
        this.#arrays[at]!.set(part.subarray(0, count * D), (row * groups + group) * this.room * D);
      }
    }
    this.#mask.fill(0, row * this.room, row * this.room + count);
    this.lengths[row] = count;
  }

  /** Inputs of the graph for the rows from one to before another, which may lie behind the last: such rows hold anything. */
  feeds(from: number, to: number): Record<string, Feed> {
    this.#reserve(to);
    const { keyValueHeads, headDimension } = this.#config;
    const blocks = this.room / CACHE_BLOCK;
    const shape = [to - from, keyValueHeads, blocks, CACHE_BLOCK, headDimension];
    const [start, end] = [from * this.#rowSize, to * this.#rowSize];
    const mask = this.#mask.subarray(from * this.room, to * this.room);
    const feeds: Record<string, Feed> = { cached: { data: mask, shape: [to - from, blocks, CACHE_BLOCK] } };
    for (const [at, name] of this.#names.entries()) {
      feeds[name] = { data: this.#arrays[at]!.subarray(start, end), shape };
    }
    return feeds;
  }

  /** Inputs of the graph for rows without tokens: one block that nobody sees, so that little is computed for their room. */
  emptyFeeds(rows: number): Record<string, Feed> {
    const { keyValueHeads, headDimension } = this.#config;
    const data = new Float32Array(rows * keyValueHeads * CACHE_BLOCK * headDimension);
    const mask = new Float32Array(rows * CACHE_BLOCK).fill(MASKED);
    const cached = { data: mask, shape: [rows, 1, CACHE_BLOCK] };
    const side = { data, shape: [rows, keyValueHeads, 1, CACHE_BLOCK, headDimension] };
    return { cached, ...Object.fromEntries(this.#names.map((name) => [name, side])) };
  }

  /**
   * Writes the keys and values of new tokens behind those of some rows; there must be room.
   *
   * @param from The first of the rows.
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
          // A loop, because a step copies many short pieces.
          for (let i = 0; i < count * D; i++) target[place + i] = array[source + i]!;
        }
      }
    }
    for (const [at, count] of counts.entries()) {
      const end = (from + at) * this.room + this.lengths[from + at]!;
      this.#mask.fill(0, end, end + count);
      this.lengths[from + at]! += count;
    }
  }

  #reserve(rows: number): void {
    while (rows * this.room > this.#mask.length) {
      for (const [at, array] of this.#arrays.entries()) this.#arrays[at] = doubled(array);
      this.#mask = doubled(this.#mask);
    }
  }

  get #rowSize(): number {
    return this.#config.keyValueHeads * this.#room * this.#config.headDimension;
  }

  #overwrite(row: number, source: number): void {
    const size = this.#rowSize;
    for (const array of this.#arrays) array.copyWithin(row * size, source * size, (source + 1) * size);
    this.#mask.copyWithin(row * this.room, source * this.room, (source + 1) * this.room);
    this.lengths[row] = this.lengths[source]!;
  }

  /** Tokens of a row, for each layer's keys and values those of each group. */
  #parts(row: number): readonly (readonly Float32Array[])[] {
    const { keyValueHeads: groups, headDimension: D } = this.#config;
    const filled = this.lengths[row]! * D;
    return this.#arrays.map((array) =>
      Array.from({ length: groups }, (_, group) => {
        const start = (row * groups + group) * this.room * D;
        return array.subarray(start, start + filled);
      })
    );
  }
}

function doubled(array: Float32Array): Float32Array {
  const larger = new Float32Array(2 * array.length);
  larger.set(array);
  return larger;
}
