/**
 * The work of {@linkcode sftTrainer}; apart, so that the runtime and tokenizers load only when something is trained.
 *
 * @module
 */
import { seeded } from "../../core/prng.ts";
import type { TrainEvent, TrainJob } from "../../core/trainer.ts";
import { trainingGraph } from "../models/training_graph.ts";
import { floats } from "../onnx/session.ts";
import { batchOf, type PlannedStep, planRun, type Sequence } from "./_data/mod.ts";
import { checkContext } from "./_context.ts";
import { codecOf, type Dataset, datasetText, loadDataset } from "./_dataset.ts";
import { evaluateSequences } from "./_evaluation.ts";
import { dropoutFeeds, trainingFeeds } from "./_feeds.ts";
import { runSteps } from "./_run.ts";
import { Trainee } from "./_trainee.ts";
import type { SftOptions } from "./sft.ts";

/** Trains. */
export async function* trainSft(parsed: SftOptions, job: TrainJob): AsyncGenerator<TrainEvent> {
  const log: string[] = [];
  await using trainee = await Trainee.create(parsed, (message) => void log.push(message));
  const data = await loadDataset(job, await codecOf(trainee.folder), parsed);
  const context = checkContext(trainee.folder, parsed.maxLength, [...data.training, ...data.evaluation]);
  const steps = plannedSteps(data.training, parsed);
  yield* runSteps(parsed, {
    trainee,
    steps,
    config: JSON.parse(JSON.stringify(parsed)),
    dataHash: data.hash,
    totals: {
      steps: steps.length,
      rows: data.report.rows,
      sequences: data.training.length,
      tokens: steps.reduce((sum, step) => sum + step.tokens, 0),
      trainedTokens: steps.reduce((sum, step) => sum + step.trainedTokens, 0),
      parameters: trainee.parameters,
    },
    notices: [...log, ...context, ...datasetText(data).split("\n")],
    accumulate: (step) => accumulate(trainee, data.training, step, parsed),
    evaluate: data.evaluation.length === 0 ? null : () => evaluate(trainee, data, parsed, job),
  }, job);
}

function plannedSteps(sequences: readonly Sequence[], parsed: SftOptions): readonly PlannedStep[] {
  const { curriculum, curriculumSchedule, curriculumStart, curriculumEpochs, maxSteps } = parsed;
  const { steps } = planRun(sequences, {
    ...parsed,
    curriculum: curriculum
      ? { schedule: curriculumSchedule, startRatio: curriculumStart, warmupEpochs: curriculumEpochs }
      : null,
  });
  return maxSteps === undefined ? steps : steps.slice(0, maxSteps);
}

async function accumulate(
  trainee: Trainee,
  sequences: readonly Sequence[],
  { microBatches, totalWeight }: PlannedStep,
  { packing, maxLength, recompute, headChunk, loraDropout, seed }: SftOptions,
): Promise<{ readonly loss: number }> {
  const shape = {
    maxPositions: maxLength,
    packed: packing,
    recompute,
    loraDropout,
    ...(headChunk === undefined ? {} : { headChunk }),
  };
  const session = await trainee.session("sft", () => trainingGraph(trainee.model, shape));
  let loss = 0;
  // A stream of its own for each update: a run that goes on draws the same.
  const prng = seeded(seed).fork(`dropout ${trainee.learner.updates}`);
  for (const micro of microBatches) {
    const batch = batchOf(sequences, micro, { padId: trainee.fillerId });
    const outputs = await trainee.learner.accumulate(session, {
      ...trainingFeeds(batch, { packed: packing, totalWeight, headChunk }),
      ...(loraDropout > 0 ? dropoutFeeds(batch, prng) : {}),
    });
    loss += floats(outputs["loss"])[0]!;
  }
  return { loss };
}

async function evaluate(trainee: Trainee, { evaluation }: Dataset, parsed: SftOptions, { signal }: TrainJob) {
  const { batchSize, maxLength } = parsed;
  const session = await trainee.scoring({ maxPositions: maxLength });
  const found = await evaluateSequences(session, () => trainee.learner.feeds(), evaluation, {
    batchSize,
    maxLength,
    padId: trainee.fillerId,
    signal,
  });
  return { ...found };
}
