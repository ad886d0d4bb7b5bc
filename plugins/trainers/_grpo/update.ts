/**
 * One update of a policy: from samples with rewards to gradients and metrics. The trainer `grpo` calls the parts, with
 * groups from a file; whoever samples anew calls {@linkcode grpoUpdate} once an iteration.
 *
 * @module
 */
import { lossGraph } from "../../models/training_graph.ts";
import { floats, type Session } from "../../onnx/session.ts";
import {
  type Aggregation,
  AGGREGATIONS,
  policyGradientLoss,
  type PolicyGradientOptions,
  truncatedWeight,
} from "../_losses/policy_gradient.ts";
import type { MicroBatch } from "../_data/mod.ts";
import type { Update, UpdateOptions } from "../_learner.ts";
import type { Trainee } from "../_trainee.ts";
import { type BatchLimits, joinedArrays, lossFeeds, microBatchesOf, policyBatch } from "./batches.ts";
import { addMetrics, type PolicyMetrics, policyMetrics } from "./metrics.ts";
import { type PolicySequence, type PreparedReport, preparedSamples, type PrepareOptions } from "./prepare.ts";
import type { PolicySample } from "./samples.ts";
import { currentScorer, type Scorer, scoresOf } from "./score.ts";

/** Options of the loss and of what it costs. */
export interface GrpoLossOptions extends BatchLimits, Required<PolicyGradientOptions> {
  readonly aggregation: Aggregation;
  /** What `dr_grpo` divides by; `maxLength` when left out. */
  readonly maxCompletionLength?: number | undefined;
  /** Greatest weight of importance sampling; null takes the recorded log-probabilities as those of the old policy. */
  readonly isCap: number | null;
  readonly recompute: boolean;
  readonly headChunk?: number | undefined;
  /**
   * Sequences that were sampled as well, and their tokens, but have no gradient: they count in what the aggregation divides
   * by, so that an update that has little to learn from is a small one.
   *
   * @default none
   */
  readonly idle?: { readonly sequences: number; readonly tokens: number };
}

/** A sequence with what the loss compares it with. */
export interface ScoredSequence extends PolicySequence {
  /** log π_old of each trained token. */
  readonly old: Float32Array;
  /** log π_ref; null when there is no KL. */
  readonly reference: Float32Array | null;
}

/** Metrics of an update. */
export type GrpoMetrics = { readonly loss: number } & Readonly<Record<string, number>>;

type Limits = Pick<GrpoLossOptions, "isCap" | keyof BatchLimits>;

/** log π of the trained tokens of each sequence under the model as it is now: π_old before the first update. */
export async function oldScores(
  trainee: Trainee,
  sequences: readonly PolicySequence[],
  limits: BatchLimits,
  signal?: AbortSignal,
): Promise<readonly Float32Array[]> {
  const scorer = currentScorer(trainee, limits.maxLength);
  return await scoresOf(scorer, sequences, { ...limits, padId: trainee.fillerId, signal });
}

/** What {@linkcode scoredSequences} may be given. */
export interface ScoringHelp {
  /** What {@linkcode oldScores} found before; found now when left out. */
  readonly old?: readonly Float32Array[] | null;
  readonly signal?: AbortSignal | undefined;
}

/** Fills in old and reference log-probabilities; with `isCap` the model as it is now is the old policy. */
export async function scoredSequences(
  trainee: Trainee,
  sequences: readonly PolicySequence[],
  reference: Scorer | null,
  limits: Limits,
  { old: known, signal }: ScoringHelp = {},
): Promise<readonly ScoredSequence[]> {
  const { isCap } = limits;
  const old = isCap === null ? null : known ?? await oldScores(trainee, sequences, limits, signal);
  const held = reference === null
    ? null
    : await scoresOf(reference, sequences, { ...limits, padId: trainee.fillerId, signal });
  return sequences.map((sequence, at) => {
    const { behaviour, advantages } = sequence;
    if (old === null) return { ...sequence, old: behaviour, reference: held?.[at] ?? null };
    const weighted = advantages.map((A, n) => A * truncatedWeight(old[at]![n]!, behaviour[n]!, isCap!)); // sound: old is null without it
    return { ...sequence, advantages: weighted, old: old[at]!, reference: held?.[at] ?? null };
  });
}

/**
 * Accumulates the gradients of sequences in the trainee's learner, in micro-batches. Their losses are weighted by what
 * the aggregation asks for over all of them, so the size of micro-batches changes nothing.
 *
 * @param microBatches Indices into the sequences.
 */
export async function accumulateGrpo(
  trainee: Trainee,
  sequences: readonly ScoredSequence[],
  microBatches: readonly MicroBatch[],
  options: GrpoLossOptions,
): Promise<GrpoMetrics> {
  const { aggregation, maxLength, maxCompletionLength = maxLength, idle } = options;
  const chosen = microBatches.flatMap(({ rows }) => rows.map(([index]) => sequences[index!]!));
  const tokens = chosen.reduce((sum, { advantages }) => sum + advantages.length, 0);
  const totals = {
    sequences: chosen.length + (idle?.sequences ?? 0),
    tokens: tokens + (idle?.tokens ?? 0),
    maxCompletionLength,
  };
  const weightOf = ({ advantages }: ScoredSequence) => AGGREGATIONS[aggregation](advantages.length, totals);
  const session = await policySession(trainee, options);
  let loss = 0;
  let sum: PolicyMetrics | null = null;
  for (const micro of microBatches) {
    const rows = micro.rows.map(([index]) => sequences[index!]!);
    const arrays = {
      ...options,
      old: rows.map(({ old }) => old),
      reference: options.beta > 0 ? rows.map(({ reference }) => reference!) : null, // sound: scored because of beta
      advantages: rows.map(({ advantages }) => advantages),
      weights: rows.map(weightOf),
    };
    const feeds = lossFeeds(policyBatch(sequences, micro, trainee.fillerId), arrays);
    const outputs = await trainee.learner.accumulate(session, feeds);
    loss += floats(outputs["loss"])[0]!;
    const found = policyMetrics({
      logProbabilities: floats(outputs["log_probabilities"]).subarray(
        0,
        arrays.advantages.reduce((n, a) => n + a.length, 0),
      ),
      old: joinedArrays(arrays.old),
      reference: arrays.reference === null ? null : joinedArrays(arrays.reference),
      advantages: joinedArrays(arrays.advantages),
      sequences: rows.flatMap(({ advantages }, b) => Array.from(advantages, () => b)),
    }, options);
    sum = sum === null ? found : addMetrics(sum, found);
  }
  return { loss, ...meansOf(sum!, options), ...statisticsOf(chosen) }; // sound: a step has micro-batches
}

function policySession(trainee: Trainee, options: GrpoLossOptions): Promise<Session> {
  const { level, epsilonLow, epsilonHigh, delta, beta, klBiasCorrection, maxLength, recompute, headChunk } =
    options;
  const loss = { level, epsilonLow, epsilonHigh, delta, beta, klBiasCorrection };
  const shape = {
    maxPositions: maxLength,
    recompute,
    sharpened: true,
    ...(headChunk === undefined ? {} : { headChunk }),
  };
  return trainee.session(
    `policy ${JSON.stringify({ ...loss, ...shape })}`,
    () =>
      lossGraph(trainee.model, shape, ({ graph, logProbabilities, input }) => ({
        loss: policyGradientLoss(graph, {
          logProbabilities,
          old: input("old", "float32"),
          advantages: input("advantages", "float32"),
          weights: input("weights", "float32"),
          ...(beta > 0 ? { reference: input("reference", "float32") } : {}),
          ...(level === "token" ? {} : {
            sequences: {
              of: input("sequences", "int64"),
              inverseLengths: graph.input("inverse_lengths", "float32", ["S"]),
            },
          }),
        }, loss),
        outputs: { log_probabilities: logProbabilities },
      })),
  );
}

function meansOf({ tokens, ratioMax, ...sums }: PolicyMetrics, { beta }: GrpoLossOptions) {
  return {
    ratioMean: sums.ratio / tokens,
    ratioMax,
    clippedLow: sums.clippedLow / tokens,
    clippedHigh: sums.clippedHigh / tokens,
    klOld: sums.klOld / tokens,
    ...(beta > 0 ? { kl: sums.kl / tokens } : {}),
    surprise: sums.surprise / tokens,
  };
}

/** Rewards by episode, advantages by token. */
function statisticsOf(sequences: readonly ScoredSequence[]) {
  const rewards = new Map(sequences.map(({ sample }) => [sample.episode, sample.reward]));
  const groups = new Set(sequences.map(({ sample }) => sample.group));
  let [count, sum, squares, least, most] = [0, 0, 0, Infinity, -Infinity];
  for (const { advantages } of sequences) {
    for (const advantage of advantages) {
      count++;
      sum += advantage;
      squares += advantage ** 2;
      least = Math.min(least, advantage);
      most = Math.max(most, advantage);
    }
  }
  const mean = sum / count;
  return {
    reward: [...rewards.values()].reduce((total, reward) => total + reward, 0) / rewards.size,
    groups: groups.size,
    episodes: rewards.size,
    advantageMean: mean,
    advantageDeviation: Math.sqrt(Math.max(0, squares / count - mean ** 2)),
    advantageLeast: least,
    advantageMost: most,
  };
}

/** Options of {@linkcode grpoUpdate}. */
export interface GrpoUpdateOptions extends GrpoLossOptions, PrepareOptions {
  /** Asked for when `beta` is above 0. */
  readonly reference?: Scorer;
  /** How the parameters change. */
  readonly update: UpdateOptions;
}

/** What an update did; metrics are null when nothing in the samples had a gradient. */
export interface GrpoUpdate {
  readonly metrics: GrpoMetrics | null;
  readonly report: PreparedReport;
  readonly update: Update | null;
}

/** One update of the trainee from samples of whole groups: advantages, credit, scores, gradients, AdamW. */
export async function grpoUpdate(
  trainee: Trainee,
  samples: readonly PolicySample[],
  options: GrpoUpdateOptions,
): Promise<GrpoUpdate> {
  const { sequences, report } = preparedSamples(samples, options);
  if (sequences.length === 0) return { metrics: null, report, update: null };
  if (options.beta > 0 && options.reference === undefined) {
    throw new TypeError("Cannot update: beta above 0: wanted a reference: received none");
  }
  const scored = await scoredSequences(trainee, sequences, options.reference ?? null, options);
  const microBatches = microBatchesOf(scored, scored.map((_, at) => at), options);
  const metrics = await accumulateGrpo(trainee, scored, microBatches, options);
  return { metrics, report, update: trainee.learner.update(options.update) };
}
