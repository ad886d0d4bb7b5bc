/**
 * From samples with rewards to sequences with an advantage for each token.
 *
 * @module
 */
import { type AdvantageScale, groupAdvantages, meanOf } from "./advantages.ts";
import { stepAdvantages } from "./credit.ts";
import type { PolicySample } from "./samples.ts";

/** A sample as the loss reads it. Trained tokens are those of `mask` 1, in order. */
export interface PolicySequence {
  /** Prompt and completion. */
  readonly ids: Int32Array;
  /** 1 for trained tokens, 0 for others; one entry an id. */
  readonly weights: Float32Array;
  /** 1 ÷ temperature of the token *after* each. */
  readonly sharpness: Float32Array;
  /** Of each trained token, as the sampler saw it. */
  readonly behaviour: Float32Array;
  /** Of each trained token. */
  readonly advantages: Float32Array;
  /** Where it comes from. */
  readonly sample: PolicySample;
}

/** Options of {@linkcode preparedSamples}. */
export interface PrepareOptions {
  readonly advantageScale: AdvantageScale;
  /** λ of the credit of steps. */
  readonly creditWeight: number;
  /** Whether episodes that were cut short are left out of the loss; they stay in the baseline of their group. */
  readonly maskTruncated: boolean;
  /** Weight of KL; without it sequences whose advantages are all 0 have no gradient and are left out. */
  readonly beta: number;
}

/** What is trained and what is not. */
export interface Prepared {
  readonly sequences: readonly PolicySequence[];
  readonly report: PreparedReport;
}

/** Counts over groups and episodes. */
export interface PreparedReport {
  /** Groups with at least one episode. */
  readonly groups: number;
  /** Mean over episodes. */
  readonly meanReward: number;
  /** Groups whose rewards are all equal. */
  readonly zeroVarianceGroups: number;
  /** Groups of one, refused. */
  readonly singleGroups: number;
  /** Episodes masked because they were cut short. */
  readonly maskedEpisodes: number;
  /** Sequences left out because all their advantages are 0, and their trained tokens. */
  readonly idleSequences: number;
  readonly idleTokens: number;
}

/** Samples of one episode. */
type Episode = readonly [PolicySample, ...PolicySample[]];

/** Gives every trained token its advantage. */
export function preparedSamples(samples: readonly PolicySample[], options: PrepareOptions): Prepared {
  const episodes = grouped(samples, ({ episode }) => episode) as readonly Episode[]; // sound: no group is empty
  const groups = grouped(episodes, ([{ group }]) => group);
  const rewards = groups.map((group) => group.map(([{ reward }]) => reward));
  const { advantages, zeroVariance, refused } = groupAdvantages(rewards, { scale: options.advantageScale });
  const sequences: PolicySequence[] = [];
  const count = { maskedEpisodes: 0, idleSequences: 0, idleTokens: 0 };
  for (const [at, group] of groups.entries()) {
    const own = advantages[at]!;
    if (own === null) continue;
    const credited = stepAdvantages(
      group.map((episode, i) => creditOf(episode, own[i]!)),
      options.creditWeight,
    );
    for (const [i, episode] of group.entries()) {
      if (options.maskTruncated && episode[0].truncated) {
        count.maskedEpisodes++;
        continue;
      }
      for (const sample of episode) {
        const sequence = sequenceOf(sample, credited[i]!);
        if (options.beta > 0 || sequence.advantages.some((advantage) => advantage !== 0)) {
          sequences.push(sequence);
        } else {
          count.idleSequences++;
          count.idleTokens += sequence.advantages.length;
        }
      }
    }
  }
  const report = {
    groups: groups.length,
    meanReward: rewards.length === 0 ? 0 : meanOf(rewards.flat()),
    zeroVarianceGroups: zeroVariance,
    singleGroups: refused,
    ...count,
  };
  return { sequences, report };
}

/** Neighbours and others of one key together, in the order in which keys appear. */
function grouped<T>(items: readonly T[], key: (item: T) => number): readonly (readonly T[])[] {
  return [...Map.groupBy(items, key).values()];
}

function creditOf(episode: Episode, advantage: number) {
  const { stepRewards } = episode[0];
  const last = episode.at(-1)!.stepOf.at(-1)!;
  const stepTokens = Array.from({ length: stepRewards?.length ?? last + 1 }, () => 0);
  for (const { mask, stepOf } of episode) {
    for (const [t, step] of stepOf.entries()) stepTokens[step]! += mask[t]!;
  }
  return { advantage, stepRewards, stepTokens };
}

function sequenceOf(sample: PolicySample, advantages: readonly number[]): PolicySequence {
  const { promptIds, completionIds, mask, stepOf, logProbabilities, temperatures } = sample;
  const length = promptIds.length + completionIds.length;
  const ids = new Int32Array(length);
  ids.set(promptIds);
  ids.set(completionIds, promptIds.length);
  const weights = new Float32Array(length);
  weights.set(mask, promptIds.length);
  const sharpness = new Float32Array(length).fill(1);
  sharpness.set(temperatures.map((temperature) => 1 / temperature), promptIds.length - 1);
  return {
    ids,
    weights,
    sharpness,
    behaviour: logProbabilities.filter((_, t) => mask[t] === 1),
    advantages: Float32Array.from([...stepOf].filter((_, t) => mask[t] === 1), (step) => advantages[step]!),
    sample,
  };
}
