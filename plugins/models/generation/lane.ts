/**
 * Sequences that are computed together: of one class of lengths and with the same parameters.
 *
 * @module
 */
import type { Feed } from "../../onnx/session.ts";
import type { ModelConfig } from "../config.ts";
import { KeyValueCache } from "./cache.ts";
import { CACHE_BLOCK } from "./decoding_graph.ts";
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
  /** Tokens of the longest sequence that it takes. */
  readonly longest: number;
  /** What the rows are computed with. */
  readonly parameters: Parameters;
  readonly #config: ModelConfig;

  constructor(config: ModelConfig, longest: number, parameters: Parameters) {
    this.#config = config;
    this.longest = longest;
    this.cache = new KeyValueCache(config, CACHE_BLOCK);
    this.parameters = parameters;
  }

  /** Takes sequences in as the last rows: members, then copies. Returns the first of these rows. */
  join({ members, copies }: PromptGroup): number {
    const from = this.active.length;
    this.active.push(...[...members, ...copies].map(({ sequence }) => sequence));
    this.fit();
    for (const { sequence, covered } of members) {
      const row = this.cache.add();
      if (covered > 0) sequence.request.state!.restore(this.cache, row, covered, this.#config);
    }
    for (const _ of copies) this.cache.add();
    return from;
  }

  /** Moves a row to a lane of longer sequences; the last row takes its place. */
  move(row: number, longer: Lane): void {
    longer.active.push(this.active[row]!);
    longer.fit();
    this.cache.copyTo(longer.cache, row);
    this.#remove(row);
  }

  /** Makes room for the longest sequence that is there, and for no more blocks than it needs. */
  fit(): void {
    const tokens = Math.max(1, ...this.active.map(({ length }) => length));
    this.cache.resize(Math.ceil(tokens / CACHE_BLOCK) * CACHE_BLOCK);
  }

  /** Ends a sequence; the last row takes its place. */
  end(row: number, ending: Ending): void {
    const sequence = this.active[row]!;
    const { keepState = false } = sequence.request;
    const state = keepState ? TextState.of(this.cache, row, sequence.ids, this.parameters) : null;
    this.#remove(row);
    sequence.end(ending, state);
  }

  #remove(row: number): void {
    const last = this.active.pop()!;
    if (row < this.active.length) this.active[row] = last;
    this.cache.remove(row);
  }
}
