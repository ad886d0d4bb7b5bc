/**
 * The summary of a run for people.
 *
 * @module
 */
import { type Cell, table } from "../_table.ts";
import type { ContenderSummary, EvaluationResult } from "./evaluate.ts";
import type { IssueCount } from "./issues.ts";
import type { SourceSummary } from "./summary.ts";
import type { TrainSummary } from "./train.ts";

/** Rows of one data set. */
export interface ExportSummary {
  /** Id of the exporter. */
  readonly format: string;
  /** File in the run folder. */
  readonly file: string;
  readonly rows: number;
  /** Trajectories that were not exported, by reason. */
  readonly skipped: Readonly<Record<string, number>>;
}

/** Everything that `summary.json` holds. */
export interface RunSummary {
  readonly schema: "gym.run/1";
  /** Name of the run folder. */
  readonly run: string;
  readonly seed: number;
  readonly sources: Readonly<Record<string, SourceSummary>>;
  readonly all: SourceSummary;
  /** Trajectories that the data sets were made of. */
  readonly selected: number;
  readonly exports: readonly ExportSummary[];
  readonly training: readonly TrainSummary[];
  readonly evaluations: readonly EvaluationResult[];
  readonly issues: readonly Omit<IssueCount, "examples">[];
}

/** Tables: sources, rubrics by source, files, training, issues, evaluations; the last three only when there are some. */
export function summaryText(summary: RunSummary, folder: string): string {
  const columns = [...Object.entries(summary.sources), ["all", summary.all] as const];
  const blocks = [
    table(
      ["source", "episodes", "steps", "success", "mean reward", "errors"],
      columns.map(([name, s]) => [
        name,
        s.episodes,
        s.steps,
        success(s),
        s.meanReward,
        s.errors,
      ]),
    ),
    table(
      ["mean score", ...columns.map(([name]) => name)],
      Object.keys(summary.all.rubrics).map((
        id,
      ) => [id, ...columns.map(([, s]) => s.rubrics[id] ?? null)]),
    ),
    table(["file", "rows", "what"], files(summary)),
  ];
  if (summary.training.length > 0) blocks.push(trainingTable(summary.training));
  if (summary.issues.length > 0) {
    blocks.push(table(
      ["issue in logs", "source", "times"],
      summary.issues.map(({ what, source, count }) => [what, source, count]),
    ));
  }
  blocks.push(...summary.evaluations.map(evaluationText));
  return [...blocks, `Everything lies in ${folder}`].join("\n\n");
}

/** How each policy did, and below it whether that may be chance. */
function evaluationText({ name, policies, comparisons, notes }: EvaluationResult): string {
  return [
    table(
      [`evaluation ${name}`, "success", "rate", "95 % from", "to", "mean reward", "errors"],
      policies.map(contenderRow),
    ),
    ...comparisons.map(({ sentence }) => sentence),
    ...notes,
  ].join("\n");
}

function contenderRow({ name, succeeded, episodes, success, reward, errors }: ContenderSummary): Cell[] {
  const share = success === null ? "unknown" : `${succeeded} of ${episodes}`;
  const rate = success === null ? [null, null, null] : [success.estimate, success.low, success.high];
  return [name, share, ...rate.map((value) => value?.toFixed(3) ?? null), reward?.estimate ?? null, errors];
}

function trainingTable(training: readonly TrainSummary[]): string {
  return table(
    ["trained", "on", "steps", "loss first", "middle", "last", "evaluation before", "after"],
    training.map(({ folder, data, steps, loss, evaluation }) => [
      `${folder}/final`,
      data,
      steps,
      loss.first,
      loss.middle,
      loss.last,
      evaluation.before,
      evaluation.after,
    ]),
  );
}

function files({ all, selected, exports }: RunSummary): Cell[][] {
  const skipped = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts).map(([reason, count]) => `, ${count} skipped: ${reason}`).join("");
  return [
    ["trajectories.jsonl", all.episodes, "every episode as recorded"],
    ["scored.jsonl", all.episodes, "the same with scores and rewards"],
    ["selected.jsonl", selected, "what the data sets are made of"],
    ...exports.map((item) => [item.file, item.rows, `${item.format}${skipped(item.skipped)}`]),
  ];
}

function success({ succeeded, failed, unknown }: SourceSummary): string {
  const known = succeeded + failed;
  const share = known === 0 ? "unknown" : `${succeeded}/${known}`;
  return known > 0 && unknown > 0 ? `${share} (${unknown} unknown)` : share;
}
