/**
 * Lessons of iterative DPO: of each task the best try against the worst one.
 *
 * The reference is the policy that made the tries: its log-probabilities are those that were recorded, at the temperature
 * of the tries, which holds for the policy in training as well. Source: Yuan et al. 2024, Self-Rewarding Language Models
 * (arXiv:2401.10020), with the environment's reward in the place of a judge's.
 *
 * @module
 */
import { floats } from "../../onnx/session.ts";
import { type Sequence, trainedTokens } from "../_data/mod.ts";
import { microBatchesOf } from "../_grpo/batches.ts";
import type { PolicySample } from "../_grpo/samples.ts";
import { answerFeeds, answersOf, type ItemBatch, objectiveFeeds } from "../_preference/batch.ts";
import { preferenceGraph } from "../_preference/graph.ts";
import { PreferenceMetrics } from "../_preference/metrics.ts";
import { type Objective, scoreRule } from "../_preference/objective.ts";
import type { OnlineOptions } from "../online.ts";
import type { LessonMetrics, LessonWorld, Teach } from "./lesson.ts";
import { sampledSequence } from "./sequence.ts";

type Pair = readonly [chosen: PolicySample, rejected: PolicySample];

/** Items are pairs. */
export const prefer: Teach = (samples, _episodes, world) => {
  const pairs = pairsOf(samples, world.options);
  const sequences = pairs.flat().map(sampledSequence);
  const reference = pairs.flat().map(({ logProbabilities }) =>
    logProbabilities.reduce((sum, p) => sum + p, 0)
  );
  return Promise.resolve({
    items: pairs.length,
    facts: { pairs: pairs.length },
    accumulate: (items) => accumulated(items, { sequences, reference }, world),
  });
};

/** Of each group the best with the worst, the second best with the second worst, as far as their rewards differ. */
export function pairsOf(
  samples: readonly PolicySample[],
  { pairsPerGroup, minMargin }: Pick<OnlineOptions, "pairsPerGroup" | "minMargin">,
): readonly Pair[] {
  const whole = [...Map.groupBy(samples, ({ episode }) => episode).values()]
    .flatMap((parts) => parts.length === 1 ? parts : []); // an episode in several parts is no single answer
  return [...Map.groupBy(whole, ({ group }) => group).values()].flatMap((group) => {
    const ranked = group.toSorted((a, b) => b.reward - a.reward || a.episode - b.episode);
    const most = Math.min(pairsPerGroup, Math.floor(ranked.length / 2));
    return Array.from({ length: most }, (_, at): Pair => [ranked[at]!, ranked.at(-1 - at)!])
      .filter(([chosen, rejected]) =>
        chosen.reward > rejected.reward && chosen.reward - rejected.reward >= minMargin
      );
  });
}

interface Answers {
  /** Chosen and rejected one of each pair, in turns. */
  readonly sequences: readonly Sequence[];
  readonly reference: readonly number[];
}

async function accumulated(
  items: readonly number[],
  { sequences, reference }: Answers,
  { options, trainee }: LessonWorld,
): Promise<LessonMetrics> {
  const { temperature, maxLength, batchTokens, recompute, headChunk } = options;
  const objective = objectiveOf(options);
  const saving = { recompute, ...(headChunk === undefined ? {} : { headChunk }) };
  const session = await trainee.session(
    "preferences",
    () => preferenceGraph(trainee.model, objective, { maxPositions: maxLength, sharpened: true, ...saving }),
  );
  const metrics = new PreferenceMetrics({ ...scoreRule(objective.loss), beta: objective.beta });
  const longer = items.map((item) => ({
    ids: sequences[2 * item]!.ids.length > sequences[2 * item + 1]!.ids.length
      ? sequences[2 * item]!.ids
      : sequences[2 * item + 1]!.ids,
  }));
  const limits = { batchTokens: Math.floor(batchTokens / 2), maxLength }; // a pair takes two rows
  let loss = 0;
  for (const { rows, length } of microBatchesOf(longer, [...longer.keys()], limits)) {
    const chosen = rows.map(([at]) => items[at!]!);
    const batch: ItemBatch = {
      sides: 2,
      items: chosen,
      sequences,
      reference,
      weights: chosen.map(() => 1 / items.length),
      judged: null,
    };
    const cells = [answersOf(batch).length, length];
    const sharpness = new Float32Array(cells[0]! * length).fill(1 / temperature);
    const feeds = {
      ...answerFeeds(batch, length, { padId: trainee.fillerId, packing: false, headChunk }),
      ...objectiveFeeds(batch),
      sharpness: { data: sharpness, shape: cells },
    };
    const outputs = await trainee.learner.accumulate(session, feeds);
    loss += floats(outputs["loss"])[0]!;
    metrics.add(batch, floats(outputs["answers"]));
  }
  const sides = items.flatMap((item) => [sequences[2 * item]!, sequences[2 * item + 1]!]);
  const tokens = sides.reduce((sum, side) => sum + trainedTokens(side), 0);
  return { loss, ...metrics.result(), trainedTokens: tokens };
}

function objectiveOf({ dpoLoss, dpoBeta, rpoAlpha }: OnlineOptions): Objective {
  return {
    loss: dpoLoss,
    beta: dpoBeta,
    labelSmoothing: 0,
    gamma: dpoBeta / 2,
    rpoAlpha,
  };
}
