/**
 * Grouped rollouts: all episodes of one task with their rewards, failures included, because a group's baseline needs
 * them.
 *
 * @module
 */
import { z } from "zod";
import { type Exporter, exporter, type ExportRow } from "../../core/exporter.ts";
import type { Contribution } from "../../core/kind.ts";
import type { Json } from "../../core/schema.ts";
import type { StepTokens, Task, Trajectory } from "../../core/trajectory.ts";
import {
  type Episode,
  episodeKey,
  episodeOf,
  messageColumn,
  renderFields,
  type RenderOptions,
  toolsColumn,
} from "./_render.ts";
import { turnsOf } from "../chat/mod.ts";
import { perTask, reasonNotToCompare } from "./_rows.ts";

/** Options of {@linkcode grpoExporter}. */
export interface GrpoOptions extends RenderOptions {
  /**
   * `group`: one row a task with its recorded completions. `flat`: one row a task with its prompt only, for trainers
   * that sample anew, such as TRL's.
   *
   * @default "group"
   */
  readonly rows?: "group" | "flat" | undefined;
  /** Least number of episodes of a group; below it the group is dropped. @default 2 for group rows, 1 for flat ones */
  readonly minGroup?: number | undefined;
  /** `drop` leaves out groups whose rewards are all equal: they have no advantage to learn from. @default "keep" */
  readonly zeroVariance?: "keep" | "drop" | undefined;
}

const options = z.strictObject({
  ...renderFields,
  rows: z.enum(["group", "flat"]).default("group").describe("Recorded completions by task, or prompts only"),
  minGroup: z.number().int().min(1).optional().describe("Least number of episodes of a group"),
  zeroVariance: z.enum(["keep", "drop"]).default("keep").describe("Groups whose rewards are all equal"),
});

type Parsed = z.output<typeof options>;

type Rollout = Episode & {
  readonly task: Task;
  readonly stepRewards: readonly (number | null)[];
  readonly truncated: boolean | null;
  readonly calls: readonly RecordedCall[] | null;
};

/** One call of the model. */
interface RecordedCall {
  /** Index of the first step that came of it. */
  readonly step: number;
  readonly tokens: StepTokens;
}

/**
 * Columns of both: `task_id`, `prompt`, `tools`, `group_size`, `reward_mean`, `reward_std` (population), `zero_variance`.
 * Group rows add `completions` (`messages`, `reward`, `trajectory_id`, `success`, `truncated`, `step_rewards`,
 * `tokens`); flat rows add `domain` and `task`, the whole task as JSON text, for reward functions.
 *
 * `tokens` has one entry a model call, with the first `step` that came of it, null when ids were not recorded for each. Holds all episodes until the input ends.
 */
export const grpoExporter: Contribution<Exporter, GrpoOptions> = exporter("knowlyr/grpo-v1", {
  description: "Grouped rollouts of one task with rewards, step rewards and recorded tokens",
  options,
  create: (parsed) =>
    perTask<Rollout>("grpo", {
      keep: (trajectory) => rolloutOf(trajectory, parsed),
      key: episodeKey,
      *rows(group, skip) {
        const refusal = refusalOf(group, parsed);
        if (refusal === null) {
          yield parsed.rows === "group" ? groupRow(group, parsed) : flatRow(group, parsed);
        } else skip(refusal, group.length);
      },
    }),
});

function rolloutOf(trajectory: Trajectory, { rows }: Parsed): Rollout | string {
  const refusal = rows === "group" ? reasonNotToCompare(trajectory) : null; // a prompt alone compares nothing
  if (refusal !== null) return refusal;
  return {
    ...episodeOf(trajectory),
    task: trajectory.task,
    stepRewards: trajectory.steps.map((step) => step.reward),
    truncated: lastCallCut(trajectory) || trajectory.outcome.truncated,
    calls: recordedCalls(trajectory),
  };
}

/** Whether the last call of the model reached the limit of its tokens, which the first step that came of it says. */
function lastCallCut({ steps }: Trajectory): boolean {
  return turnsOf(steps).at(-1)?.[0]?.extra?.["cut"] === true;
}

/** Tokens of each model call; parallel calls of one turn share one, which their first step carries. */
function recordedCalls({ steps }: Trajectory): readonly RecordedCall[] | null {
  const calls = turnsOf(steps).map(([first]) => ({ step: first!.index, tokens: first!.tokens }));
  const complete = calls.every(({ tokens }) => tokens !== null && tokens.completionIds !== null);
  return complete ? calls as readonly RecordedCall[] : null; // sound: every entry was just checked
}

function refusalOf(group: readonly Rollout[], parsed: Parsed): string | null {
  if (group.length < (parsed.minGroup ?? (parsed.rows === "group" ? 2 : 1))) {
    return "too few episodes of its task";
  }
  return parsed.zeroVariance === "drop" && statistics(group).zero_variance === true
    ? "rewards all equal"
    : null;
}

function groupRow(group: readonly Rollout[], parsed: Parsed): ExportRow {
  return {
    ...head(group, parsed),
    completions: group.map((rollout) => ({
      messages: rollout.completion.map((message) => messageColumn(message, parsed.argumentsAs)),
      reward: rollout.reward,
      trajectory_id: rollout.id,
      success: rollout.success,
      truncated: rollout.truncated,
      step_rewards: rollout.stepRewards,
      tokens: rollout.calls?.map(tokenColumn) ?? null,
    })),
    ...statistics(group),
  };
}

function flatRow(group: readonly Rollout[], parsed: Parsed): ExportRow {
  const { domain, task } = group[0]!;
  return { ...head(group, parsed), domain, task: JSON.stringify(task), ...statistics(group) };
}

function head(group: readonly Rollout[], { toolsAs, argumentsAs }: Parsed): ExportRow {
  const { taskId, prompt, tools } = group[0]!; // one key, so the same for all
  return {
    task_id: taskId,
    prompt: prompt.map((message) => messageColumn(message, argumentsAs)),
    tools: toolsColumn(tools, toolsAs),
  };
}

function tokenColumn({ step, tokens }: RecordedCall): { readonly [key: string]: Json } {
  return {
    step,
    prompt_ids: tokens.promptIds,
    completion_ids: tokens.completionIds,
    logprobs: tokens.logProbs,
    sampling: tokens.sampling === null ? null : { ...tokens.sampling },
    reencoded: tokens.reencoded,
  };
}

/** Rewards of a group; mean, deviation and `zero_variance` are null when one is missing. */
function statistics(group: readonly Rollout[]) {
  const rewards = group.map(({ reward }) => reward);
  const group_size = group.length;
  if (!rewards.every((reward) => reward !== null)) {
    return { group_size, reward_mean: null, reward_std: null, zero_variance: null };
  }
  const equal = rewards.every((reward) => reward === rewards[0]);
  const mean = equal ? rewards[0]! : rewards.reduce((sum, reward) => sum + reward, 0) / group_size;
  const squares = rewards.reduce((sum, reward) => sum + (reward - mean) ** 2, 0);
  return { group_size, reward_mean: mean, reward_std: Math.sqrt(squares / group_size), zero_variance: equal };
}
