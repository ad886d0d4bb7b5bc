/**
 * Lessons of GRPO: every token of groups that differ, with its advantage.
 *
 * @module
 */
import { microBatchesOf } from "../_grpo/batches.ts";
import { preparedSamples } from "../_grpo/prepare.ts";
import { accumulateGrpo, type GrpoLossOptions, oldScores, scoredSequences } from "../_grpo/update.ts";
import type { LessonMetrics, Teach } from "./lesson.ts";

/** Items are sequences. */
export const reinforce: Teach = async (
  samples,
  _episodes,
  { options: given, trainee, reference, ...world },
) => {
  const options: GrpoLossOptions = { ...given, delta: given.delta ?? null, isCap: given.isCap ?? null };
  const { sequences, report } = preparedSamples(samples, given);
  const old = options.isCap === null || sequences.length === 0
    ? null
    : await world.kept("old", () => oldScores(trainee, sequences, options, world.signal));
  const scored = sequences.length === 0
    ? []
    : await scoredSequences(trainee, sequences, reference, options, { old, signal: world.signal });
  return {
    items: scored.length,
    facts: {
      zeroVarianceGroups: report.zeroVarianceGroups,
      maskedEpisodes: report.maskedEpisodes,
      sequences: scored.length,
    },
    async accumulate(items): Promise<LessonMetrics> {
      const micro = microBatchesOf(scored, items, options);
      const share = 1 / given.miniBatches;
      const idle = { sequences: share * report.idleSequences, tokens: share * report.idleTokens };
      const { reward: _, ...metrics } = await accumulateGrpo(trainee, scored, micro, { ...options, idle });
      const trainedTokens = items.reduce((sum, item) => sum + scored[item]!.advantages.length, 0);
      return { ...metrics, trainedTokens } as LessonMetrics; // sound: the loss stays
    },
  };
};
