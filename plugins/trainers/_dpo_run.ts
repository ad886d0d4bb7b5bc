/**
 * The work of {@linkcode dpoTrainer}; apart, so that the runtime and tokenizers load only when something is trained.
 *
 * @module
 */
import type { TrainEvent, TrainJob } from "../../core/trainer.ts";
import { floats } from "../onnx/session.ts";
import { planItems, type PlannedStep, type Sequence } from "./_data/mod.ts";
import { checkContext } from "./_context.ts";
import { codecOf } from "./_dataset.ts";
import { answerFeeds, answersOf, type ItemBatch, objectiveFeeds } from "./_preference/batch.ts";
import { loadPreferences, type PreferenceData } from "./_preference/dataset.ts";
import { preferenceGraph } from "./_preference/graph.ts";
import { plannedItem } from "./_preference/item.ts";
import { PreferenceMetrics } from "./_preference/metrics.ts";
import { type Objective, objectiveGraph, scoreRule, sidesOf } from "./_preference/objective.ts";
import {
  type ReferenceModel,
  referenceModel,
  type ReferenceScores,
  referenceScores,
} from "./_preference/reference.ts";
import { scoreAnswers } from "./_preference/score.ts";
import { runSteps } from "./_run.ts";
import { Trainee } from "./_trainee.ts";
import type { DpoOptions } from "./dpo.ts";

/** Learning rates when none is given. */
const LEARNING_RATES = { lora: 5e-5, full: 5e-6 } as const;

/** Trains. */
export async function* trainDpo(parsed: DpoOptions, job: TrainJob): AsyncGenerator<TrainEvent> {
  const log: string[] = [];
  await using trainee = await Trainee.create(parsed, (message) => void log.push(message));
  const data = await loadPreferences(job, await codecOf(trainee.folder), parsed);
  const run = new PreferenceRun(trainee, data, parsed, job);
  const { training, evaluation } = data;
  const context = checkContext(trainee.folder, parsed.maxLength, [
    ...training.sequences,
    ...evaluation.sequences,
  ]);
  // Packing is for the rows of a micro-batch: how many pairs it holds does not depend on their lengths.
  const { steps } = planItems(training.items.map((item) => plannedItem(item, 1)), {
    ...parsed,
    packing: false,
  });
  const planned = parsed.maxSteps === undefined ? steps : steps.slice(0, parsed.maxSteps);
  const events = runSteps({ ...parsed, learningRate: parsed.learningRate ?? LEARNING_RATES[parsed.method] }, {
    trainee,
    steps: planned,
    config: JSON.parse(JSON.stringify(parsed)),
    dataHash: data.hash,
    totals: {
      steps: planned.length,
      rows: data.rows,
      pairs: training.items.length,
      tokens: planned.reduce((sum, step) => sum + step.tokens, 0),
      trainedTokens: planned.reduce((sum, step) => sum + step.trainedTokens, 0),
      parameters: trainee.parameters,
    },
    notices: [...log, ...context, data.text],
    accumulate: (step) => run.accumulate(step),
    evaluate: evaluation.items.length === 0 ? null : () => run.evaluate(),
  }, job);
  for await (const event of events) {
    yield event;
    if (event.kind === "start") yield* run.prepare();
  }
}

/** What steps and evaluations of one run share. */
class PreferenceRun {
  readonly #trainee: Trainee;
  readonly #data: PreferenceData;
  readonly #parsed: DpoOptions;
  readonly #job: TrainJob;
  readonly #objective: Objective;
  readonly #model: ReferenceModel;
  #reference: ReferenceScores | null = null;

  /** Takes what the reference needs from the trainee, before anything is trained or restored. */
  constructor(trainee: Trainee, data: PreferenceData, parsed: DpoOptions, job: TrainJob) {
    [this.#trainee, this.#data, this.#parsed, this.#job] = [trainee, data, parsed, job];
    this.#objective = { ...parsed, gamma: parsed.gamma ?? parsed.beta / 2 };
    this.#model = referenceModel(trainee, parsed.adapter !== undefined, parsed.reference === "base");
  }

  /** Finds the reference's log-probabilities, where the loss has a reference. */
  async *prepare(): AsyncGenerator<TrainEvent> {
    const { loss, model, adapter = "", reference, threads } = this.#parsed;
    if (!scoreRule(loss).reference) return;
    const { folder, resume = false, signal } = this.#job;
    const { training, evaluation } = this.#data;
    const answers = training.sequences.length + evaluation.sequences.length;
    yield { kind: "notice", message: `Scoring ${answers} answers under the reference` };
    try {
      this.#reference = await referenceScores(this.#model, this.#trainee.provider, this.#data, {
        ...this.#scoring,
        folder,
        resume,
        threads,
        settings: { model, adapter, reference },
      });
    } catch (thrown) {
      if (signal?.aborted === true && thrown === signal.reason) return; // the run ends before it needs them
      throw thrown;
    }
  }

  /** Adds up the gradients of a step. */
  async accumulate(step: PlannedStep): Promise<Readonly<Record<string, number>>> {
    const { packing, maxLength, recompute, headChunk } = this.#parsed;
    const { learner, model } = this.#trainee;
    const saving = { recompute, ...(headChunk === undefined ? {} : { headChunk }) };
    const session = await this.#trainee.session(
      "dpo",
      () => preferenceGraph(model, this.#objective, { maxPositions: maxLength, packed: packing, ...saving }),
    );
    const shift = await this.#shift(step.microBatches.flatMap(({ rows }) => rows.flat()));
    const metrics = new PreferenceMetrics({ ...scoreRule(this.#parsed.loss), beta: this.#parsed.beta });
    const layout = { padId: this.#trainee.fillerId, packing, headChunk };
    let loss = 0;
    for (const { rows, length } of step.microBatches) {
      const batch = this.#batch("training", rows.flat(), { total: step.totalWeight, shift });
      const feeds = { ...answerFeeds(batch, length, layout), ...objectiveFeeds(batch) };
      const outputs = await learner.accumulate(session, feeds);
      loss += floats(outputs["loss"])[0]!;
      metrics.add(batch, floats(outputs["answers"]));
    }
    return { loss, ...metrics.result() };
  }

  /** Loss and metrics over all held-out items. */
  async evaluate(): Promise<{ readonly loss: number } & Readonly<Record<string, number>>> {
    const { items, sequences } = this.#data.evaluation;
    const policy = await this.#score(sequences);
    const others = sequences.map((_, at) => at).slice(items.length);
    const shift = this.#parsed.loss === "kto" ? shiftOf(others, policy, this.#reference!.evaluation) : 0;
    const batch = this.#batch("evaluation", items.map((_, at) => at), { total: items.length, shift });
    const answers = answersOf(batch).map((index) => policy[index]!);
    const session = await this.#trainee.session("dpo loss", () => objectiveGraph(this.#objective));
    const outputs = await session.run({
      answers: { data: Float32Array.from(answers), shape: [batch.sides, items.length] },
      ...objectiveFeeds(batch),
    });
    const metrics = new PreferenceMetrics({ ...scoreRule(this.#parsed.loss), beta: this.#parsed.beta });
    metrics.add(batch, answers);
    return { loss: floats(outputs["loss"])[0]!, ...metrics.result() };
  }

  /** For `kto`: how far the policy is from the reference on the prompts of these items with other answers. */
  async #shift(items: readonly number[]): Promise<number> {
    if (this.#parsed.loss !== "kto") return 0;
    const { training } = this.#data;
    const others = items.map((item) => training.items.length + item);
    const policy = await this.#score(others.map((index) => training.sequences[index]!));
    const reference = others.map((index) => this.#reference!.training[index]!);
    return shiftOf(items.map((_, at) => at), policy, reference);
  }

  async #score(sequences: readonly Sequence[]): Promise<Float64Array> {
    const session = await this.#trainee.scoring({ maxPositions: this.#parsed.maxLength });
    return await scoreAnswers(session, sequences, {
      ...this.#scoring,
      parameters: this.#trainee.learner.feeds(),
    });
  }

  #batch(
    of: "training" | "evaluation",
    items: readonly number[],
    { total, shift }: { readonly total: number; readonly shift: number },
  ): ItemBatch {
    const { sequences, weights, items: all } = this.#data[of];
    const { loss } = this.#parsed;
    return {
      sides: sidesOf(loss),
      items,
      sequences,
      reference: this.#reference?.[of] ?? new Float64Array(sequences.length),
      weights: items.map((item) => weights[item]! / total),
      judged: loss === "kto" ? { good: items.map((item) => all[item]!.good === true), shift } : null,
    };
  }

  get #scoring() {
    const { batchSize, maxLength } = this.#parsed;
    // A pair takes two rows when it is trained.
    return { batchSize: 2 * batchSize, maxLength, padId: this.#trainee.fillerId, signal: this.#job.signal };
  }
}

/** z₀ of `kto`: mean of log π − log ρ, at least 0. */
function shiftOf(
  indices: readonly number[],
  policy: ArrayLike<number>,
  reference: ArrayLike<number>,
): number {
  const sum = indices.reduce((all, index) => all + policy[index]! - reference[index]!, 0);
  return Math.max(0, sum / indices.length);
}
