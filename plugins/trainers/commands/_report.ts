/**
 * What came of a training run, as data and for people.
 *
 * @module
 */
import { join } from "node:path";
import type { TrainingHistory } from "../../../core/training.ts";
import { columnsText } from "../_columns.ts";
import type { RunConfig } from "./_run_folder.ts";

/** A number at the start and at the end of a run; null where there is none. */
export type Change = { readonly first: number | null; readonly last: number | null };

/** What came of a run. */
export type TrainReport = {
  readonly folder: string;
  readonly trainer: string;
  /** Why it ended; null when it has not. */
  readonly reason: string | null;
  readonly step: number;
  readonly steps: number | null;
  readonly loss: Change;
  /** Metrics of the first and of the last evaluation; null without any. */
  readonly evaluation: Readonly<Record<string, Change>> | null;
  /** Folder of the trained adapter or model. */
  readonly final: string;
  /** Folder of the one with the best evaluation; null without evaluations. */
  readonly best: string | null;
  /** Picture of the learning curve; null for a trainer that draws none. */
  readonly curve: string | null;
  readonly metrics: string;
};

/** Adds a run up. @param folder As it was named. */
export function reportOf(
  { trainer }: RunConfig,
  folder: string,
  { steps, losses, evaluations, end }: TrainingHistory,
): TrainReport {
  const [first, last] = [evaluations[0]?.metrics, evaluations.at(-1)?.metrics];
  return {
    folder,
    trainer,
    reason: end?.reason ?? null,
    step: end?.step ?? losses.at(-1)?.step ?? 0,
    steps,
    loss: { first: losses[0]?.value ?? null, last: losses.at(-1)?.value ?? null },
    evaluation: first === undefined || last === undefined ? null : Object.fromEntries(
      Object.keys(last).map((name) => [name, { first: first[name] ?? null, last: last[name] ?? null }]),
    ),
    final: join(folder, "final"),
    best: evaluations.length === 0 ? null : join(folder, "best"),
    curve: drawsCurve(end) ? join(folder, "curve.svg") : null,
    metrics: join(folder, "metrics.jsonl"),
  };
}

function drawsCurve(end: TrainingHistory["end"]): boolean {
  const summary = end?.summary;
  return typeof summary === "object" && summary !== null && "curve" in summary;
}

/** The same as two tables: numbers, and where things lie. */
export function reportText(report: TrainReport): string {
  const { trainer, folder, reason, step, steps, loss, evaluation, final, best, curve, metrics } = report;
  const early = reason === "early_stop" ? ", stopped early" : "";
  const changes = [
    ["loss of a step", loss] as const,
    ...Object.entries(evaluation ?? {}).filter(([name]) => name !== "tokens")
      .map(([name, change]) => [`evaluation: ${name}`, change] as const),
  ];
  const places = [
    ["trained", final],
    ...best === null ? [] : [["best", best]],
    ...curve === null ? [] : [["learning curve", curve]],
    ["events", metrics],
    ["settings", join(folder, "config.json")],
  ];
  return [
    `${trainer}: ${step} of ${steps ?? step} steps${early}`,
    columnsText([
      ["", "first", "last"],
      ...changes.map(([name, { first, last }]) => [
        name,
        numberText(first),
        numberText(last),
      ]),
    ]),
    columnsText(places, 2),
  ].join("\n\n");
}

function numberText(value: number | null): string {
  return value === null ? "-" : value >= 1000 ? value.toPrecision(6) : value.toFixed(4);
}
