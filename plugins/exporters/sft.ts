/**
 * Conversations for supervised fine-tuning, one a trajectory. TRL and LLaMA-Factory read `messages` and `tools`; axolotl also
 * reads `train` of each message.
 *
 * @module
 */
import { z } from "zod";
import { type Exporter, exporter, type ExportRow } from "../../core/exporter.ts";
import type { Contribution } from "../../core/kind.ts";
import type { Step, Trajectory } from "../../core/trajectory.ts";
import { type ChatRole, type Conversation, messagesOf } from "../chat/mod.ts";
import { messageColumn, renderFields, type RenderOptions, toolsColumn } from "./_render.ts";
import { perTrajectory } from "./_rows.ts";
import { messageWeights } from "./_weights.ts";

/** Options of {@linkcode sftExporter}. */
export interface SftOptions extends RenderOptions {
  /** `success` keeps only episodes known to have succeeded. @default "any" */
  readonly success?: "any" | "success" | undefined;
  /** Keeps only episodes with at least this reward; one that was not scored is dropped. */
  readonly minReward?: number | undefined;
  /** Roles whose messages are trained. @default ["assistant"] */
  readonly trainOn?: ChatRole[] | undefined;
}

const options = z.strictObject({
  ...renderFields,
  success: z.enum(["any", "success"]).default("any").describe("Which episodes: any, or known successes"),
  minReward: z.number().optional().describe("Least reward of an episode"),
  trainOn: z.array(z.enum(["system", "user", "assistant", "tool"])).min(1).default(["assistant"])
    .describe("Roles whose messages are trained"),
});

type Parsed = z.output<typeof options>;

/**
 * Columns: `messages` (each with `train` and `weight`), `tools`, `task_id`, `trajectory_id`, `reward`, `success`,
 * `domain`, `metadata`.
 *
 * `weight` of an assistant message comes from the rewards of its steps and has mean 1 over the trained ones; a step
 * rewarded 0 or less is not trained, nor is a turn with a call that could not be parsed. Plain text that an
 * environment of this library understood is trained as any call is.
 */
export const sftExporter: Contribution<Exporter, SftOptions> = exporter("knowlyr/sft-v1", {
  description:
    "Conversations with per-message training flags and weights, for TRL, axolotl and LLaMA-Factory",
  options,
  create: (parsed) => perTrajectory("sft", (trajectory) => sftRow(trajectory, parsed)),
});

function sftRow(trajectory: Trajectory, parsed: Parsed): ExportRow | string {
  const unwanted = reasonToSkip(trajectory, parsed);
  if (unwanted !== null) return unwanted;
  const conversation = messagesOf(trajectory);
  const weights = weightsOf(conversation, trajectory, parsed.trainOn);
  if (weights === null) return "no step has a positive reward";
  if (weights.every((weight) => weight === 0)) return "nothing to train on";
  return {
    messages: conversation.messages.map((message, at) => ({
      ...messageColumn(message, parsed.argumentsAs),
      train: weights[at]! > 0,
      weight: weights[at]!,
    })),
    tools: toolsColumn(conversation.tools, parsed.toolsAs),
    task_id: trajectory.task.id,
    trajectory_id: trajectory.id,
    reward: trajectory.reward,
    success: trajectory.outcome.success,
    domain: trajectory.domain,
    metadata: {
      agent: trajectory.agent,
      model: trajectory.model,
      total_steps: trajectory.steps.length,
      outcome_source: trajectory.outcome.source,
      reason: trajectory.outcome.reason,
    },
  };
}

function reasonToSkip({ steps, outcome, reward }: Trajectory, { success, minReward }: Parsed): string | null {
  if (steps.length === 0) return "no steps";
  if (success === "success" && outcome.success !== true) {
    return outcome.success === false ? "not successful" : "success unknown";
  }
  if (minReward === undefined) return null;
  if (reward === null) return "no reward";
  return reward < minReward ? "reward below minReward" : null;
}

/** A weight for each message, 0 when it is not trained. */
function weightsOf(
  { messages, steps: sources }: Conversation,
  { steps, env }: Trajectory,
  trainOn: readonly ChatRole[],
): readonly number[] | null {
  const judged: number[] = [];
  const unread = (index: number): boolean => isUnread(steps[index], env !== null);
  const weights = messages.map(({ role }, at): number => {
    if (!trainOn.includes(role) || (role === "assistant" && sources[at]!.some(unread))) return 0;
    if (role === "assistant") judged.push(at);
    return 1;
  });
  const own = messageWeights(judged.map((at) => meanReward(sources[at]!, steps)));
  if (own === null) return null;
  for (const [position, at] of judged.entries()) weights[at] = own[position]!;
  return weights;
}

/**
 * Whether nobody could read the call. Plain text in an episode that was played here is read by its environment, which
 * says so when it could not; in a foreign log it is what no adapter could make a call of.
 */
function isUnread(step: Step | undefined, playedHere: boolean): boolean {
  if (step?.action.raw === undefined) return false;
  return !playedHere || step.action.tool !== "" || step.extra?.["invalid"] === true;
}

function meanReward(sources: readonly number[], steps: readonly Step[]): number | null {
  let sum = 0;
  for (const index of sources) {
    const reward = steps[index]?.reward ?? null;
    if (reward === null) return null;
    sum += reward;
  }
  return sum / sources.length;
}
