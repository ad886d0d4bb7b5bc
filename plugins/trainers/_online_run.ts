/**
 * The work of {@linkcode onlineTrainer}; apart, so that the runtime loads only when something is trained.
 *
 * @module
 */
import { join } from "node:path";
import { env } from "../../core/env.ts";
import type { Kernel } from "../../core/kernel.ts";
import { fullId } from "../../core/names.ts";
import { deriveSeed } from "../../core/prng.ts";
import type { TrainEvent, TrainJob } from "../../core/trainer.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import type { ActingOptions, ChatModel } from "../models/generation/acting_model.ts";
import { writeJsonl } from "../files/mod.ts";
import { trainingGraph } from "../models/training_graph.ts";
import { floats } from "../onnx/session.ts";
import { wilsonInterval } from "../statistics/mod.ts";
import { batchOf, type PlannedStep, planRun } from "./_data/mod.ts";
import { codecOf } from "./_dataset.ts";
import { trainingFeeds } from "./_feeds.ts";
import { trajectoryEpisode } from "./_grpo/episodes.ts";
import { microBatchesOf } from "./_grpo/batches.ts";
import { preparedSamples } from "./_grpo/prepare.ts";
import { type PolicySample, samplesOf } from "./_grpo/samples.ts";
import { referenceScorer, type Scorer } from "./_grpo/score.ts";
import { accumulateGrpo, type GrpoLossOptions, scoredSequences } from "./_grpo/update.ts";
import { actingTrainee } from "./_online/acting.ts";
import { type Arena, type EpisodeSeeds, playEpisodes } from "./_online/episodes.ts";
import { runSteps } from "./_run.ts";
import { Trainee } from "./_trainee.ts";
import type { OnlineOptions } from "./online.ts";

type Metrics = { readonly loss: number } & Readonly<Record<string, number>>;

/** Acts and trains. */
export async function* trainOnline(
  parsed: OnlineOptions,
  kernel: Kernel,
  job: TrainJob,
): AsyncGenerator<TrainEvent> {
  const log: string[] = [];
  await using trainee = await Trainee.create(parsed, (message) => void log.push(message));
  const model = await actingTrainee(trainee, await codecOf(trainee.folder), parsed);
  await using _generator = model.generator;
  const learner = new OnlineLearner(
    parsed,
    { ...parsed, env: fullId(kernel, env, parsed.env), kernel },
    trainee,
    model,
    job,
  );
  yield* runSteps(parsed, {
    trainee,
    steps: Array.from({ length: parsed.iterations }, (_, epoch): PlannedStep => ({
      epoch,
      microBatches: [],
      totalWeight: 0,
      tokens: 0,
      trainedTokens: 0,
    })),
    config: JSON.parse(JSON.stringify(parsed)),
    dataHash: "",
    totals: { steps: parsed.iterations, parameters: trainee.parameters },
    notices: log,
    accumulate: ({ epoch }) => learner.iterate(epoch),
    evaluate: parsed.evalEpisodes === 0 ? null : () => learner.evaluate(),
  }, job);
}

class OnlineLearner {
  readonly #options: OnlineOptions;
  readonly #arena: Arena;
  readonly #trainee: Trainee;
  readonly #model: ChatModel;
  readonly #job: TrainJob;
  readonly #reference: Scorer | null;

  constructor(options: OnlineOptions, arena: Arena, trainee: Trainee, model: ChatModel, job: TrainJob) {
    this.#options = options;
    this.#arena = arena;
    this.#trainee = trainee;
    this.#model = model;
    this.#job = job;
    this.#reference = options.beta > 0
      ? referenceScorer(trainee, options.maxLength, options.adapter !== undefined)
      : null;
  }

  /** Tries at the tasks of an iteration, and their gradients. */
  async iterate(iteration: number): Promise<Metrics> {
    const { seed, tasks, groupSize, maxLength } = this.#options;
    const seeds = Array.from({ length: tasks * groupSize }, (_, at): EpisodeSeeds => ({
      seed: deriveSeed(seed, "train", iteration, Math.floor(at / groupSize)),
      policySeed: deriveSeed(seed, "policy", iteration, at),
    }));
    const episodes = await this.#play(seeds, this.#options.temperature);
    await this.#record(iteration, episodes);
    const groups = Array.from(
      { length: tasks },
      (_, group) => episodes.slice(group * groupSize, (group + 1) * groupSize).map(trajectoryEpisode),
    );
    const { samples, refused } = samplesOf(groups, {
      maxLength,
      narrowed: this.#options.isCap !== undefined,
    });
    const trained = this.#options.algorithm === "grpo"
      ? await this.#reinforce(samples)
      : await this.#imitate(samples, episodes, iteration);
    return {
      ...outcomesOf(episodes),
      refused: Object.values(refused).reduce((sum, count) => sum + count, 0),
      tokens: samples.reduce(
        (sum, { promptIds, completionIds }) => sum + promptIds.length + completionIds.length,
        0,
      ),
      ...trained,
    };
  }

  /** Greedy episodes on held-out tasks, the same each time. What is best has the lowest `loss`: 1 − success. */
  async evaluate(): Promise<Metrics> {
    const { seed, evalEpisodes } = this.#options;
    const seeds = Array.from({ length: evalEpisodes }, (_, at): EpisodeSeeds => ({
      seed: deriveSeed(seed, "evaluation", at),
      policySeed: deriveSeed(seed, "evaluation policy", at),
    }));
    const episodes = await this.#play(seeds, 0);
    const found = outcomesOf(episodes);
    const { low, high } = wilsonInterval(Math.round(found.success * evalEpisodes), evalEpisodes);
    return { loss: 1 - found.success, ...found, successLow: low, successHigh: high };
  }

  #play(seeds: readonly EpisodeSeeds[], temperature: number): Promise<Trajectory[]> {
    const { system, tools, maxNewTokens } = this.#options;
    const acting: ActingOptions = {
      system,
      tools,
      temperature,
      maxNewTokens,
      topK: 0,
      topP: 1,
      minP: 0,
      repetitionPenalty: 1,
      stop: [],
    };
    return playEpisodes(this.#arena, this.#model, acting, seeds, this.#job.signal);
  }

  async #record(iteration: number, episodes: readonly Trajectory[]): Promise<void> {
    const name = `iteration-${String(iteration + 1).padStart(6, "0")}.jsonl`;
    const folder = join(this.#job.folder, "episodes");
    await Deno.mkdir(folder, { recursive: true });
    await writeJsonl(join(folder, name), episodes);
  }

  async #reinforce(samples: readonly PolicySample[]): Promise<Metrics> {
    const options: GrpoLossOptions = {
      ...this.#options,
      delta: this.#options.delta ?? null,
      isCap: this.#options.isCap ?? null,
    };
    const { sequences, report } = preparedSamples(samples, this.#options);
    const counts = { zeroVarianceGroups: report.zeroVarianceGroups };
    if (sequences.length === 0) return { loss: 0, ...counts };
    const scored = await scoredSequences(
      this.#trainee,
      sequences,
      this.#reference,
      options,
      this.#job.signal,
    );
    const micro = microBatchesOf(scored, scored.map((_, at) => at), options);
    const { reward: _reward, ...metrics } = await accumulateGrpo(this.#trainee, scored, micro, options);
    return { ...metrics, ...counts } as Metrics;
  }

  /** Cross-entropy of what successful episodes sampled, each token counted alike. */
  async #imitate(
    samples: readonly PolicySample[],
    episodes: readonly Trajectory[],
    iteration: number,
  ): Promise<Metrics> {
    const { batchTokens, maxLength, recompute, headChunk } = this.#options;
    const good = samples.filter(({ episode }) => episodes[episode]!.outcome.success === true);
    if (good.length === 0) return { loss: 0, imitated: 0 };
    const sequences = good.map((sample) => sequenceOf(sample));
    const batchSize = Math.max(1, Math.floor(batchTokens / maxLength));
    const { steps } = planRun(sequences, { epochs: 1, batchSize, maxLength, seed: iteration });
    const totalWeight = steps.reduce((sum, step) => sum + step.totalWeight, 0);
    const shape = { maxPositions: maxLength, recompute, ...(headChunk === undefined ? {} : { headChunk }) };
    const session = await this.#trainee.session("imitation", () => trainingGraph(this.#trainee.model, shape));
    let loss = 0;
    for (const micro of steps.flatMap((step) => step.microBatches)) {
      const batch = batchOf(sequences, micro, { padId: this.#trainee.fillerId });
      const feeds = trainingFeeds(batch, { packed: false, totalWeight, headChunk });
      const outputs = await this.#trainee.learner.accumulate(session, feeds);
      loss += floats(outputs["loss"])[0]!;
    }
    return { loss, imitated: good.length };
  }
}

function sequenceOf({ promptIds, completionIds, mask, episode }: PolicySample) {
  const length = promptIds.length + completionIds.length;
  const ids = new Int32Array(length);
  const weights = new Float32Array(length);
  ids.set(promptIds);
  ids.set(completionIds, promptIds.length);
  weights.set(mask, promptIds.length);
  return {
    ids,
    weights,
    roles: new Uint8Array(length),
    steps: new Int32Array(length),
    row: episode,
    chunk: 0,
    chunks: 1,
    origin: `episode ${episode}`,
    group: String(episode),
    features: { steps: 1, reward: null, length },
  };
}

/** Means over episodes. */
function outcomesOf(episodes: readonly Trajectory[]) {
  const mean = (value: (episode: Trajectory) => number) =>
    episodes.reduce((sum, episode) => sum + value(episode), 0) / episodes.length;
  return {
    success: mean(({ outcome }) => outcome.success === true ? 1 : 0),
    reward: mean(({ reward }) => reward ?? 0),
    episodeSteps: mean(({ steps }) => steps.length),
    errors: mean(({ outcome }) => outcome.error === null ? 0 : 1),
  };
}
