/**
 * Generation for many at once: requests join and leave the batch between two tokens, all on one session.
 *
 * What a request gets depends on its prompt, its seed and its own state alone, to the last bit, never on who else is in
 * the batch: masked room of a cache, which is summed in blocks, changes no sum; prompts share a run only when their own
 * numbers of new tokens call for the same one; and a row of a matrix product is the same however many rows there are. The
 * last holds on the CPU for weights in files and for adapters of a rank up to 16; with several threads the runtime may divide
 * other matrices that are fed, and so round, by the number of rows.
 *
 * A run reads all weights, so few runs are better than many; but all rows of a run have the room that the longest one
 * needs. Sequences therefore share a batch, a lane, with those of their class of lengths: the first is for all short ones,
 * each further one for lengths up to twice as long.
 *
 * @module
 */
import { GymError } from "../../../core/errors.ts";
import type { Provider } from "../../onnx/session.ts";
import type { TrainedModel } from "../training_graph.ts";
import { CACHE_BLOCK } from "./decoding_graph.ts";
import { DecodingSession } from "./decoding_session.ts";
import { Lane, type Parameters } from "./lane.ts";
import { type PromptGroup, promptGroups } from "./prompts.ts";
import type { GenerateRequest, Generation } from "./requests.ts";
import { type NextToken, Sequence } from "./sequence.ts";

export type { GenerateRequest, Generation } from "./requests.ts";

/** How a generator is made. */
export interface GeneratorOptions {
  /** @default "cpu" */
  readonly provider?: Provider;
  /** Most sequences in a batch; further requests wait. @default 16 */
  readonly maxBatch?: number;
  /** Tokens of a prompt that are computed at once. @default 512 */
  readonly promptChunk?: number;
  /** Longest sequence, prompt included. @default the model's context */
  readonly maxLength?: number;
  readonly threads?: number;
  readonly prepack?: boolean;
}

/**
 * Tokens that a full first lane has room for. On one thread of a CPU one more run cost as much as masked room of about 3,000
 * tokens for a model of 4 million weights, of about 12,000 for one of 135 million.
 */
const FIRST_LANE_ROOM = 8192;

/** A model that goes on with texts. */
export class Generator implements AsyncDisposable {
  /** Longest sequence, prompt included. */
  readonly maxLength: number;
  /** What it runs. */
  readonly model: TrainedModel;
  readonly #session: DecodingSession;
  readonly #maxBatch: number;
  readonly #promptChunk: number;
  /** By name; null for the generator's own. */
  readonly #parameters = new Map<string | null, Parameters>();
  readonly #waiting: Sequence[] = [];
  /** By parameters and longest sequence. */
  readonly #lanes = new Map<Parameters, Map<number, Lane>>();
  #working: Promise<void> | null = null;

  private constructor(
    model: TrainedModel,
    session: DecodingSession,
    parameters: Parameters,
    { maxBatch = 16, promptChunk = 512, maxLength = model.config.contextLength }: GeneratorOptions,
  ) {
    this.model = model;
    this.#session = session;
    this.#parameters.set(null, parameters);
    this.#maxBatch = maxBatch;
    this.#promptChunk = Math.min(promptChunk, maxLength); // rotary tables end at the longest sequence
    this.maxLength = maxLength;
  }

  /**
   * Loads the decoding graph.
   *
   * @param parameters A feed for each bucket of the model.
   */
  static async create(
    model: TrainedModel,
    parameters: Parameters,
    options: GeneratorOptions = {},
  ): Promise<Generator> {
    const { provider = "cpu", threads, prepack = true, maxLength = model.config.contextLength } = options;
    const session = await DecodingSession.create(model, maxLength, {
      provider,
      prepack,
      ...(threads === undefined ? {} : { threads }),
    });
    return new Generator(model, session, parameters, options);
  }

  /**
   * Other parameters from now on, for example after an update.
   *
   * @throws {TypeError} While something waits or is being generated.
   */
  setParameters(parameters: Parameters): void {
    const open = this.#waiting.length + this.#active.length;
    if (open > 0) {
      throw new TypeError(
        `Cannot change parameters: wanted an idle generator: received one with ${open} requests`,
      );
    }
    this.#parameters.set(null, parameters);
  }

  /** Names of adapters that requests may use. */
  get adapters(): readonly string[] {
    return [...this.#parameters.keys()].filter((name) => name !== null);
  }

  /**
   * Adds an adapter, or changes it: its feed for each bucket of the model.
   *
   * @throws {TypeError} For other feeds, or while requests that use the adapter wait or run.
   */
  setAdapter(name: string, parameters: Parameters): void {
    this.#checkUnused(name);
    for (const { name: bucket, size } of this.model.buckets) {
      const received = parameters[bucket]?.data.length ?? 0;
      if (received === size) continue;
      throw new TypeError(
        `Cannot set adapter "${name}": wanted ${size} numbers for "${bucket}": received ${received}`,
      );
    }
    this.#parameters.set(name, parameters);
  }

  /** Forgets an adapter. @throws {TypeError} While requests that use it wait or run. */
  removeAdapter(name: string): void {
    this.#checkUnused(name);
    this.#parameters.delete(name);
  }

  /**
   * Goes on with a text. Requests that come while others run join them.
   *
   * @throws {RangeError} For an empty prompt, no new tokens, an id outside the vocabulary, or an unknown adapter.
   * @throws {GymError} `LIMIT_EXCEEDED` for a prompt that fills the context.
   */
  async generate(request: GenerateRequest): Promise<Generation> {
    this.#check(request);
    const sequence = new Sequence(request);
    this.#waiting.push(sequence);
    this.#working ??= this.#work();
    return await sequence.result;
  }

  /** Waits for what runs, then frees the session. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#working;
    await this.#session[Symbol.asyncDispose]();
  }

  get #allLanes(): readonly Lane[] {
    return [...this.#lanes.values()].flatMap((lanes) => [...lanes.values()]);
  }

  get #active(): readonly Sequence[] {
    return this.#allLanes.flatMap(({ active }) => active);
  }

  async #work(): Promise<void> {
    await Promise.resolve(); // requests made in one go start together
    try {
      while (this.#waiting.length + this.#active.length > 0) {
        await this.#admit();
        for (const lane of this.#allLanes) await this.#step(lane);
      }
    } catch (thrown) {
      for (const sequence of [...this.#active, ...this.#waiting.splice(0)]) sequence.end({ thrown }, null);
    } finally {
      this.#lanes.clear();
      this.#working = null;
    }
  }

  /** The lane of sequences of a length. */
  #lane(parameters: Parameters, length: number): Lane {
    let longest = Math.max(CACHE_BLOCK, 2 ** Math.floor(Math.log2(FIRST_LANE_ROOM / this.#maxBatch)));
    while (longest < length) longest *= 2;
    const lanes = this.#lanes.get(parameters) ?? new Map<number, Lane>();
    this.#lanes.set(parameters, lanes);
    const lane = lanes.get(longest) ?? new Lane(this.model.config, longest, parameters);
    lanes.set(longest, lane);
    return lane;
  }

  /** Takes waiting requests into their lanes: prompts of a lane are computed together, then each draws a token. */
  async #admit(): Promise<void> {
    this.#dropAborted();
    const joining = this.#waiting.splice(0, this.#maxBatch - this.#active.length);
    const lanes = Map.groupBy(
      joining,
      ({ request: { promptIds, adapter = null } }) =>
        this.#lane(this.#parameters.get(adapter)!, promptIds.length),
    );
    // All at once, so that a failure in the first lane is told to those of the others as well.
    const joined = [...lanes].map(([lane, sequences]) => {
      const groups = promptGroups(sequences, lane.parameters, this.#promptChunk);
      return { lane, groups: groups.map((group) => ({ group, from: lane.join(group) })) };
    });
    for (const { lane, groups } of joined) {
      const next: NextToken[] = [];
      for (const { group, from } of groups) next.push(...await this.#prompt(lane, from, group));
      this.#draw(lane, groups[0]!.from, next);
    }
  }

  /** Ends what was aborted before its turn came. */
  #dropAborted(): void {
    const kept = this.#waiting.splice(0).filter((sequence) => {
      if (sequence.aborted) sequence.end("aborted", null);
      return !sequence.aborted;
    });
    this.#waiting.push(...kept);
  }

  /** Computes the prompts of rows from `from` on. */
  async #prompt(
    lane: Lane,
    from: number,
    { members, copies, chunks, fresh }: PromptGroup,
  ): Promise<readonly NextToken[]> {
    const prompts = members.map(({ sequence, covered }) => sequence.request.promptIds.subarray(covered));
    let [start, next]: [number, readonly NextToken[]] = [0, []];
    for (const T of chunks) {
      const parts = prompts.map((prompt) => prompt.subarray(start, start + T));
      next = await this.#session.run(lane, from, parts, T, fresh && start === 0);
      start += T;
    }
    for (const [at, { of }] of copies.entries()) lane.cache.copyRow(from + of, from + members.length + at);
    return [...next, ...copies.map(({ of }) => next[of]!)];
  }

  /** One more token for every sequence of a lane; those that outgrow it move to a longer one first. */
  async #step(lane: Lane): Promise<void> {
    for (let row = lane.active.length - 1; row >= 0; row--) {
      const { length } = lane.active[row]!;
      if (length > lane.longest) lane.move(row, this.#lane(lane.parameters, length));
    }
    lane.fit();
    if (lane.active.length === 0) return;
    const parts = lane.active.map(({ last }) => Int32Array.of(last));
    this.#draw(lane, 0, await this.#session.run(lane, 0, parts, 1, false));
  }

  /** Draws a token for each row from `from` on; rows that end leave the lane. */
  #draw(lane: Lane, from: number, next: readonly NextToken[]): void {
    const endings = next.map((each, at) => lane.active[from + at]!.advance(each, this.maxLength));
    // From the last row on, so that the row that takes a free place has been looked at already.
    for (const [at, ending] of [...endings.entries()].reverse()) {
      if (ending !== null) lane.end(from + at, ending);
    }
  }

  #checkUnused(adapter: string): void {
    const open = [...this.#waiting, ...this.#active].filter(({ request }) => request.adapter === adapter);
    if (open.length === 0) return;
    throw new TypeError(
      `Cannot change adapter "${adapter}": wanted no requests that use it: received ${open.length}`,
    );
  }

  #check({ promptIds, maxNewTokens, adapter = null }: GenerateRequest): void {
    const { vocabularySize } = this.model.config;
    if (promptIds.length === 0 || !(maxNewTokens >= 1)) {
      throw new RangeError(
        `Cannot generate: wanted a prompt and at least one new token: received ${promptIds.length} and ${maxNewTokens}`,
      );
    }
    const odd = promptIds.find((id) => id < 0 || id >= vocabularySize);
    if (odd !== undefined) {
      throw new RangeError(`Cannot generate: wanted ids from 0 to ${vocabularySize - 1}: received ${odd}`);
    }
    if (!this.#parameters.has(adapter)) {
      const known = this.adapters.map((name) => `"${name}"`).join(", ");
      throw new RangeError(
        `Cannot generate: wanted no adapter${
          known === "" ? "" : ` or one of ${known}`
        }: received "${adapter}"`,
      );
    }
    if (promptIds.length >= this.maxLength) {
      throw new GymError(
        "LIMIT_EXCEEDED",
        `Cannot generate: wanted a prompt of fewer than ${this.maxLength} tokens: received ${promptIds.length}`,
        { limit: this.maxLength, received: promptIds.length },
      );
    }
  }
}
