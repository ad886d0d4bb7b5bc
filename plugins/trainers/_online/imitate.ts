/**
 * Lessons of rejection sampling: cross-entropy of what good episodes sampled, each token counted alike.
 *
 * Source: Yuan et al. 2023, RFT (arXiv:2308.01825); best of a group: Touvron et al. 2023, Llama 2, §3.2.3
 * (arXiv:2307.09288).
 *
 * @module
 */
import type { Trajectory } from "../../../core/trajectory.ts";
import { trainingGraph } from "../../models/training_graph.ts";
import { floats } from "../../onnx/session.ts";
import { batchOf, trainedTokens } from "../_data/mod.ts";
import { trainingFeeds } from "../_feeds.ts";
import { microBatchesOf } from "../_grpo/batches.ts";
import type { PolicySample } from "../_grpo/samples.ts";
import type { OnlineOptions } from "../online.ts";
import type { Teach } from "./lesson.ts";
import { sampledSequence } from "./sequence.ts";

/** Items are sequences. */
export const imitate: Teach = (samples, episodes, { options, trainee }) => {
  const { batchTokens, maxLength, recompute, headChunk } = options;
  const good = goodOf(samples, episodes, options);
  const sequences = good.map(sampledSequence);
  const shape = { maxPositions: maxLength, recompute, ...(headChunk === undefined ? {} : { headChunk }) };
  return Promise.resolve({
    items: sequences.length,
    facts: { imitated: new Set(good.map(({ episode }) => episode)).size },
    async accumulate(items) {
      const session = await trainee.session("imitation", () => trainingGraph(trainee.model, shape));
      const totalWeight = items.reduce((sum, item) => sum + trainedTokens(sequences[item]!), 0);
      let loss = 0;
      for (const micro of microBatchesOf(sequences, items, { batchTokens, maxLength })) {
        const batch = batchOf(sequences, micro, { padId: trainee.fillerId });
        const feeds = trainingFeeds(batch, { packed: false, totalWeight, headChunk });
        loss += floats((await trainee.learner.accumulate(session, feeds))["loss"])[0]!;
      }
      return { loss, trainedTokens: totalWeight };
    },
  });
};

/** Samples of episodes that succeeded, or earned enough; of each task the best, where only some are kept. */
function goodOf(
  samples: readonly PolicySample[],
  episodes: readonly Trajectory[],
  { minReward, bestOf = Infinity }: OnlineOptions,
): readonly PolicySample[] {
  const isGood = ({ episode, reward }: PolicySample) =>
    minReward === undefined ? episodes[episode]!.outcome.success === true : reward >= minReward;
  const kept = new Set<number>();
  for (const group of Map.groupBy(samples.filter(isGood), (sample) => sample.group).values()) {
    const rewards = new Map(group.map(({ episode, reward }) => [episode, reward]));
    const best = [...rewards].sort(([a, x], [b, y]) => y - x || a - b); // the earlier one on a tie
    for (const [episode] of best.slice(0, bestOf)) kept.add(episode);
  }
  return samples.filter(({ episode }) => kept.has(episode));
}
