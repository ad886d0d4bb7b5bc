/**
 * The work of {@linkcode grpoTrainer}; apart, so that the runtime loads only when something is trained.
 *
 * @module
 */
import { GymError } from "../../core/errors.ts";
import { seeded } from "../../core/prng.ts";
import type { TrainEvent, TrainJob } from "../../core/trainer.ts";
import { checkContext } from "./_context.ts";
import { digestOf, type PlannedStep } from "./_data/mod.ts";
import { shuffled } from "./_data/pack.ts";
import { microBatchesOf } from "./_grpo/batches.ts";
import { type RecordedEpisode, rowEpisodes } from "./_grpo/episodes.ts";
import { type PolicySequence, type PreparedReport, preparedSamples } from "./_grpo/prepare.ts";
import { type SampledGroups, samplesOf } from "./_grpo/samples.ts";
import { referenceScorer } from "./_grpo/score.ts";
import {
  accumulateGrpo,
  type GrpoLossOptions,
  type ScoredSequence,
  scoredSequences,
} from "./_grpo/update.ts";
import type { GrpoOptions } from "./grpo.ts";
import { runSteps } from "./_run.ts";
import { Trainee } from "./_trainee.ts";

/** Trains. */
export async function* trainGrpo(parsed: GrpoOptions, job: TrainJob): AsyncGenerator<TrainEvent> {
  if (job.evaluation !== undefined) {
    throw new GymError(
      "INVALID_OPTIONS",
      "Cannot train with grpo: wanted no rows to evaluate on, for recorded episodes say nothing of how a changed " +
        "policy acts: received some; evaluate the result in its environment",
      {},
    );
  }
  const log: string[] = [];
  await using trainee = await Trainee.create(parsed, (message) => void log.push(message));
  const loss = lossOptions(parsed);
  const sampled = samplesOf(await groupsOf(job), {
    maxLength: parsed.maxLength,
    narrowed: loss.isCap !== null,
  });
  const { sequences, report } = preparedSamples(sampled.samples, parsed);
  checkIds(sequences, trainee, job);
  if (sequences.length === 0) throw nothingToLearn(job, sampled, report);
  const context = checkContext(trainee.folder, parsed.maxLength, sequences);
  // The model is still the one before training here, also in a run that goes on: a checkpoint is read by runSteps.
  const reference = parsed.beta > 0
    ? referenceScorer(trainee, parsed.maxLength, parsed.adapter !== undefined)
    : null;
  const scored = await scoredSequences(trainee, sequences, reference, loss);
  const steps = plannedSteps(scored, parsed);
  yield* runSteps(parsed, {
    trainee,
    steps,
    config: JSON.parse(JSON.stringify(parsed)),
    dataHash: hashOf(scored),
    totals: {
      steps: steps.length,
      rows: sampled.groups,
      episodes: sampled.episodes,
      sequences: scored.length,
      refused: refusedOf(sampled),
      zeroVarianceGroups: report.zeroVarianceGroups,
      tokens: steps.reduce((sum, step) => sum + step.tokens, 0),
      trainedTokens: steps.reduce((sum, step) => sum + step.trainedTokens, 0),
      parameters: trainee.parameters,
    },
    notices: [...log, ...context, ...reportText(sampled, report)],
    accumulate: ({ microBatches }) => accumulateGrpo(trainee, scored, microBatches, loss),
    evaluate: null,
  }, job);
}

/** Options of the loss, with null for what was left out. */
function lossOptions(parsed: GrpoOptions): GrpoLossOptions {
  return { ...parsed, delta: parsed.delta ?? null, isCap: parsed.isCap ?? null };
}

async function groupsOf({ rows, source = "rows", place }: TrainJob): Promise<RecordedEpisode[][]> {
  const groups: RecordedEpisode[][] = [];
  for await (const row of rows()) {
    const at = groups.length;
    const { file, line } = place?.(at, "rows") ?? { file: source, line: at + 1 };
    groups.push([...rowEpisodes(row, `${file}:${line}`)]);
  }
  return groups;
}

/** Ids that the model has no row for were sampled by another one. */
function checkIds(
  sequences: readonly PolicySequence[],
  { folder }: Trainee,
  { source = "rows" }: TrainJob,
): void {
  const { vocabularySize } = folder.config;
  for (const { ids, sample } of sequences) {
    const beyond = ids.find((id) => id >= vocabularySize);
    if (beyond === undefined) continue;
    throw new GymError(
      "INVALID_DATA",
      `Cannot train on ${source}: row ${sample.group + 1}: wanted token ids below ${vocabularySize}, ` +
        `as the model has: received ${beyond}`,
      { source, row: sample.group },
    );
  }
}

/** Every epoch takes each group once, in an order of its own; the last step of an epoch may be smaller. */
function plannedSteps(sequences: readonly ScoredSequence[], parsed: GrpoOptions): readonly PlannedStep[] {
  const { epochs, groupsPerStep, seed, maxSteps = Infinity } = parsed;
  const groups = [...Map.groupBy(sequences.keys(), (at) => sequences[at]!.sample.group).values()];
  const steps: PlannedStep[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = shuffled(groups, seeded(seed).fork(epoch));
    for (let at = 0; at < order.length; at += groupsPerStep) {
      const chosen = order.slice(at, at + groupsPerStep).flat();
      const trainedTokens = sumOf(chosen, (index) => sequences[index]!.advantages.length);
      steps.push({
        epoch,
        microBatches: microBatchesOf(sequences, chosen, parsed),
        totalWeight: trainedTokens,
        tokens: sumOf(chosen, (index) => sequences[index]!.ids.length),
        trainedTokens,
      });
    }
  }
  return steps.slice(0, maxSteps);
}

/** Ids, masks and everything that decides the gradients. */
function hashOf(sequences: readonly ScoredSequence[]): string {
  return digestOf(
    sequences.flatMap(({ ids, weights, sharpness, advantages, behaviour }) => [
      { ids, weights },
      { ids: new Int32Array(0), weights: sharpness },
      { ids: new Int32Array(0), weights: advantages },
      { ids: new Int32Array(0), weights: behaviour },
    ]),
  );
}

function reportText(sampled: SampledGroups, report: PreparedReport): readonly string[] {
  const counts = [
    `${sampled.groups} groups, ${sampled.episodes} episodes, mean reward ${report.meanReward.toPrecision(4)}`,
    ...Object.entries(sampled.refused).map(([reason, count]) => `${count} episodes refused: ${reason}`),
    ...counted(report.singleGroups, "groups refused: a group of one has nothing to compare with"),
    ...counted(report.zeroVarianceGroups, "groups whose rewards are all equal"),
    ...counted(report.maskedEpisodes, "episodes masked because they were cut short"),
    ...counted(report.idleSequences, "sequences left out because every advantage in them is 0"),
  ];
  return [counts.join("; ")];
}

function counted(count: number, what: string): readonly string[] {
  return count === 0 ? [] : [`${count} ${what}`];
}

function nothingToLearn(
  { source = "rows" }: TrainJob,
  sampled: SampledGroups,
  report: PreparedReport,
): GymError {
  return new GymError(
    "INVALID_DATA",
    `Cannot train on ${source}: wanted a group whose rewards differ: received ${
      reportText(sampled, report).join()
    }`,
    { source, refused: sampled.refused },
  );
}

function refusedOf({ refused }: SampledGroups): number {
  return sumOf(Object.values(refused), (count) => count);
}

function sumOf<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0);
}
