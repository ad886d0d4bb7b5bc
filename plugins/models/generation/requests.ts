/**
 * What is asked of a generator, and what comes of it.
 *
 * @module
 */
import type { TokenConstraint } from "./constraint.ts";
import type { Sampling } from "./sampling.ts";
import type { TextState } from "./text_state.ts";

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
  /** Which tokens may come; one for this request alone. @default all */
  readonly constraint?: TokenConstraint;
  /** Adapter to use, by name; the generator's own parameters when null. @default null */
  readonly adapter?: string | null;
  /** What was computed for a text with the same beginning: only the rest is computed. Of other parameters it is no use. */
  readonly state?: TextState;
  /** Whether the result holds the state of prompt and new ids. @default false */
  readonly keepState?: boolean;
}

/** What was generated. */
export interface Generation {
  /** New ids alone. */
  readonly ids: Int32Array;
  /** Log-probability of each under the model itself. */
  readonly logProbabilities: Float32Array;
  /**
   * Log-probability of each under the distribution that it was drawn from; when decoding is greedy, under the model, over
   * the tokens that its constraint allowed.
   */
  readonly drawnLogProbabilities: Float32Array;
  /** Why it ended: a stop id, the caller, the limit of tokens or of the context, or the signal. */
  readonly reason: "stop" | "caller" | "length" | "aborted";
  /** To go on from, when it was asked for. The last new id is not part of it. */
  readonly state?: TextState;
}
