/**
 * Episodes of one policy → success rate, reward and steps, each with an interval.
 *
 * @module
 */
import type { Prng } from "../../../core/prng.ts";
import { bootstrapInterval, type Interval, wilsonInterval } from "../../statistics/mod.ts";
import { counted } from "../_output.ts";
import { type Cell, table } from "../_table.ts";
import type { Episode } from "./episode.ts";

/** How a policy did on one task. */
export interface TaskSummary {
  readonly task: string;
  readonly episodes: number;
  readonly succeeded: number;
}

/** How a policy did. */
export interface EvaluationSummary {
  readonly agent: string;
  readonly episodes: number;
  readonly succeeded: number;
  /** Episodes whose outcome nobody knows; they count as not succeeded. */
  readonly unknown: number;
  /** Episodes that an error ended. */
  readonly errors: number;
  /** Success rate with Wilson's interval; null when nothing is known of any outcome. */
  readonly success: Interval | null;
  /** Mean reward with its bootstrap interval; null when an episode has none or there is one episode. */
  readonly reward: Interval | null;
  /** Mean number of steps with its bootstrap interval; null when there is one episode. */
  readonly steps: Interval | null;
  readonly tasks: readonly TaskSummary[];
}

/** Sums up episodes. @param episodes At least one, of one policy. */
export function summarise(episodes: readonly Episode[], prng: Prng): EvaluationSummary {
  const succeeded = episodes.filter(({ success }) => success === true).length;
  const unknown = episodes.filter(({ success }) => success === null).length;
  const rewards = episodes.flatMap(({ reward }) => reward === null ? [] : [reward]);
  const meanOf = (values: readonly number[]) =>
    values.length < 2 ? null : bootstrapInterval(values, { prng });
  return {
    agent: episodes[0]!.agent,
    episodes: episodes.length,
    succeeded,
    unknown,
    errors: episodes.filter(({ broken }) => broken).length,
    success: unknown === episodes.length ? null : wilsonInterval(succeeded, episodes.length),
    reward: rewards.length < episodes.length ? null : meanOf(rewards),
    steps: meanOf(episodes.map(({ steps }) => steps)),
    tasks: [...Map.groupBy(episodes, ({ task }) => task)].map(([task, group]) => ({
      task,
      episodes: group.length,
      succeeded: group.filter(({ success }) => success === true).length,
    })),
  };
}

/** The same for people. */
export function summaryText(summary: EvaluationSummary): string {
  const row = (name: string, interval: Interval | null): Cell[][] =>
    interval === null ? [] : [[name, fixed(interval.estimate), fixed(interval.low), fixed(interval.high)]];
  const rows = [
    ...row("success rate", summary.success),
    ...row("reward", summary.reward),
    ...row("steps", summary.steps),
  ];
  const shown = rows.length === 0 ? [] : ["", table(["", "mean", "95 % from", "to"], rows)];
  return [headline(summary), ...shown].join("\n");
}

function headline({ agent, episodes, succeeded, unknown, errors, tasks }: EvaluationSummary): string {
  const played = `${counted(episodes, "episode")} of ${counted(tasks.length, "task")}`;
  const broken = errors === 0 ? "" : `; ${errors} ended by an error`;
  if (unknown === episodes) return `${agent} played ${played}, of unknown outcome${broken}`;
  const doubt = unknown === 0 ? "" : `; ${unknown} of unknown outcome count as not succeeded`;
  return `${agent} succeeded in ${succeeded} of ${played}${doubt}${broken}`;
}

function fixed(value: number): string {
  return value.toFixed(3);
}
