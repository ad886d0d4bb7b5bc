/**
 * What was wrong in logs, counted.
 *
 * @module
 */
import type { LogIssue } from "../../../core/adapter.ts";

/** How often one thing was wrong in one source, with the first examples. */
export interface IssueCount {
  readonly source: string;
  readonly what: string;
  readonly count: number;
  /** The first ten. */
  readonly examples: readonly Omit<LogIssue, "what">[];
}

/** Counts one issue. */
export function countIssue(counts: Map<string, IssueCount>, source: string, issue: LogIssue): void {
  const { what, ...example } = issue;
  const { count, examples } = counts.get(what) ?? { count: 0, examples: [] };
  counts.set(what, {
    source,
    what,
    count: count + 1,
    examples: examples.length < 10 ? [...examples, example] : examples,
  });
}
