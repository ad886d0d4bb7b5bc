/**
 * Recorded episodes as GRPO reads them: from trajectories, or from rows that the exporter `knowlyr/grpo-v1` wrote.
 *
 * @module
 */
import { z } from "zod";
import { GymError } from "../../../core/errors.ts";
import type { ExportRow } from "../../../core/exporter.ts";
import type { StepTokens, Trajectory } from "../../../core/trajectory.ts";

/** One call of the model. */
export interface RecordedCall {
  /** What went in and came out; null when nothing was recorded. */
  readonly tokens: Omit<StepTokens, "promptTokens" | "completionTokens"> | null;
  /** Sum of the rewards of the steps that came of it; null when one is missing. */
  readonly reward: number | null;
}

/** One episode. */
export interface RecordedEpisode {
  /** In order. */
  readonly calls: readonly RecordedCall[];
  /** Null when it has none. */
  readonly reward: number | null;
  /** Whether it was cut short, or its last turn at the limit of its tokens. */
  readonly truncated: boolean;
}

/** Reads a trajectory; parallel calls of tools that came of one call of the model count as one step. */
export function trajectoryEpisode({ steps, reward, outcome }: Trajectory): RecordedEpisode {
  const starts = steps.flatMap(({ turn = null }, at) =>
    turn !== null && turn === steps[at - 1]?.turn ? [] : [at]
  );
  const rewards = steps.map((step) => step.reward);
  return {
    calls: starts.map((start, at) => ({
      tokens: steps[start]!.tokens,
      reward: sumOf(rewards.slice(start, starts[at + 1])),
    })),
    reward,
    // A turn that reached the limit of its tokens may have ended the episode as a wrong answer.
    truncated: outcome.truncated === true || steps[starts.at(-1) ?? 0]?.extra?.["cut"] === true,
  };
}

const ids = z.array(z.int().min(0));
const tokensColumn = z.looseObject({
  prompt_ids: ids.nullable(),
  completion_ids: ids.nullable(),
  logprobs: z.array(z.number()).nullable(),
  sampling: z.object({
    temperature: z.number().min(0),
    topK: z.number().nullable().default(null),
    topP: z.number().nullable().default(null),
    minP: z.number().nullable().default(null),
    repetitionPenalty: z.number().nullable().default(null),
    seed: z.string().nullable().default(null),
    constraint: z.string().exactOptional(),
  }).nullable(),
  reencoded: z.boolean(),
  step: z.int().min(0).optional(),
});
const groupRow = z.looseObject({
  completions: z.array(z.looseObject({
    reward: z.number().nullable(),
    step_rewards: z.array(z.number().nullable()).default([]),
    tokens: z.array(tokensColumn).nullable(),
    truncated: z.boolean().nullish(),
  })),
});

/**
 * Reads a row with a group of episodes.
 *
 * @param place Where it stands, for messages.
 * @throws {GymError} `INVALID_DATA` for a row of another kind.
 */
export function rowEpisodes(row: ExportRow, place: string): readonly RecordedEpisode[] {
  const parsed = groupRow.safeParse(row);
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues as [z.core.$ZodIssue];
    throw new GymError(
      "INVALID_DATA",
      `Cannot read ${place}: ${
        path.join(".")
      }: wanted a group of completions with recorded tokens: ${message}`,
      { place },
    );
  }
  return parsed.data.completions.map(({ reward, step_rewards, tokens, truncated }) => ({
    calls: tokens === null ? [{ tokens: null, reward: null }] : tokens.map((call, at) => ({
      tokens: {
        promptIds: call.prompt_ids,
        completionIds: call.completion_ids,
        logProbs: call.logprobs,
        sampling: call.sampling,
        reencoded: call.reencoded,
      },
      reward: callReward(tokens, step_rewards, at),
    })),
    reward,
    truncated: truncated === true,
  }));
}

/** Rows that do not say which step a call made have one call a step. */
function callReward(
  calls: readonly { readonly step?: number | undefined }[],
  rewards: readonly (number | null)[],
  at: number,
): number | null {
  const start = calls[at]!.step;
  if (start === undefined) return calls.length === rewards.length ? rewards[at]! : null;
  return sumOf(rewards.slice(start, calls[at + 1]?.step));
}

function sumOf(rewards: readonly (number | null)[]): number | null {
  if (rewards.length === 0 || rewards.includes(null)) return null;
  return rewards.reduce<number>((sum, reward) => sum + reward!, 0); // sound: none is null
}
