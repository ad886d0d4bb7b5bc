/**
 * How the scores of many trajectories are spread, in constant memory.
 *
 * @module
 */
import type { Trajectory } from "../../core/trajectory.ts";

/** Spread of some numbers; null when there is none. */
export interface Spread {
  readonly count: number;
  readonly mean: number | null;
  readonly least: number | null;
  readonly most: number | null;
}

/** Gathers scores by rubric, those of steps and of episodes together, and rewards of episodes. */
export class ScoreSummary {
  readonly #rubrics = new Map<string, Tally>();
  readonly #reward = new Tally();

  /** Counts the scores of one trajectory. */
  add({ steps, scores, reward }: Trajectory): void {
    for (const { rubric, value } of [...steps.flatMap((step) => step.scores), ...scores]) {
      const tally = this.#rubrics.get(rubric) ?? new Tally();
      this.#rubrics.set(rubric, tally);
      tally.add(value);
    }
    if (reward !== null) this.#reward.add(reward);
  }

  /** One entry a rubric, sorted by id. */
  get rubrics(): readonly (Spread & { readonly rubric: string })[] {
    return [...this.#rubrics].sort(([a], [b]) => (a < b ? -1 : 1)).map(([rubric, tally]) => ({
      rubric,
      ...tally.spread,
    }));
  }

  /** Rewards of the episodes. */
  get reward(): Spread {
    return this.#reward.spread;
  }
}

class Tally {
  #count = 0;
  #sum = 0;
  #least = Infinity;
  #most = -Infinity;

  add(value: number): void {
    this.#count++;
    this.#sum += value;
    this.#least = Math.min(this.#least, value);
    this.#most = Math.max(this.#most, value);
  }

  get spread(): Spread {
    if (this.#count === 0) return { count: 0, mean: null, least: null, most: null };
    return { count: this.#count, mean: this.#sum / this.#count, least: this.#least, most: this.#most };
  }
}
