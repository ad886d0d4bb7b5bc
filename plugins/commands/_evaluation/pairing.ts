/**
 * Episodes of two policies → pairs of the same task and seed.
 *
 * @module
 */
import { GymError } from "../../../core/errors.ts";
import type { Episode } from "./episode.ts";

/** Which number of an episode is compared. */
export type Measure = "success" | "reward" | "steps";

/** What one pair is: an episode, or a task with its episodes averaged. */
export type PairUnit = "episode" | "task";

/** The episodes of one policy. */
export interface Result {
  /** Name of the policy, for sentences. */
  readonly name: string;
  /** Where they came from, for messages. */
  readonly input: string;
  readonly episodes: readonly Episode[];
}

/** Two columns of numbers, row by row of the same task. */
export interface Pairs {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly unit: PairUnit;
  /** Episodes of either policy without a counterpart. */
  readonly unpaired: number;
  /** Episodes of one policy that stand in pairs with others of their task, although episodes were asked for. */
  readonly merged: number;
}

type Pair = readonly [a: Episode, b: Episode];

/**
 * Pairs episodes by task and seed; episodes without a seed by task and position.
 *
 * Pairs of episodes answer which policy is better on these tasks. Repeats that never differ within a task are copies,
 * not evidence, so they count as one pair a task, as all repeats do by `task`, which asks about tasks like these.
 *
 * @throws {GymError} `INVALID_DATA` when nothing pairs, an episode comes twice or one lacks the number.
 */
export function pairEpisodes(a: Result, b: Result, measure: Measure, by: PairUnit): Pairs {
  const [left, right] = [keyed(a), keyed(b)];
  const pairs = [...left].flatMap(([key, episode]): Pair[] => {
    const other = right.get(key);
    return other === undefined ? [] : [[episode, other]];
  });
  if (pairs.length === 0) {
    throw new GymError(
      "INVALID_DATA",
      `Cannot compare ${b.input} with ${a.input}: wanted episodes of the same tasks and seeds: received none in common`,
      { a: a.input, b: b.input },
    );
  }
  const unpaired = left.size + right.size - 2 * pairs.length;
  const tasks = [...Map.groupBy(pairs, ([episode]) => episode.task).values()];
  const numbers = (pair: readonly Pair[], side: 0 | 1) =>
    pair.map((both) => numberOf(both[side], measure, side === 0 ? a : b));
  const columns = tasks.map((group) => [numbers(group, 0), numbers(group, 1)] as const);
  if (tasks.length === pairs.length || by === "task" || columns.every((column) => column.every(isCopies))) {
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    return {
      a: columns.map(([x]) => mean(x)),
      b: columns.map(([, y]) => mean(y)),
      unit: "task",
      unpaired,
      merged: by === "task" ? 0 : tasks.reduce((sum, { length }) => sum + (length > 1 ? length : 0), 0),
    };
  }
  return {
    a: columns.flatMap(([x]) => x),
    b: columns.flatMap(([, y]) => y),
    unit: "episode",
    unpaired,
    merged: 0,
  };
}

/** What all episodes of all results have, success preferred. */
export function measureOf(results: readonly Result[]): Measure {
  const known = results.some(({ episodes }) => episodes.some(({ success }) => success !== null));
  return known ? "success" : "reward";
}

function isCopies(values: readonly number[]): boolean {
  return values.every((value) => value === values[0]);
}

function keyed({ input, episodes }: Result): Map<string, Episode> {
  const seen = new Map<string, number>();
  const byKey = new Map<string, Episode>();
  for (const episode of episodes) {
    const position = seen.get(episode.task) ?? 0;
    seen.set(episode.task, position + 1);
    const key = JSON.stringify([episode.task, episode.seed ?? position]);
    if (byKey.has(key)) {
      throw new GymError(
        "INVALID_DATA",
        `Cannot compare ${input}: wanted one episode for each task and seed: received two of task "${episode.task}" with seed ${episode.seed}`,
        { input, task: episode.task, seed: episode.seed },
      );
    }
    byKey.set(key, episode);
  }
  return byKey;
}

/** An unknown outcome counts as not succeeded: a policy gains nothing by breaking off. */
function numberOf(episode: Episode, measure: Measure, { input }: Result): number {
  if (measure === "steps") return episode.steps;
  if (measure === "success") return episode.success === true ? 1 : 0;
  if (episode.reward !== null) return episode.reward;
  throw new GymError(
    "INVALID_DATA",
    `Cannot compare ${input} by reward: wanted a reward for every episode: received none for task "${episode.task}"`,
    { input, task: episode.task },
  );
}
