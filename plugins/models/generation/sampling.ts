/**
 * From the logits of one token to the next token.
 *
 * In this order: repetition penalty, temperature, then the tokens are narrowed by top-k, top-p and min-p, and one is
 * drawn from what is left. Greedy decoding is temperature 0.
 *
 * @module
 */
import type { Prng } from "../../../core/prng.ts";

/** How tokens are drawn. */
export interface Sampling {
  /** Logits are divided by this; 0 takes the most probable token. @default 1 */
  readonly temperature?: number | undefined;
  /** Keeps the k most probable tokens; 0 keeps all. @default 0 */
  readonly topK?: number | undefined;
  /** Keeps the smallest set of most probable tokens that holds this share. @default 1 */
  readonly topP?: number | undefined;
  /** Keeps tokens at least this share as probable as the most probable one. @default 0 */
  readonly minP?: number | undefined;
  /** Divides positive and multiplies negative logits of tokens that were there before. @default 1 */
  readonly repetitionPenalty?: number | undefined;
}

/** A drawn token. */
export interface Sampled {
  readonly id: number;
  /** Its log-probability under the model itself: temperature 1, nothing narrowed or penalised. */
  readonly logProbability: number;
  /**
   * Its log-probability under the distribution that it was drawn from. When decoding is greedy, under the model, over the
   * tokens that were allowed: the same as `logProbability` where all were.
   */
  readonly drawnLogProbability: number;
}

type Weights = Float32Array | Float64Array;

/** What else is known of the logits of a token. */
export interface KnownLogits {
  /** The logits with −∞ for tokens that may not come. @default the logits */
  readonly allowed?: Float32Array;
  /** exp(logit − the greatest one). @default computed */
  readonly weights?: Weights;
}

/**
 * Draws the next token.
 *
 * @param logits One for each token; not changed.
 * @param before Ids of the sequence so far, for the penalty.
 * @throws {RangeError} When one is NaN or ∞, or all are −∞. A token of −∞ is never drawn.
 */
export function sampleToken(
  logits: Float32Array,
  before: Iterable<number>,
  sampling: Sampling,
  prng: Prng,
  { allowed = logits, weights }: KnownLogits = {},
): Sampled {
  const { temperature = 1, repetitionPenalty = 1 } = sampling;
  const best = greatest(logits);
  const plain = weights ?? weightsOf(logits, logits[best]!);
  const rest = finite(Math.log(sumOf(plain)));
  const own = (id: number): number => logits[id]! - logits[best]! - rest;
  const scores = repetitionPenalty === 1 ? allowed : penalised(allowed, before, repetitionPenalty);
  if (temperature === 0) {
    const id = scores === logits ? best : greatest(scores);
    if (allowed === logits) return { id, logProbability: own(id), drawnLogProbability: own(id) };
    return { id, logProbability: own(id), drawnLogProbability: allowed[id]! - finite(logSumExp(allowed)) };
  }
  const asTheyAre = scores === logits && temperature === 1;
  const { id, probability } = drawn(
    asTheyAre ? plain : weightsOf(scores, finite(scores[greatest(scores)]!), temperature),
    sampling,
    prng,
  );
  return { id, logProbability: own(id), drawnLogProbability: Math.log(probability) };
}

/** log Σ exp, without overflow. */
export function logSumExp(values: Float32Array): number {
  const highest = values[greatest(values)]!;
  return highest + Math.log(sumOf(weightsOf(values, highest)));
}

function weightsOf(scores: Float32Array, highest: number, temperature: number = 1): Float64Array {
  const weights = new Float64Array(scores.length);
  for (let id = 0; id < weights.length; id++) weights[id] = Math.exp((scores[id]! - highest) / temperature);
  return weights;
}

function finite(value: number): number {
  if (Number.isFinite(value)) return value;
  throw new RangeError("Cannot sample: wanted finite logits: received others");
}

/** Index of the greatest, the first one on a tie. */
function greatest(values: Float32Array): number {
  let [best, highest] = [0, values[0]!];
  for (let i = 1; i < values.length; i++) {
    if (values[i]! > highest) [best, highest] = [i, values[i]!];
  }
  return best;
}

/** Source: Keskar et al. 2019, CTRL, §4.1 (arXiv:1909.05858), with the sign-aware form of transformers. */
function penalised(logits: Float32Array, before: Iterable<number>, penalty: number): Float32Array {
  const scores = logits.slice();
  for (const id of new Set(before)) {
    const logit = logits[id]!;
    scores[id] = logit > 0 ? logit / penalty : logit * penalty;
  }
  return scores;
}

function drawn(
  weights: Weights,
  { topK = 0, topP = 1, minP = 0 }: Sampling,
  prng: Prng,
): { readonly id: number; readonly probability: number } {
  const ids = topK === 0 && topP >= 1 && minP === 0 ? null : narrowed(weights, { topK, topP, minP });
  const count = ids?.length ?? weights.length;
  const idAt = (at: number) => ids === null ? at : ids[at]!;
  let total = 0;
  for (let at = 0; at < count; at++) total += weights[idAt(at)]!;
  let left = prng() * total;
  let id = idAt(0);
  for (let at = 0; at < count && left >= 0; at++) {
    if (weights[idAt(at)] === 0) continue; // even when rounding leaves a rest behind the last token
    id = idAt(at);
    left -= weights[id]!;
  }
  return { id, probability: weights[id]! / total };
}

/** Tokens that are left, most probable first. */
function narrowed(
  weights: Weights,
  { topK, topP, minP }: Required<Pick<Sampling, "topK" | "topP" | "minP">>,
) {
  let ids = topK! > 0 ? ranked(weights, (found) => found.length >= topK!).subarray(0, topK) : null;
  if (topP! < 1) {
    const share = topP! * (ids === null ? sumOf(weights) : weightOf(ids, weights));
    ids ??= ranked(weights, (found) => weightOf(found, weights) >= share);
    ids = ids.subarray(0, nucleus(ids, weights, share));
  }
  if (!(minP! > 0)) return ids!;
  // The most probable one weighs 1.
  return (ids ?? ranked(weights, () => true, minP)).filter((id) => weights[id]! >= minP!);
}

/** The most probable tokens in order, at least as many as make up enough: sorting a whole vocabulary takes long. */
function ranked(
  weights: Weights,
  enough: (ids: Uint32Array) => boolean,
  least: number = Math.exp(-6),
): Uint32Array<ArrayBuffer> {
  const found: number[] = [];
  for (let id = 0; id < weights.length; id++) if (weights[id]! >= least) found.push(id);
  const ids = Uint32Array.from(found);
  if (least > 0 && !enough(ids)) return ranked(weights, enough, least < 1e-5 ? 0 : Math.exp(-12));
  return ids.sort((a, b) => weights[b]! - weights[a]! || a - b);
}

/** How many of the sorted tokens weigh this much; at least 1. Source: Holtzman et al. 2019 (arXiv:1904.09751). */
function nucleus(ids: Uint32Array, weights: Weights, share: number): number {
  let [count, sum] = [0, 0];
  while (count < ids.length && (count === 0 || sum < share)) sum += weights[ids[count++]!]!;
  return count;
}

function weightOf(ids: Uint32Array, weights: Weights): number {
  let sum = 0;
  for (let at = 0; at < ids.length; at++) sum += weights[ids[at]!]!;
  return sum;
}

function sumOf(weights: Weights): number {
  let sum = 0;
  for (let id = 0; id < weights.length; id++) sum += weights[id]!;
  return sum;
}
