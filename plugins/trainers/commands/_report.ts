/**
 * What came of a training run, as data and for people.
 *
 * @module
 */
import { join } from "node:path";
import { type Measured, measuredIn } from "../../../core/measured.ts";
import type { TrainingHistory } from "../../../core/training.ts";
import { columnsText } from "../_columns.ts";
import type { RunConfig } from "./_run_folder.ts";

/** A number at the start and at the end of a run; null where there is none. */
export type Change = { readonly first: number | null; readonly last: number | null };

/** The same with the best between them. */
export type EvaluationChange = Change & { readonly best: number | null };

/** What came of a run. */
export type TrainReport = {
  readonly folder: string;
  readonly trainer: string;
  /** Why it ended; null when it has not. */
  readonly reason: string | null;
  readonly step: number;
  readonly steps: number | null;
  readonly loss: Change;
  /** Metrics of the first evaluation, of what is best, and of the last one; null without any. */
  readonly evaluation: Readonly<Record<string, EvaluationChange>> | null;
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
  const chosen = bestStep(end);
  const best = evaluations.findLast(({ step }) => step === chosen)?.metrics;
  return {
    folder,
    trainer,
    reason: end?.reason ?? null,
    step: end?.step ?? losses.at(-1)?.step ?? 0,
    steps,
    loss: { first: losses[0]?.value ?? null, last: losses.at(-1)?.value ?? null },
    evaluation: first === undefined || last === undefined ? null : Object.fromEntries(
      Object.keys(last).map((name) => [name, {
        first: first[name] ?? null,
        best: best?.[name] ?? null,
        last: last[name] ?? null,
      }]),
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

/** Step of what is best, as the end tells it. */
function bestStep(end: TrainingHistory["end"]): number | null {
  const summary = end?.summary as { readonly best?: { readonly step?: number } | null } | null | undefined;
  return summary?.best?.step ?? null;
}

/** The same as two tables: numbers, and where things lie. */
export function reportText(report: TrainReport): string {
  const { trainer, folder, reason, step, steps, loss, evaluation, final, best, curve, metrics } = report;
  const early = reason === "early_stop" ? ", stopped early" : "";
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
      ["", "first", ...evaluation === null ? [] : ["best"], "last"],
      [
        "loss of a step",
        numberText(loss.first),
        ...evaluation === null ? [] : ["-"],
        numberText(loss.last),
      ],
      ...evaluation === null ? [] : evaluationRows(evaluation),
    ]),
    columnsText(places, 2),
  ].join("\n\n");
}

function evaluationRows(evaluation: NonNullable<TrainReport["evaluation"]>): string[][] {
  const columns = (["first", "best", "last"] as const).map((column) => {
    const known = Object.entries(evaluation).flatMap(([name, change]) => {
      const value = change[column];
      return value === null ? [] : [[name, value] as const];
    });
    return new Map(measuredIn(Object.fromEntries(known)).map((measured) => [measured.name, measured]));
  });
  const names = new Set(columns.flatMap((column) => [...column.keys()]).filter((name) => name !== "tokens"));
  return [...names].map((name) => [
    `evaluation: ${name}`,
    ...columns.map((column) => measuredText(column.get(name))),
  ]);
}

function measuredText(measured: Measured | undefined): string {
  if (measured === undefined) return "-";
  const { value, interval } = measured;
  if (interval === null) return numberText(value);
  return `${value.toFixed(3)} (${interval.low.toFixed(3)} to ${interval.high.toFixed(3)})`;
}

function numberText(value: number | null): string {
  return value === null ? "-" : value >= 1000 ? value.toPrecision(6) : value.toFixed(4);
}
