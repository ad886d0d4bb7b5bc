/**
 * The two ways from trajectories to rows: one row a trajectory, streamed, or rows from all trajectories of a task.
 * Either way every trajectory is counted, exported or skipped with a reason.
 */
import type { Exporter, ExportReport, ExportRow } from "../../core/exporter.ts";
import type { Trajectory } from "../../core/trajectory.ts";

/** Counts what becomes of trajectories. */
class Tally {
  read = 0;
  rows = 0;
  readonly #skipped = new Map<string, number>();

  skip(reason: string, count = 1): void {
    if (count > 0) this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + count);
  }

  report(): ExportReport {
    return { read: this.read, rows: this.rows, skipped: Object.fromEntries(this.#skipped) };
  }
}

/** Gives out one row a trajectory; `row` answers with a text, the reason, to skip one. Holds one trajectory at a time. */
export function perTrajectory(name: string, row: (trajectory: Trajectory) => ExportRow | string): Exporter {
  return Object.freeze(
    {
      name,
      async *export(trajectories, { onReport } = {}) {
        const tally = new Tally();
        for await (const trajectory of trajectories) {
          tally.read++;
          const made = row(trajectory);
          if (typeof made === "string") {
            tally.skip(made);
            continue;
          }
          tally.rows++;
          yield made;
        }
        onReport?.(tally.report());
      },
    } satisfies Exporter,
  );
}

/** How rows come from the trajectories of a task. `K` is what is kept of a trajectory until its task is complete. */
export interface TaskRows<K> {
  /** What to keep, or a text, the reason, to skip it. */
  keep(trajectory: Trajectory): K | string;
  /** Equal keys, same task. */
  key(kept: K): string;
  /** Rows of one task; `skip` counts trajectories that are in none of them. */
  rows(group: readonly K[], skip: (reason: string, count?: number) => void): Iterable<ExportRow>;
}

/**
 * Gives out rows task by task, in the order in which tasks were first seen. A task is complete only when the input
 * ends, so what {@linkcode TaskRows.keep} returns of every trajectory is held until then.
 */
export function perTask<K>(name: string, how: TaskRows<K>): Exporter {
  return Object.freeze(
    {
      name,
      async *export(trajectories, { onReport } = {}) {
        const tally = new Tally();
        const groups = new Map<string, K[]>();
        for await (const trajectory of trajectories) {
          tally.read++;
          const kept = how.keep(trajectory);
          if (typeof kept === "string") tally.skip(kept);
          else addTo(groups, how.key(kept), kept);
        }
        for (const [key, group] of groups) {
          groups.delete(key); // lets the group go once its rows are out
          for (const row of how.rows(group, (reason, count) => tally.skip(reason, count))) {
            tally.rows++;
            yield row;
          }
        }
        onReport?.(tally.report());
      },
    } satisfies Exporter,
  );
}

function addTo<K>(groups: Map<string, K[]>, key: string, kept: K): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [kept]);
  else group.push(kept);
}

/** Why an episode cannot be compared with others of its task, or null. */
export function reasonNotToCompare({ task, reset, steps, reward }: Trajectory): string | null {
  if (steps.length === 0) return "no steps";
  if (task.id === "" && task.description === "" && reset.observation === "") return "no task";
  return reward === null ? "no reward" : null;
}
