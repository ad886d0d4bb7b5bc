/**
 * One text while it is being generated.
 *
 * @module
 */
import { type Prng, seeded } from "../../../core/prng.ts";
import type { GenerateRequest, Generation } from "./requests.ts";
import { sampleToken } from "./sampling.ts";
import type { TextState } from "./text_state.ts";

/** Why a sequence ends: as its result says, or with what its own callback threw. */
export type Ending = Generation["reason"] | { readonly thrown: unknown };

/** What the model says of the next token. */
export interface NextToken {
  readonly logits: Float32Array;
  /** exp(logit − the greatest one). */
  readonly weights: Float32Array;
}

/** A request and what was drawn for it. */
export class Sequence {
  /** What was asked. */
  readonly request: GenerateRequest;
  /** What comes of it. */
  readonly result: Promise<Generation>;
  readonly #prng: Prng;
  readonly #ids: number[] = [];
  readonly #logProbabilities: number[] = [];
  readonly #drawnLogProbabilities: number[] = [];
  readonly #settle: (result: Generation) => void;
  readonly #fail: (thrown: unknown) => void;

  constructor(request: GenerateRequest) {
    const { promise, resolve, reject } = Promise.withResolvers<Generation>();
    this.request = request;
    this.result = promise;
    this.#settle = resolve;
    this.#fail = reject;
    this.#prng = seeded(request.seed);
  }

  /** The token that was drawn last; there is one. */
  get last(): number {
    return this.#ids.at(-1)!;
  }

  /** Number of prompt and new ids. */
  get length(): number {
    return this.request.promptIds.length + this.#ids.length;
  }

  /** Prompt and new ids. */
  get ids(): Int32Array {
    return Int32Array.from(this.#all());
  }

  /** Whether its caller gave up. */
  get aborted(): boolean {
    return this.request.signal?.aborted === true;
  }

  /** Draws the next token; says why the text ends, or null when it goes on. */
  advance({ logits, weights }: NextToken, maxLength: number): Ending | null {
    const { maxNewTokens, sampling = {}, constraint, stopIds, onToken } = this.request;
    if (this.aborted) return "aborted";
    try {
      const allowed = constraint?.restrict(logits) ?? logits;
      const { id, ...sampled } = sampleToken(logits, this.#all(), sampling, this.#prng, {
        allowed,
        weights,
      });
      this.#ids.push(id);
      this.#logProbabilities.push(sampled.logProbability);
      this.#drawnLogProbabilities.push(sampled.drawnLogProbability);
      constraint?.accept(id);
      if (stopIds?.includes(id) === true) return "stop";
      if (onToken?.(id) === true) return "caller";
    } catch (thrown) {
      return { thrown }; // what the request's own callback or logits threw ends this request alone
    }
    return this.#ids.length >= maxNewTokens || this.length >= maxLength ? "length" : null;
  }

  /** Tells the caller what came of it. */
  end(ending: Ending, state: TextState | null): void {
    if (typeof ending === "object") return this.#fail(ending.thrown);
    this.#settle({
      ids: Int32Array.from(this.#ids),
      logProbabilities: Float32Array.from(this.#logProbabilities),
      drawnLogProbabilities: Float32Array.from(this.#drawnLogProbabilities),
      reason: ending,
      ...(state === null ? {} : { state }),
    });
  }

  *#all(): Iterable<number> {
    yield* this.request.promptIds;
    yield* this.#ids;
  }
}
