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
}

/**
 * Draws the next token.
 *
 * @param logits One for each token; not changed.
 * @param before Ids of the sequence so far, for the penalty.
 * @throws {RangeError} When the logits are not finite.
 */
export function sampleToken(
  logits: Float32Array,
  before: Iterable<number>,
  sampling: Sampling,
  prng: Prng,
): Sampled {
  const { temperature = 1, repetitionPenalty = 1 } = sampling;
  const total = logSumExp(logits);
  if (!Number.isFinite(total)) throw new RangeError("Cannot sample: wanted finite logits: received others");
  const scores = repetitionPenalty === 1 ? logits : penalised(logits, before, repetitionPenalty);
  const id = temperature === 0 ? greatest(scores) : drawn(scores, sampling, temperature, prng);
  return { id, logProbability: logits[id]! - total };
}

/** log Σ exp, without overflow. */
export function logSumExp(values: Float32Array): number {
  let highest = -Infinity;
  for (let i = 0; i < values.length; i++) if (values[i]! > highest) highest = values[i]!;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i]! - highest);
  return highest + Math.log(sum);
}

/** Index of the greatest, the first one on a tie. */
function greatest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
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
  scores: Float32Array,
  { topK = 0, topP = 1, minP = 0 }: Sampling,
  temperature: number,
  prng: Prng,
): number {
  const highest = scores[greatest(scores)]!;
  const weight = (id: number) => Math.exp((scores[id]! - highest) / temperature);
  if (topK === 0 && topP >= 1 && minP === 0) return drawnFromAll(scores.length, weight, prng);
  let ids = Uint32Array.from(scores, (_, id) => id).sort((a, b) => scores[b]! - scores[a]! || a - b);
  if (topK > 0) ids = ids.subarray(0, topK);
  if (topP < 1) ids = ids.subarray(0, nucleus(ids, weight, topP));
  if (minP > 0) ids = ids.filter((id) => weight(id) >= minP); // the most probable one weighs 1
  let left = prng() * ids.reduce((sum, id) => sum + weight(id), 0);
  return ids.find((id) => (left -= weight(id)) < 0) ?? ids.at(-1)!;
}

/** How many of the sorted tokens make up a share; at least 1. Source: Holtzman et al. 2019 (arXiv:1904.09751). */
function nucleus(ids: Uint32Array, weight: (id: number) => number, share: number): number {
  const total = ids.reduce((sum, id) => sum + weight(id), 0);
  let [count, sum] = [0, 0];
  while (count < ids.length && (count === 0 || sum < share * total)) sum += weight(ids[count++]!);
  return count;
}

function drawnFromAll(count: number, weight: (id: number) => number, prng: Prng): number {
  let total = 0;
  for (let id = 0; id < count; id++) total += weight(id);
  let left = prng() * total;
  for (let id = 0; id < count; id++) {
    left -= weight(id);
    if (left < 0) return id;
  }
  return count - 1;
}
