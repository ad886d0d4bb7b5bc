/**
 * What came of a run: by source, by rubric, by data set.
 *
 * @module
 */
import type { Score, Trajectory } from "../../../core/trajectory.ts";
import { sourceOf } from "./rows.ts";

/** Numbers of one source, or of all. */
export interface SourceSummary {
  readonly episodes: number;
  readonly steps: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly unknown: number;
  /** Episodes that an error ended. */
  readonly errors: number;
  /** Of episodes that have a reward; null when none has. */
  readonly meanReward: number | null;
  /** Mean score by rubric, over all scores it gave to steps and episodes. */
  readonly rubrics: Readonly<Record<string, number>>;
}

/** Adds up trajectories. */
class Tally {
  #episodes = 0;
  #steps = 0;
  #succeeded = 0;
  #failed = 0;
  #errors = 0;
  readonly #reward = new Mean();
  readonly #rubrics = new Map<string, Mean>();

  add(trajectory: Trajectory): void {
    this.#episodes++;
    this.#steps += trajectory.steps.length;
    if (trajectory.outcome.success === true) this.#succeeded++;
    if (trajectory.outcome.success === false) this.#failed++;
    if (trajectory.outcome.error !== null) this.#errors++;
    if (trajectory.reward !== null) this.#reward.add(trajectory.reward);
    for (const score of trajectory.scores) this.#addScore(score);
    for (const { scores } of trajectory.steps) for (const score of scores) this.#addScore(score);
  }

  #addScore({ rubric, value }: Score): void {
    const mean = this.#rubrics.get(rubric) ?? new Mean();
    this.#rubrics.set(rubric, mean);
    mean.add(value);
  }

  summary(): SourceSummary {
    const rubrics = [...this.#rubrics].sort(([a], [b]) => a < b ? -1 : 1);
    return {
      episodes: this.#episodes,
      steps: this.#steps,
      succeeded: this.#succeeded,
      failed: this.#failed,
      unknown: this.#episodes - this.#succeeded - this.#failed,
      errors: this.#errors,
      meanReward: this.#reward.value(),
      rubrics: Object.fromEntries(rubrics.map(([id, mean]) => [id, mean.value() ?? 0])),
    };
  }
}

class Mean {
  #sum = 0;
  #count = 0;

  add(value: number): void {
    this.#sum += value;
    this.#count++;
  }

  value(): number | null {
    return this.#count === 0 ? null : this.#sum / this.#count;
  }
}

/** Numbers of each source, in the given order, and of all together. */
export async function summarize(
  trajectories: AsyncIterable<Trajectory>,
  sources: readonly string[],
): Promise<{ readonly sources: Readonly<Record<string, SourceSummary>>; readonly all: SourceSummary }> {
  const tallies = new Map(sources.map((name) => [name, new Tally()]));
  const all = new Tally();
  for await (const trajectory of trajectories) {
    tallies.get(sourceOf(trajectory))?.add(trajectory);
    all.add(trajectory);
  }
  const summaries = [...tallies].map(([name, tally]) => [name, tally.summary()] as const);
  return { sources: Object.fromEntries(summaries), all: all.summary() };
}
