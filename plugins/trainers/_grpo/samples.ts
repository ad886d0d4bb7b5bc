/**
 * What a policy is trained on: the very tokens that it sampled, with the log-probability that each had then.
 *
 * An episode of several turns is one sequence as long as each prompt continues what came before it, token by token: what
 * the environment said in between is context without loss. A turn whose prompt does not (history was cut or rewritten)
 * begins a sample of its own, with the advantage of the same episode.
 *
 * Nothing is ever encoded again: ids that text was made into later are not what the policy sampled, and a ratio of
 * probabilities would be meaningless. Such episodes are refused and counted.
 *
 * @module
 */
import type { Sampling } from "../../../core/trajectory.ts";
import type { RecordedCall, RecordedEpisode } from "./episodes.ts";

/** One sequence. Arrays beside `promptIds` have one entry a token of the completion. */
export interface PolicySample {
  readonly promptIds: Int32Array;
  readonly completionIds: Int32Array;
  /** log-probability under the settings it was sampled with; 0 where `mask` is 0. */
  readonly logProbabilities: Float32Array;
  /** Temperature it was sampled with; 1 where `mask` is 0. */
  readonly temperatures: Float32Array;
  /** 1 for what the policy sampled, 0 for what the environment said. */
  readonly mask: Uint8Array;
  /** Call of the model, from 0; what the environment said belongs to the call before. */
  readonly stepOf: Int32Array;
  /** Of the episode. */
  readonly reward: number;
  /** Of each call; null when one is missing. */
  readonly stepRewards: readonly number[] | null;
  /** Whether the episode was cut short. */
  readonly truncated: boolean;
  /** Number of the group. */
  readonly group: number;
  /** Number of the episode; samples of one episode share it. */
  readonly episode: number;
}

/** Options of {@linkcode samplesOf}. */
export interface SampleOptions {
  /** Most tokens of a sample. */
  readonly maxLength: number;
  /**
   * Whether tokens may have been drawn from a part of the distribution (top-k, top-p, min-p, a repetition penalty, a
   * constraint). Their recorded probabilities are then those of another policy, which only importance sampling can make
   * good.
   *
   * @default false
   */
  readonly narrowed?: boolean;
}

/** Samples of groups. */
export interface SampledGroups {
  readonly samples: readonly PolicySample[];
  /** Groups that were given. */
  readonly groups: number;
  /** Episodes that were given. */
  readonly episodes: number;
  /** Episodes that were refused, by reason. */
  readonly refused: Readonly<Record<string, number>>;
}

/** Makes samples of groups of episodes. A refused episode is gone from its group, its reward as well. */
export function samplesOf(
  groups: readonly (readonly RecordedEpisode[])[],
  options: SampleOptions,
): SampledGroups {
  const samples: PolicySample[] = [];
  const refused: Record<string, number> = {};
  let episode = 0;
  for (const [group, episodes] of groups.entries()) {
    for (const recorded of episodes) {
      const made = samplesOfEpisode(recorded, { group, episode: episode++ }, options);
      if (typeof made === "string") refused[made] = (refused[made] ?? 0) + 1;
      else samples.push(...made);
    }
  }
  return { samples, groups: groups.length, episodes: episode, refused };
}

/** A call with everything that training needs. */
interface SampledCall {
  readonly promptIds: readonly number[];
  readonly completionIds: readonly number[];
  readonly logProbs: readonly number[];
  readonly temperature: number;
}

function samplesOfEpisode(
  { calls, reward, truncated }: RecordedEpisode,
  place: Pick<PolicySample, "group" | "episode">,
  { maxLength, narrowed = false }: SampleOptions,
): readonly PolicySample[] | string {
  if (reward === null) return "no reward";
  if (calls.length === 0) return "no steps";
  const checked = calls.map((call) => checkedCall(call, narrowed));
  const sampled = checked.filter((call) => typeof call !== "string");
  if (sampled.length < checked.length) return checked.find((call) => typeof call === "string")!;
  const stepRewards = calls.every((call) => call.reward !== null) ? calls.map((call) => call.reward!) : null;
  const samples = joined(sampled).map((draft) => ({
    promptIds: Int32Array.from(draft.promptIds),
    completionIds: Int32Array.from(draft.completionIds),
    logProbabilities: Float32Array.from(draft.logProbabilities),
    temperatures: Float32Array.from(draft.temperatures),
    mask: Uint8Array.from(draft.mask),
    stepOf: Int32Array.from(draft.stepOf),
    reward,
    stepRewards,
    truncated,
    ...place,
  }));
  const fits = samples.every(({ promptIds, completionIds }) =>
    promptIds.length + completionIds.length <= maxLength
  );
  return fits ? samples : "longer than maxLength";
}

function checkedCall({ tokens }: RecordedCall, narrowed: boolean): SampledCall | string {
  if (tokens === null) return "no recorded tokens";
  const { promptIds, completionIds, logProbs, sampling, reencoded } = tokens;
  if (reencoded) return "tokens encoded again";
  if (promptIds === null || completionIds === null) return "no recorded tokens";
  if (logProbs === null) return "no recorded log-probabilities";
  if (logProbs.length !== completionIds.length || !logProbs.every(Number.isFinite)) {
    return "a log-probability missing or not finite";
  }
  if (promptIds.length === 0 || completionIds.length === 0) return "a prompt or completion without tokens";
  if (sampling === null) return "no sampling settings";
  if (sampling.temperature === 0) return "not sampled but greedy";
  if (!narrowed && isNarrowed(sampling)) return "sampled from part of the distribution, without isCap";
  return { promptIds, completionIds, logProbs, temperature: sampling.temperature };
}

function isNarrowed({ topK, topP, minP, repetitionPenalty, constraint }: Sampling): boolean {
  return constraint !== undefined || (topK ?? 0) > 0 || (topP ?? 1) < 1 || (minP ?? 0) > 0 ||
    (repetitionPenalty ?? 1) !== 1;
}

interface Draft {
  readonly promptIds: readonly number[];
  readonly completionIds: number[];
  readonly logProbabilities: number[];
  readonly temperatures: number[];
  readonly mask: number[];
  readonly stepOf: number[];
}

/** Puts calls together whose prompts continue what came before. */
function joined(calls: readonly SampledCall[]): readonly Draft[] {
  const drafts: Draft[] = [];
  for (const [step, { promptIds, completionIds, logProbs, temperature }] of calls.entries()) {
    let draft = drafts.at(-1);
    if (draft !== undefined && continues(promptIds, draft)) {
      const said = promptIds.slice(draft.promptIds.length + draft.completionIds.length);
      for (const id of said) put(draft, [id, 0, 1, 0, step - 1]);
    } else {
      drafts.push(
        draft = {
          promptIds,
          completionIds: [],
          logProbabilities: [],
          temperatures: [],
          mask: [],
          stepOf: [],
        },
      );
    }
    for (const [at, id] of completionIds.entries()) put(draft, [id, logProbs[at]!, temperature, 1, step]);
  }
  return drafts;
}

function continues(promptIds: readonly number[], draft: Draft): boolean {
  const before = [...draft.promptIds, ...draft.completionIds];
  return promptIds.length >= before.length && before.every((id, at) => promptIds[at] === id);
}

function put(draft: Draft, [id, logProbability, temperature, mask, step]: readonly number[]): void {
  draft.completionIds.push(id!);
  draft.logProbabilities.push(logProbability!);
  draft.temperatures.push(temperature!);
  draft.mask.push(mask!);
  draft.stepOf.push(step!);
}
