/**
 * Sequences that are computed together: of one room and with the same parameters.
 *
 * @module
 */
import type { Feed } from "../../onnx/session.ts";
import type { ModelConfig } from "../config.ts";
import { KeyValueCache } from "./cache.ts";
import type { PromptGroup } from "./prompts.ts";
import type { Ending, Sequence } from "./sequence.ts";
import { TextState } from "./text_state.ts";

/** What the buckets of a model hold, by their names. */
export type Parameters = Readonly<Record<string, Feed>>;

/** Sequences in the order of the rows of their cache. */
export class Lane {
  /** Keys and values of the rows. */
  readonly cache: KeyValueCache;
  /** The sequence of each row. */
  readonly active: Sequence[] = [];
  /** What the rows are computed with. */
  readonly parameters: Parameters;
  readonly #config: ModelConfig;

  constructor(config: ModelConfig, room: number, parameters: Parameters) {
    this.#config = config;
    this.cache = new KeyValueCache(config, room);
    this.parameters = parameters;
  }

  /** Takes sequences in as the last rows: members, then copies. Returns the first of these rows. */
  join({ members, copies }: PromptGroup): number {
    const from = this.active.length;
    for (const { sequence, covered } of members) {
      const row = this.#add(sequence);
      if (covered > 0) sequence.request.state!.restore(this.cache, row, covered, this.#config);
    }
    for (const { sequence } of copies) this.#add(sequence);
    return from;
  }

  /** Moves a row to a lane with more room; the last row takes its place. */
  move(row: number, larger: Lane): void {
    this.cache.copyTo(larger.cache, row);
    larger.active.push(this.active[row]!);
    this.#remove(row);
  }

  /** Ends a sequence; the last row takes its place. */
  end(row: number, ending: Ending): void {
    const sequence = this.active[row]!;
    const { keepState = false } = sequence.request;
    const state = keepState ? TextState.of(this.cache, row, sequence.ids, this.parameters) : null;
    this.#remove(row);
    sequence.end(ending, state);
  }

  #add(sequence: Sequence): number {
    this.active.push(sequence);
    return this.cache.add();
  }

  #remove(row: number): void {
    const last = this.active.pop()!;
    if (row < this.active.length) this.active[row] = last;
    this.cache.remove(row);
  }
}
