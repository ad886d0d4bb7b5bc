/**
 * What a step or an evaluation tells of rewards.
 *
 * @module
 */
import { trainedTokens } from "../_data/mod.ts";
import { answersOf, type ItemBatch } from "./batch.ts";
import type { ScoreRule } from "../_losses/preference.ts";

/** How metrics are computed. */
export interface MetricRule extends ScoreRule {
  readonly beta: number;
}

interface Sum {
  total: number;
  count: number;
}

/**
 * Means over all items that were added. A reward is β times the score that the loss compares.
 *
 * - `chosenReward`, `rejectedReward`: of wanted and of unwanted answers; `rewardMargin`: their difference.
 * - `rewardAccuracy`: share of pairs whose chosen answer has the larger reward, a tie counts half; of judged answers on
 *   the right side of where the policy stands.
 * - `chosenLogProbability`, `rejectedLogProbability`: of whole answers under the policy.
 * - `kl`: log π − log ρ of a token, the mean over all. On answers of the policy it would estimate KL(π ‖ ρ); on those of
 *   the data it may be negative. Losses without a reference have none.
 */
export class PreferenceMetrics {
  readonly #rule: MetricRule;
  readonly #sums = new Map<string, Sum>();
  #gained = 0;
  #tokens = 0;

  constructor(rule: MetricRule) {
    this.#rule = rule;
  }

  /** Adds a batch. @param logProbabilities Of its answers, chosen ones first. */
  add(batch: ItemBatch, logProbabilities: ArrayLike<number>): void {
    const { reference: relative, averaged, beta } = this.#rule;
    const rewards = answersOf(batch).map((index, at) => {
      const length = trainedTokens(batch.sequences[index]!);
      const gained = logProbabilities[at]! - (relative ? batch.reference[index]! : 0);
      this.#gained += gained;
      this.#tokens += length;
      return beta * gained / (averaged ? length : 1);
    });
    const P = batch.items.length;
    for (let p = 0; p < P; p++) {
      const { judged } = batch;
      if (judged === null) {
        this.#answer("chosen", rewards[p]!, logProbabilities[p]!);
        this.#answer("rejected", rewards[P + p]!, logProbabilities[P + p]!);
        this.#add("rewardAccuracy", (1 + Math.sign(rewards[p]! - rewards[P + p]!)) / 2);
      } else {
        const good = judged.good[p]!;
        this.#answer(good ? "chosen" : "rejected", rewards[p]!, logProbabilities[p]!);
        this.#add("rewardAccuracy", Number(good === rewards[p]! > beta * judged.shift));
      }
    }
  }

  /** The means; one that has nothing to be the mean of is left out. */
  result(): Record<string, number> {
    const means = Object.fromEntries(
      [...this.#sums].map(([name, { total, count }]) => [name, total / count]),
    );
    const { chosenReward, rejectedReward } = means;
    return {
      ...means,
      ...chosenReward === undefined || rejectedReward === undefined
        ? {}
        : { rewardMargin: chosenReward - rejectedReward },
      ...this.#rule.reference ? { kl: this.#gained / this.#tokens } : {},
    };
  }

  #answer(side: "chosen" | "rejected", reward: number, logProbability: number): void {
    this.#add(`${side}Reward`, reward);
    this.#add(`${side}LogProbability`, logProbability);
  }

  #add(name: string, value: number): void {
    const sum = this.#sums.get(name) ?? { total: 0, count: 0 };
    sum.total += value;
    sum.count++;
    this.#sums.set(name, sum);
  }
}
