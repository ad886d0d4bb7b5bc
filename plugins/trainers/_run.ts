/**
 * The course of a run: planned steps one after another, with evaluations, checkpoints, early stopping and a resume that
 * gives the same bytes as a run that was never stopped.
 *
 * @module
 */
import { join } from "node:path";
import { GymError, isGymError, messageOf } from "../../core/errors.ts";
import { seeded } from "../../core/prng.ts";
import type { TrainEvent, TrainJob } from "../../core/trainer.ts";
import { learningRate, type Schedule, warmupStepsOf } from "../onnx/schedule.ts";
import {
  type Checkpoint,
  CheckpointStore,
  readState,
  readVectors,
  type TrainState,
  writeState,
  writeVectors,
} from "./_checkpoint/mod.ts";
import type { PlannedStep } from "./_data/mod.ts";
import { configHash, refuseOther } from "./_config_hash.ts";
import type { Update } from "./_learner.ts";
import type { Evaluated, Judgement, RunOptions, RunParts } from "./_run_parts.ts";
import type { Trainee } from "./_trainee.ts";

/** Learning rate when none is given. */
const LEARNING_RATES = { lora: 2e-4, full: 2e-5 } as const;

/** File in a checkpoint that holds the optimiser's moments. */
const MOMENTS = "optimizer.safetensors";

/** Runs the planned steps. */
export async function* runSteps<S extends PlannedStep>(
  options: RunOptions,
  parts: RunParts<S>,
  job: TrainJob,
): AsyncGenerator<TrainEvent> {
  const run = await Run.open(options, parts, job);
  yield { kind: "start", step: run.step, config: parts.config, totals: parts.totals };
  for (const message of parts.notices ?? []) yield { kind: "notice", message };
  yield* run.notices();
  yield* run.go();
}

/** What a checkpoint knows of a run beside the fields that all states have. */
interface Cursor {
  readonly updates: number;
  readonly nonFinite: number;
  readonly evaluation: Evaluated | null;
  /** Step of what is the best so far; null before the first evaluation. */
  readonly bestStep: number | null;
  /** Why the run ends at this step, or null. */
  readonly stop: string | null;
}

class Run<S extends PlannedStep> {
  step = 0;
  readonly #options: RunOptions;
  readonly #parts: RunParts<S>;
  readonly #job: TrainJob;
  readonly #store: CheckpointStore;
  readonly #schedule: Schedule;
  readonly #notices: string[];
  #bestMetric: number | null = null;
  #bestStep: number | null = null;
  #stop: string | null = null;
  #sinceBest = 0;
  #nonFinite = 0;
  /** The checkpoint that says all there is to say now; null when there is none. */
  #saved: { readonly step: number; readonly folder: string } | null = null;
  #lastEvaluation: Evaluated | null = null;

  private constructor(
    options: RunOptions,
    parts: RunParts<S>,
    job: TrainJob,
    store: CheckpointStore,
    notices: string[],
  ) {
    this.#options = options;
    this.#parts = parts;
    this.#job = job;
    this.#store = store;
    this.#notices = notices;
    const steps = parts.steps.length;
    this.#schedule = {
      kind: options.schedule as Schedule["kind"], // sound: the options' schema lists the kinds
      peak: options.learningRate ?? LEARNING_RATES[options.method],
      steps,
      warmupSteps: warmupStepsOf(options.warmupRatio, steps),
    };
  }

  /** Opens the folder; goes on from its newest checkpoint when the job says so. */
  static async open<S extends PlannedStep>(
    options: RunOptions,
    parts: RunParts<S>,
    job: TrainJob,
  ): Promise<Run<S>> {
    const notices: string[] = [];
    const store = await CheckpointStore.open(join(job.folder, "checkpoints"), {
      keep: options.keep,
      onNotice: (message) => void notices.push(message),
    });
    const run = new Run(options, parts, job, store, notices);
    if (job.resume === true) {
      const latest = await store.latest();
      if (latest === null) notices.push(`No checkpoint in ${store.folder}: starting from the first step`);
      else await run.#restore(latest);
    } else if ((await store.steps()).length > 0) {
      if (!options.overwrite) throw occupied(job.folder);
      await store.rewind(-1); // one taken before the first step goes as well
      for (const name of ["final", "best"]) await removed(join(job.folder, name));
    }
    return run;
  }

  *notices(): Iterable<TrainEvent> {
    const found = this.#parts.found?.splice(0) ?? [];
    for (const message of [...this.#notices.splice(0), ...found]) yield { kind: "notice", message };
  }

  async *go(): AsyncGenerator<TrainEvent> {
    const { patience = Infinity } = this.#options;
    for (;;) {
      if (this.#evaluationDue() && !(yield* this.#evaluate())) return yield* this.#interrupted();
      const stop = this.#stop !== null || this.#sinceBest >= patience;
      if (this.#saved?.step !== this.step && (stop || this.#saveDue())) yield await this.#save(true);
      if (stop) return yield await this.#finish("early_stop");
      if (this.step === this.#parts.steps.length) return yield await this.#finish("done");
      if (this.#job.signal?.aborted === true) return yield* this.#interrupted();
      const told = await this.#advance(this.#parts.steps[this.step]!);
      if (told === null) return yield* this.#interrupted();
      yield told;
      yield* this.notices();
    }
  }

  /** One update; null when it was cut short and changed nothing. */
  async #advance(step: S): Promise<TrainEvent | null> {
    const now = this.#job.now ?? (() => performance.now());
    const began = now();
    const metrics = await this.#accumulated(step);
    if (metrics === null) return null;
    const rate = learningRate(this.#schedule, this.step);
    const { gradientNorm, applied } = this.#update(metrics, rate);
    this.#guard(applied);
    this.step++;
    const tokens = metrics["tokens"] ?? step.tokens;
    return {
      kind: "step",
      step: this.step,
      steps: this.#parts.steps.length,
      metrics: {
        trainedTokens: step.trainedTokens,
        ...metrics,
        learningRate: rate,
        gradientNorm,
        tokens,
        tokensPerSecond: tokens / Math.max((now() - began) / 1000, 1e-6),
        memoryBytes: Deno.memoryUsage().rss,
        epoch: step.epoch,
      },
    };
  }

  #update(metrics: Readonly<Record<string, number>>, rate: number): Update {
    const { learner } = this.#parts.trainee;
    if (!Object.values(metrics).every(Number.isFinite)) return learner.discard();
    // A step whose samples taught nothing changes nothing.
    if (learner.gradients === null) return { gradientNorm: 0, applied: true };
    return learner.update({ ...this.#options, learningRate: rate });
  }

  async #accumulated(step: S): Promise<Readonly<Record<string, number>> | null> {
    try {
      return await this.#parts.accumulate(step);
    } catch (thrown) {
      if (isAbort(this.#job, thrown)) {
        this.#parts.trainee.learner.forget();
        return null;
      }
      if (isGymError(thrown) && thrown.code !== "ENGINE_FAILED") throw thrown; // it says itself what is wrong
      const size = step.microBatches.map(({ rows, length }) => `${rows.length} × ${length}`).join(", ");
      throw new GymError(
        "ENGINE_FAILED",
        `Cannot train step ${this.step + 1} with batches of ${size} tokens: ${
          messageOf(thrown)
        }; when memory is ` +
          "short, resume with recompute or headChunk, or begin anew with a smaller batchSize or maxLength; the last " +
          "checkpoint is whole",
        { step: this.step + 1 },
        { cause: thrown },
      );
    }
  }

  /** An update with numbers that are not finite was left out; too many in a row end the run. */
  #guard(finite: boolean): void {
    if (finite) {
      this.#nonFinite = 0;
      return;
    }
    this.#nonFinite++;
    this.#notices.push(`Step ${this.step + 1} met numbers that are not finite and changed nothing`);
    if (this.#nonFinite < this.#options.maxNonFinite) return;
    throw new GymError(
      "DIVERGED",
      `Cannot go on training: wanted finite losses and gradients: received others in ${this.#nonFinite} steps in a ` +
        `row, up to step ${this.step + 1}; a lower learningRate helps, the last checkpoint is whole`,
      { step: this.step + 1 },
    );
  }

  #evaluationDue(): boolean {
    if (this.#parts.evaluate === null || this.#lastEvaluation?.step === this.step) return false;
    const { steps } = this.#parts;
    if (this.step === 0 || this.step === steps.length) return true;
    const { evalEvery } = this.#options;
    if (evalEvery !== undefined) return this.step % evalEvery === 0;
    return steps[this.step]!.epoch !== steps[this.step - 1]!.epoch;
  }

  /** Evaluates; false when it was cut short. */
  async *#evaluate(): AsyncGenerator<TrainEvent, boolean> {
    const metrics = await this.#evaluated();
    if (metrics === null) return false;
    const { decision, reason, stop, metrics: more } = await this.#judged({ step: this.step, metrics });
    this.#lastEvaluation = { step: this.step, metrics: { ...metrics, ...more } };
    this.#saved = null; // a checkpoint of this step was taken before
    this.#stop = stop ?? null;
    if (decision === "promote") {
      this.#bestMetric = metrics.loss;
      this.#bestStep = this.step;
      this.#sinceBest = 0;
    } else this.#sinceBest++;
    yield { kind: "evaluation", ...this.#lastEvaluation };
    yield* this.notices();
    if (reason !== undefined) yield { kind: "notice", message: reason };
    if (stop !== undefined) yield { kind: "notice", message: stop };
    if (decision === "roll_back") yield* this.#rollBack();
    return true;
  }

  async #judged(evaluated: Evaluated): Promise<Judgement> {
    if (this.#parts.judge !== undefined) return await this.#parts.judge(evaluated, this.#bestStep);
    const loss = evaluated.metrics["loss"]!; // sound: every evaluation has one
    const better = Number.isFinite(loss) && (this.#bestMetric === null || loss < this.#bestMetric);
    return { decision: better ? "promote" : "keep" };
  }

  /** Puts what was the best in the place of what was trained since, and saves that at once. */
  async *#rollBack(): AsyncGenerator<TrainEvent> {
    const best = await this.#store.best();
    if (best === null) throw new TypeError("Cannot roll back: wanted a promoted checkpoint: received none");
    await this.#restoreParameters(best.folder, cursorOf(await readState(best.folder)));
    yield await this.#save(false);
  }

  async #evaluated(): Promise<{ readonly loss: number } & Readonly<Record<string, number>> | null> {
    try {
      return await this.#parts.evaluate!(this.step); // sound: an evaluation is due only when there is one
    } catch (thrown) {
      if (isAbort(this.#job, thrown)) return null;
      throw thrown;
    }
  }

  #saveDue(): boolean {
    const { saveEvery } = this.#options;
    // What is judged may come back to where it began; without a judge the first step has what the model's folder has.
    if (this.step === 0) return this.#parts.judge !== undefined && this.#bestStep === 0;
    return this.step === this.#parts.steps.length || (saveEvery > 0 && this.step % saveEvery === 0) ||
      (this.#lastEvaluation?.step === this.step && this.#sinceBest === 0);
  }

  /** @param ranked Whether it may become the best one: one that only an interruption asks for may not. */
  async #save(ranked: boolean): Promise<TrainEvent> {
    const { trainee, steps, dataHash } = this.#parts;
    const metric = ranked && this.#lastEvaluation?.step === this.step ? this.#rank() : undefined;
    const state: TrainState = {
      step: this.step,
      epoch: this.step === 0 ? 0 : steps[this.step - 1]!.epoch,
      cursor: {
        updates: trainee.learner.updates,
        nonFinite: this.#nonFinite,
        evaluation: this.#lastEvaluation === null
          ? null
          : { step: this.#lastEvaluation.step, metrics: finite(this.#lastEvaluation.metrics) },
        bestStep: this.#bestStep,
        stop: this.#stop,
      },
      prng: seeded(this.#options.seed).state(),
      bestMetric: this.#bestMetric,
      evaluationsSinceBest: this.#sinceBest,
      configHash: configHash(this.#parts.config),
      dataHash,
      versions: { deno: Deno.version.deno },
    };
    const folder = await this.#store.save(this.step, async (part) => {
      await trainee.save(part);
      await writeVectors(join(part, MOMENTS), momentsOf(trainee));
      await writeState(part, state);
    }, metric === undefined ? {} : { metric });
    this.#saved = { step: this.step, folder };
    return { kind: "checkpoint", step: this.step, folder };
  }

  /** What the checkpoint of this step is ranked by: the lowest is the best. A judge's choice is the newest promoted. */
  #rank(): number | undefined {
    if (this.#parts.judge === undefined) return this.#lastEvaluation!.metrics["loss"]; // sound: asked after one
    return this.#bestStep === this.step ? -this.step : undefined;
  }

  async #restore({ folder, step }: Checkpoint): Promise<void> {
    const state = await readState(folder);
    refuseOther(folder, "options", state.configHash, configHash(this.#parts.config));
    refuseOther(folder, "data", state.dataHash, this.#parts.dataHash);
    const cursor = cursorOf(state);
    await this.#restoreParameters(folder, cursor);
    const { nonFinite, evaluation, bestStep, stop } = cursor;
    this.#nonFinite = nonFinite;
    this.#bestStep = bestStep;
    this.#stop = stop;
    this.#bestMetric = state.bestMetric;
    this.#sinceBest = state.evaluationsSinceBest;
    this.#lastEvaluation = evaluation;
    this.#saved = { step, folder };
    this.step = step;
  }

  /** Parameters and optimiser of a checkpoint. */
  async #restoreParameters(folder: string, { updates }: Cursor): Promise<void> {
    const { trainee } = this.#parts;
    await trainee.load(folder);
    restoreMoments(trainee, await readVectors(join(folder, MOMENTS)), folder);
    trainee.learner.updates = updates;
  }

  async *#interrupted(): AsyncGenerator<TrainEvent> {
    if (this.#saved?.step !== this.step) yield await this.#save(false);
    yield {
      kind: "end",
      step: this.step,
      reason: "interrupted",
      summary: { checkpoint: this.#saved!.folder }, // sound: it was just saved or is there
    };
  }

  /** Writes `final`, and `best` when evaluations chose one. */
  async #finish(reason: "done" | "early_stop"): Promise<TrainEvent> {
    const { folder } = this.#job;
    const { trainee } = this.#parts;
    const best = this.#parts.evaluate === null ? null : await this.#store.best();
    await replaced(join(folder, "final"), (path) => trainee.saveAs(path));
    if (best === null) await removed(join(folder, "best"));
    else {
      const source = join(best.folder, trainee.model.lora === null ? "model" : "adapter");
      await replaced(join(folder, "best"), (path) => copyFolder(source, path));
    }
    return {
      kind: "end",
      step: this.step,
      reason,
      summary: {
        final: join(folder, "final"),
        best: best === null
          ? null
          : { folder: join(folder, "best"), step: best.step, loss: this.#bestMetric },
        evaluation: this.#lastEvaluation?.metrics ?? null,
      },
    };
  }
}

function cursorOf({ cursor }: TrainState): Cursor {
  return cursor as unknown as Cursor; // sound: this file wrote it
}

function isAbort({ signal }: TrainJob, thrown: unknown): boolean {
  return signal?.aborted === true && thrown === signal.reason;
}

function momentsOf({ model, learner }: Trainee): Map<string, Float32Array> {
  return new Map(model.buckets.flatMap((bucket, at) => {
    const { first, second } = learner.states[at]!;
    // Sound: a learner's state is float32.
    return [[`first.${bucket.name}`, first as Float32Array], [
      `second.${bucket.name}`,
      second as Float32Array,
    ]];
  }));
}

function restoreMoments(
  { model, learner }: Trainee,
  vectors: ReadonlyMap<string, Float32Array>,
  folder: string,
): void {
  for (const [at, bucket] of model.buckets.entries()) {
    const [first, second] = [vectors.get(`first.${bucket.name}`), vectors.get(`second.${bucket.name}`)];
    if (first?.length !== bucket.size || second?.length !== bucket.size) {
      throw new GymError(
        "INVALID_DATA",
        `Cannot resume from ${folder}: wanted ${bucket.size} moments of "${bucket.name}": received ${
          first?.length ?? 0
        }`,
        { folder },
      );
    }
    learner.states[at]!.first.set(first);
    learner.states[at]!.second.set(second);
  }
}

function occupied(folder: string): GymError {
  return new GymError(
    "FILE_ACCESS",
    `Cannot train into ${folder}: wanted a folder without a run: it has checkpoints; resume the run, or overwrite it`,
    { folder },
  );
}

/** JSON has no other numbers. */
function finite(metrics: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value)));
}

async function removed(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((thrown) => {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  });
}

/** Makes a folder in the place of one that may be there; the new one is whole before the old one goes. */
async function replaced(path: string, make: (path: string) => Promise<void>): Promise<void> {
  const [fresh, old] = [`${path}.new`, `${path}.old`];
  await removed(fresh);
  await make(fresh);
  await removed(old);
  await Deno.rename(path, old).catch((thrown) => {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  });
  await Deno.rename(fresh, path);
  await removed(old);
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) await Deno.copyFile(join(from, name), join(to, name));
}
