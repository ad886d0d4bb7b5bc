/**
 * Runs the decoding graph on rows of a lane.
 *
 * @module
 */
import { floats, Session, type SessionOptions } from "../../onnx/session.ts";
import type { TrainedModel } from "../training_graph.ts";
import { cacheNames, decodingGraph } from "./decoding_graph.ts";
import type { Lane } from "./lane.ts";
import type { NextToken } from "./sequence.ts";

/** A loaded decoding graph. */
export class DecodingSession implements AsyncDisposable {
  readonly #model: TrainedModel;
  readonly #maxLength: number;
  readonly #session: Session;
  /**
   * Fewest rows of a matrix product. With a matrix that is an input, and so is not laid out beforehand, the runtime
   * multiplies a single row by other means, which round differently.
   */
  readonly #leastRows: number;

  private constructor(model: TrainedModel, maxLength: number, session: Session) {
    this.#model = model;
    this.#maxLength = maxLength;
    this.#session = session;
    this.#leastRows = model.buckets.length === 0 ? 1 : 2;
  }

  /** Loads the graph. @param maxLength Longest sequence in tokens. */
  static async create(
    model: TrainedModel,
    maxLength: number,
    options: SessionOptions,
  ): Promise<DecodingSession> {
    const session = await Session.create(decodingGraph(model, maxLength), options);
    return new DecodingSession(model, maxLength, session);
  }

  /**
   * Computes new tokens of rows from `from` on, at least one each.
   *
   * @param fresh Whether these rows have no tokens so far.
   * @returns What comes after the last new token of each row.
   */
  async run(
    { cache, parameters }: Lane,
    from: number,
    parts: readonly Int32Array[],
    T: number,
    fresh: boolean,
  ): Promise<readonly NextToken[]> {
    const B = parts.length;
    const tokenRows = T === 1 ? Math.max(B, this.#leastRows) : B; // rows behind the last are computed for nothing
    const rows = BigInt64Array.from(
      { length: Math.max(B, this.#leastRows) },
      (_, row) => BigInt(Math.min(row, B - 1) * T + parts[Math.min(row, B - 1)]!.length - 1),
    );
    const ids = new BigInt64Array(tokenRows * T);
    const positions = new BigInt64Array(tokenRows * T);
    for (const [row, part] of parts.entries()) {
      const done = cache.lengths[from + row]!;
      for (let t = 0; t < T; t++) {
        ids[row * T + t] = BigInt(part[t] ?? 0);
        positions[row * T + t] = BigInt(Math.min(done + t, this.#maxLength - 1));
      }
    }
    const shape = [tokenRows, T];
    const outputs = await this.#session.run({
      ...parameters,
      ...(fresh ? cache.emptyFeeds(tokenRows) : cache.feeds(from, from + tokenRows)),
      ids: { data: ids, shape },
      positions: { data: positions, shape },
      rows: { data: rows, shape: [rows.length] },
    });
    const { layers, vocabularySize } = this.#model.config;
    const made = Array.from({ length: layers }, (_, layer) => cacheNames(layer)).flat()
      .map((name) => floats(outputs[`new.${name}`]))
      .map((values) => values.subarray(0, values.length / tokenRows * B));
    cache.extend(from, made, parts.map(({ length }) => length));
    const rowOf = (name: string, row: number) =>
      floats(outputs[name]).subarray(row * vocabularySize, (row + 1) * vocabularySize);
    return parts.map((_, row) => ({ logits: rowOf("logits", row), weights: rowOf("weights", row) }));
  }

  /** Frees the session. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}
