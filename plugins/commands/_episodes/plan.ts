/**
 * What is to be collected, as a list of units in the order in which they are written.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { deriveSeed } from "../../../core/prng.ts";
import type { Json } from "../../../core/schema.ts";
import { canonicalJson } from "../../../core/trajectory_id.ts";
import type { Spec, Task } from "../../../core/trajectory.ts";

/** Which environment, wrapped by what, and who acts in it. */
export interface Setup {
  /** The environment. */
  readonly env: Spec;
  /** Its wrappers, the first one innermost. */
  readonly wrappers: readonly Spec[];
  /** Who acts. */
  readonly policy: Spec;
}

/** How often, on what, with which seed. */
export interface Schedule {
  /** Tasks; none means that the environment chooses its own. */
  readonly tasks: readonly Task[];
  /** Episodes a task. */
  readonly episodes: number;
  readonly seed: number;
}

/** One episode to be played. Recorded in `metadata.unit`, by which a rerun knows it again. */
export interface Unit {
  readonly task: Task | null;
  readonly seed: bigint;
  /** What identifies it: same record, same episode. */
  readonly record: Readonly<Record<string, Json>>;
  /** `record` as one text. */
  readonly key: string;
}

/**
 * All units, task by task. The seed of a unit depends on the schedule's seed, the task's id and the number of the
 * episode alone, so more episodes or further tasks leave those that were there as they are.
 */
export function planUnits(setup: Setup, { tasks, episodes, seed }: Schedule): Unit[] {
  const each: readonly (Task | null)[] = tasks.length === 0 ? [null] : tasks;
  const digest = shortHash({ ...setup });
  return each.flatMap((task) =>
    Array.from({ length: episodes }, (_, episode) => {
      const derived = deriveSeed(seed, task?.id ?? "", episode);
      const record = {
        task: task?.id ?? null,
        taskDigest: task === null ? null : shortHash(task),
        episode,
        seed: String(derived),
        env: setup.env.id,
        policy: setup.policy.id,
        setupDigest: digest,
      };
      return { task, seed: derived, record, key: unitKey(record) };
    })
  );
}

/** A record of a unit as one text. */
export function unitKey(record: unknown): string {
  return canonicalJson(record);
}

/** The first 16 hex digits of SHA-256 over the canonical JSON of a value. */
export function shortHash(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 16);
}
