/**
 * Generation for many at once: requests join and leave the batch between two tokens, all on one session.
 *
 * What a request gets depends on its prompt and its seed alone, to the last bit, never on who else is in the batch. Sums
 * over masked room round differently when the room differs, so sequences share a batch, a lane, only with those of
 * the same room, which follows from their own length; a row of a matrix product is the same however many rows there are.
 *
 * @module
 */
import { GymError } from "../../../core/errors.ts";
import { type Prng, seeded } from "../../../core/prng.ts";
import { type Feed, floats, type Provider, Session } from "../../onnx/session.ts";
import type { TrainedModel } from "../training_graph.ts";
import { KeyValueCache } from "./cache.ts";
import { cacheNames, decodingGraph } from "./decoding_graph.ts";
import { type Sampled, sampleToken, type Sampling } from "./sampling.ts";

/** One text to go on with. */
export interface GenerateRequest {
  /** At least one id. */
  readonly promptIds: Int32Array;
  /** At least 1. */
  readonly maxNewTokens: number;
  /** @default temperature 1, nothing narrowed */
  readonly sampling?: Sampling;
  /** Decides every draw. */
  readonly seed: number | bigint;
  /** Ids that end the text; the one that did is part of the result. */
  readonly stopIds?: readonly number[];
  /** Called with each new id; the text ends when it returns true, for example at a stop string. */
  readonly onToken?: (id: number) => boolean | void;
  /** Ends the text when aborted. */
  readonly signal?: AbortSignal;
}

/** What was generated. */
export interface Generation {
  /** New ids alone. */
  readonly ids: Int32Array;
  /** Log-probability of each under the model itself. */
  readonly logProbabilities: Float32Array;
  /** Log-probability of each under the distribution that it was drawn from; the model's own when decoding is greedy. */
  readonly drawnLogProbabilities: Float32Array;
  /** Why it ended: a stop id, the caller, the limit of tokens or of the context, or the signal. */
  readonly reason: "stop" | "caller" | "length" | "aborted";
}

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

/** Room of the smallest lane, in tokens; each further one has twice as much. */
const LEAST_ROOM = 64;

/** Sequences of one room, in the order of the rows of their cache. */
interface Lane {
  readonly cache: KeyValueCache;
  readonly active: Sequence[];
}

interface Sequence {
  readonly request: GenerateRequest;
  readonly prng: Prng;
  readonly ids: number[];
  readonly logProbabilities: number[];
  readonly drawnLogProbabilities: number[];
  readonly settle: (result: Generation) => void;
  readonly fail: (thrown: unknown) => void;
}

/** Why a sequence ends: as its result says, or with what its own callback threw. */
type Ending = Generation["reason"] | { readonly thrown: unknown };

/** A model that goes on with texts. */
export class Generator implements AsyncDisposable {
  /** Longest sequence, prompt included. */
  readonly maxLength: number;
  readonly #model: TrainedModel;
  readonly #session: Session;
  readonly #maxBatch: number;
  readonly #promptChunk: number;
  #parameters: Readonly<Record<string, Feed>>;
  readonly #waiting: Sequence[] = [];
  readonly #lanes = new Map<number, Lane>();
  #working: Promise<void> | null = null;

  private constructor(
    model: TrainedModel,
    session: Session,
    parameters: Readonly<Record<string, Feed>>,
    { maxBatch = 16, promptChunk = 512, maxLength = model.config.contextLength }: GeneratorOptions,
  ) {
    this.#model = model;
    this.#session = session;
    this.#parameters = parameters;
    this.#maxBatch = maxBatch;
    this.#promptChunk = promptChunk;
    this.maxLength = maxLength;
  }

  /**
   * Loads the decoding graph.
   *
   * @param parameters A feed for each bucket of the model.
   */
  static async create(
    model: TrainedModel,
    parameters: Readonly<Record<string, Feed>>,
    options: GeneratorOptions = {},
  ): Promise<Generator> {
    const { provider = "cpu", threads, prepack = true, maxLength = model.config.contextLength } = options;
    const session = await Session.create(decodingGraph(model, maxLength), {
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
  setParameters(parameters: Readonly<Record<string, Feed>>): void {
    const open = this.#waiting.length + this.#count;
    if (open > 0) {
      throw new TypeError(
        `Cannot change parameters: wanted an idle generator: received one with ${open} requests`,
      );
    }
    this.#parameters = parameters;
  }

  /**
   * Goes on with a text. Requests that come while others run join them.
   *
   * @throws {RangeError} For an empty prompt, no new tokens, or an id outside the vocabulary.
   * @throws {GymError} `LIMIT_EXCEEDED` for a prompt that fills the context.
   */
  async generate(request: GenerateRequest): Promise<Generation> {
    this.#check(request);
    return await new Promise((settle, fail) => {
      const prng = seeded(request.seed);
      this.#waiting.push({
        request,
        prng,
        ids: [],
        logProbabilities: [],
        drawnLogProbabilities: [],
        settle,
        fail,
      });
      this.#working ??= this.#work();
    });
  }

  /** Waits for what runs, then frees the session. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#working;
    await this.#session[Symbol.asyncDispose]();
  }

  /** Sequences in all lanes. */
  get #count(): number {
    return this.#lanes.values().reduce((sum, { active }) => sum + active.length, 0);
  }

  async #work(): Promise<void> {
    await Promise.resolve(); // requests made in one go start together
    try {
      while (this.#waiting.length + this.#count > 0) {
        await this.#admit();
        for (const lane of [...this.#lanes.values()]) if (lane.active.length > 0) await this.#step(lane);
      }
    } catch (thrown) {
      const active = [...this.#lanes.values()].flatMap((lane) => lane.active);
      for (const sequence of [...active, ...this.#waiting.splice(0)]) sequence.fail(thrown);
    } finally {
      this.#lanes.clear();
      this.#working = null;
    }
  }

  /** The lane of sequences of a length. */
  #lane(length: number): Lane {
    let room = LEAST_ROOM;
    while (room < length) room *= 2;
    const known = this.#lanes.get(room);
    if (known !== undefined) return known;
    const lane = { cache: new KeyValueCache(this.#model.config, room), active: [] };
    this.#lanes.set(room, lane);
    return lane;
  }

  /** Takes waiting requests into their lanes: prompts of a lane are computed together, then each draws a token. */
  async #admit(): Promise<void> {
    this.#dropAborted();
    const joining = this.#waiting.splice(0, this.#maxBatch - this.#count);
    const lanes = Map.groupBy(joining, ({ request }) => this.#lane(request.promptIds.length));
    // All at once, so that a failure in the first lane is told to those of the others as well.
    for (const [lane, sequences] of lanes) {
      lane.active.push(...sequences);
      for (const _ of sequences) lane.cache.add();
    }
    for (const [lane, sequences] of lanes) await this.#prompt(lane, sequences);
  }

  /** Ends what was aborted before its turn came. */
  #dropAborted(): void {
    const kept = this.#waiting.splice(0).filter((sequence) => {
      const aborted = sequence.request.signal?.aborted === true;
      if (aborted) end(sequence, "aborted");
      return !aborted;
    });
    this.#waiting.push(...kept);
  }

  /** Computes the prompts of the sequences that stand last in a lane. */
  async #prompt(lane: Lane, joining: readonly Sequence[]): Promise<void> {
    const from = lane.active.length - joining.length;
    const prompts = joining.map(({ request }) => request.promptIds);
    // By the room alone, because padding must not depend on others; rotary tables end at the longest sequence.
    const T = Math.min(this.#promptChunk, lane.cache.room, this.maxLength);
    const longest = Math.max(...prompts.map(({ length }) => length));
    const logits: Float32Array[] = [];
    for (let start = 0; start < longest; start += T) {
      const parts = prompts.map((prompt) => prompt.subarray(start, start + T));
      const found = await this.#run(lane, from, parts, T);
      for (const [row, part] of parts.entries()) {
        if (part.length > 0 && start + part.length === prompts[row]!.length) logits[row] = found[row]!;
      }
    }
    this.#draw(lane, from, logits);
  }

  /** One more token for every sequence of a lane; those that fill their room move to a larger one first. */
  async #step(lane: Lane): Promise<void> {
    for (let row = lane.active.length - 1; row >= 0; row--) {
      if (lane.cache.lengths[row]! < lane.cache.room) continue;
      const larger = this.#lane(lane.cache.lengths[row]! + 1);
      lane.cache.copyTo(larger.cache, row);
      larger.active.push(lane.active[row]!);
      removeRow(lane, row);
    }
    if (lane.active.length === 0) return;
    const parts = lane.active.map(({ ids }) => Int32Array.of(ids.at(-1)!));
    this.#draw(lane, 0, await this.#run(lane, 0, parts, 1));
  }

  /** Logits after the last new token of each row, from row `from` on. A row may have no new token. */
  async #run(
    { cache }: Lane,
    from: number,
    parts: readonly Int32Array[],
    T: number,
  ): Promise<readonly Float32Array[]> {
    const B = parts.length;
    const ids = new BigInt64Array(B * T);
    const positions = new BigInt64Array(B * T);
    const rows = new BigInt64Array(B);
    for (const [row, part] of parts.entries()) {
      const done = cache.lengths[from + row]!;
      for (let t = 0; t < T; t++) {
        ids[row * T + t] = BigInt(part[t] ?? 0);
        positions[row * T + t] = BigInt(Math.min(done + t, this.maxLength - 1));
      }
      rows[row] = BigInt(row * T + Math.max(part.length - 1, 0));
    }
    const outputs = await this.#session.run({
      ...this.#parameters,
      ...cache.feeds(from),
      ids: { data: ids, shape: [B, T] },
      positions: { data: positions, shape: [B, T] },
      rows: { data: rows, shape: [B] },
    });
    const { layers, vocabularySize } = this.#model.config;
    const made = Array.from({ length: layers }, (_, layer) => cacheNames(layer)).flat()
      .map((name) => floats(outputs[`new.${name}`]));
    cache.extend(from, made, parts.map(({ length }) => length));
    const logits = floats(outputs["logits"]);
    return parts.map((_, row) => logits.subarray(row * vocabularySize, (row + 1) * vocabularySize));
  }

  /** Draws a token for each row from `from` on; rows that end leave the lane. */
  #draw(lane: Lane, from: number, logits: readonly Float32Array[]): void {
    const ended: [number, Ending][] = [];
    for (const [at, row] of logits.entries()) {
      const reason = advance(lane.active[from + at]!, row, this.maxLength);
      if (reason !== null) ended.push([from + at, reason]);
    }
    // From the last row on, so that the row that takes a free place has been looked at already.
    for (const [row, reason] of ended.toReversed()) {
      const sequence = lane.active[row]!;
      removeRow(lane, row);
      end(sequence, reason);
    }
  }

  #check({ promptIds, maxNewTokens }: GenerateRequest): void {
    const { vocabularySize } = this.#model.config;
    if (promptIds.length === 0 || !(maxNewTokens >= 1)) {
      throw new RangeError(
        `Cannot generate: wanted a prompt and at least one new token: received ${promptIds.length} and ${maxNewTokens}`,
      );
    }
    const odd = promptIds.find((id) => id < 0 || id >= vocabularySize);
    if (odd !== undefined) {
      throw new RangeError(`Cannot generate: wanted ids from 0 to ${vocabularySize - 1}: received ${odd}`);
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

/** Tells a request what came of it. */
function end({ settle, fail, ...made }: Sequence, ending: Ending): void {
  if (typeof ending === "object") return fail(ending.thrown);
  settle({
    ids: Int32Array.from(made.ids),
    logProbabilities: Float32Array.from(made.logProbabilities),
    drawnLogProbabilities: Float32Array.from(made.drawnLogProbabilities),
    reason: ending,
  });
}

/** Removes a row; the last row takes its place. */
function removeRow({ cache, active }: Lane, row: number): void {
  const last = active.pop()!;
  if (row < active.length) active[row] = last;
  cache.remove(row);
}

/** Draws the next token of a sequence; says why it ends, or null when it goes on. */
function advance(
  sequence: Sequence,
  logits: Float32Array,
  maxLength: number,
): Ending | null {
  const { request, prng, ids, logProbabilities } = sequence;
  if (request.signal?.aborted === true) return "aborted";
  let sampled: Sampled;
  try {
    sampled = sampleToken(logits, earlier(sequence), request.sampling ?? {}, prng);
    ids.push(sampled.id);
    logProbabilities.push(sampled.logProbability);
    sequence.drawnLogProbabilities.push(sampled.drawnLogProbability);
    if (request.stopIds?.includes(sampled.id) === true) return "stop";
    if (request.onToken?.(sampled.id) === true) return "caller";
  } catch (thrown) {
    return { thrown }; // what the request's own callback or logits threw ends this request alone
  }
  const full = request.promptIds.length + ids.length >= maxLength;
  return ids.length >= request.maxNewTokens || full ? "length" : null;
}

function* earlier({ request, ids }: Sequence): Iterable<number> {
  yield* request.promptIds;
  yield* ids;
}
