/**
 * Iterations of an online run: tries are played, scored and selected, the model is trained on them; now and then it is
 * evaluated and judged.
 *
 * @module
 */
import { deriveSeed, seeded } from "../../../core/prng.ts";
import type { Trajectory } from "../../../core/trajectory.ts";
import { writeAtomic } from "../../files/mod.ts";
import type { PlannedStep } from "../_data/mod.ts";
import { shuffled } from "../_data/pack.ts";
import { trajectoryEpisode } from "../_grpo/episodes.ts";
import { samplesOf } from "../_grpo/samples.ts";
import type { Evaluated, Judgement } from "../_run_parts.ts";
import type { OnlineOptions } from "../online.ts";
import type { Collector } from "./collect.ts";
import { curveOf, curvePicture } from "./curve.ts";
import { judged, type Played } from "./gate.ts";
import { imitate } from "./imitate.ts";
import type { Journal } from "./journal.ts";
import { readEpisodes } from "./journal.ts";
import type { Lesson, LessonMetrics, LessonWorld, Teach } from "./lesson.ts";
import { measured, outcomesOf } from "./outcomes.ts";
import { prefer } from "./prefer.ts";
import { reinforce } from "./reinforce.ts";

/** How tries become a lesson, by the option `algorithm`. */
const LESSONS: Readonly<Record<OnlineOptions["algorithm"], Teach>> = {
  grpo: reinforce,
  dpo: prefer,
  rejection: imitate,
};

/** Why an iteration may have nothing to train on, by the option `algorithm`. */
const IDLE: Readonly<Record<OnlineOptions["algorithm"], string>> = {
  grpo:
    "all tries at a task earned the same, so none is better; easier tasks, or a model that was shown some, help",
  dpo: "no two tries at a task differed in what they earned by more than minMargin",
  rejection: "no try succeeded, or earned minReward",
};

/** One update: which iteration it belongs to, and its number there from 0. */
export interface OnlineStep extends PlannedStep {
  readonly update: number;
}

/** What a learner works with. */
export interface LearnerParts extends Omit<LessonWorld, "kept"> {
  readonly collector: Collector;
  /** Opened at the first use: until then it is not known whether the run may use its folder. */
  readonly journal: () => Promise<Journal>;
}

interface Begun {
  readonly iteration: number;
  readonly lesson: Lesson;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Learns by acting. */
export class OnlineLearner {
  readonly #parts: LearnerParts;
  #begun: Begun | null = null;
  #played: Played | null = null;

  constructor(parts: LearnerParts) {
    this.#parts = parts;
  }

  /** Updates of an iteration. */
  static updatesOf({ passes, miniBatches }: OnlineOptions): number {
    return passes * miniBatches;
  }

  /** The gradients of an update; the first one of an iteration plays its tries. */
  async accumulate({ epoch, update }: OnlineStep): Promise<LessonMetrics> {
    const iteration = epoch + 1;
    const anew = this.#begun?.iteration !== iteration;
    const begun = anew ? await this.#begin(iteration) : this.#begun!; // sound: it has this iteration
    this.#begun = begun;
    const items = this.#itemsOf(begun, update);
    const trained = items.length === 0 ? { loss: 0 } : await begun.lesson.accumulate(items);
    const journal = await this.#parts.journal();
    await journal.note(iteration, update === 0 ? "train" : `train-${update + 1}`, {
      loss: finite(trained.loss),
    });
    return { ...(anew ? begun.metrics : {}), ...trained };
  }

  /** Greedy episodes on held-out tasks. What is better has the lower `loss`: 1 − success, or −reward. */
  async evaluate(step: number): Promise<LessonMetrics> {
    const { options, collector } = this.#parts;
    const { measure } = options;
    const iteration = step / OnlineLearner.updatesOf(options);
    const episodes = await collector.heldOut(iteration, await this.#parts.journal());
    this.#played = { iteration, values: episodes.map((episode) => measured(episode, measure)) };
    const found = outcomesOf(episodes);
    return { loss: measure === "success" ? 1 - found.success : -found.reward, ...found };
  }

  /** Compares the last evaluation with that of the incumbent. */
  async judge({ metrics }: Evaluated, bestStep: number | null): Promise<Judgement> {
    const { options } = this.#parts;
    const journal = await this.#parts.journal();
    const candidate = this.#played!; // sound: what is judged was evaluated just now
    const incumbent = bestStep === null
      ? null
      : await this.#playedBy(bestStep / OnlineLearner.updatesOf(options), journal);
    const judgement = judged(candidate, incumbent, options);
    const { decision, reason = null, stop = null } = judgement;
    const facts = { decision, reason, stop, incumbent: incumbent?.iteration ?? null };
    await journal.note(candidate.iteration, "judge", { ...facts, ...metrics, ...judgement.metrics });
    await this.draw();
    // A roll back replaces what the iteration began with.
    this.#begun = null;
    return judgement;
  }

  /** Why nothing was trained on, where that was so in half of the iterations or more; else null. */
  async idleness(): Promise<string | null> {
    const { options, journal } = this.#parts;
    const selected = (await journal()).finished.filter(({ stage }) => stage === "select");
    const idle = selected.filter(({ facts }) => facts?.["items"] === 0).length;
    if (idle === 0 || 2 * idle < selected.length) return null;
    const all = selected.length === 1 ? "the only iteration" : `${idle} of ${selected.length} iterations`;
    return `Nothing was trained on in ${all}: ${IDLE[options.algorithm]}`;
  }

  /** Writes the learning curve, as data and as a picture. */
  async draw(): Promise<void> {
    const journal = await this.#parts.journal();
    const curve = curveOf(journal.finished, this.#parts.options);
    await writeAtomic(journal.file("curve.json"), `${JSON.stringify(curve, null, 2)}\n`);
    await writeAtomic(journal.file("curve.svg"), curvePicture(curve));
  }

  async #begin(iteration: number): Promise<Begun> {
    const { options, collector } = this.#parts;
    const journal = await this.#parts.journal();
    const groups = await collector.collect(iteration, journal);
    const episodes = groups.flat();
    const { samples, refused } = samplesOf(groups.map((group) => group.map(trajectoryEpisode)), {
      maxLength: options.maxLength,
      narrowed: options.isCap !== undefined,
    });
    const kept: LessonWorld["kept"] = async (name, make) => {
      const arrays = await journal.data(
        iteration,
        name,
        async () => (await make()).map((array) => [...array]),
      );
      return arrays.map((array) => Float32Array.from(array));
    };
    const lesson = await LESSONS[options.algorithm](samples, episodes, { ...this.#parts, kept });
    const counts = {
      tasks: groups.length,
      refused: Object.values(refused).reduce((sum, count) => sum + count, 0),
      ...lesson.facts,
    };
    await journal.note(iteration, "select", { ...counts, items: lesson.items, reasons: refused });
    const tokens = samples.reduce(
      (sum, { promptIds, completionIds }) => sum + promptIds.length + completionIds.length,
      0,
    );
    return { iteration, lesson, metrics: { ...outcomesOf(episodes), ...counts, tokens } };
  }

  /** Each pass takes every item once, in an order of its own when there are several updates. */
  #itemsOf({ iteration, lesson }: Begun, update: number): readonly number[] {
    const { seed, miniBatches } = this.#parts.options;
    const all = Array.from({ length: lesson.items }, (_, item) => item);
    if (miniBatches === 1) return all;
    const pass = Math.floor(update / miniBatches);
    const order = shuffled(all, seeded(deriveSeed(seed, "order", iteration, pass)));
    const part = update % miniBatches;
    const cut = (at: number) => Math.floor(at * order.length / miniBatches);
    return order.slice(cut(part), cut(part + 1));
  }

  async #playedBy(iteration: number, journal: Journal): Promise<Played> {
    const file = journal.evaluationFile(iteration);
    const episodes: readonly Trajectory[] | null = await readEpisodes(file);
    if (episodes === null) {
      throw new TypeError(
        `Cannot compare with the incumbent: wanted its episodes in ${file}: received no file`,
      );
    }
    return { iteration, values: episodes.map((episode) => measured(episode, this.#parts.options.measure)) };
  }
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
