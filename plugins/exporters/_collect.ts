/** Runs an exporter to its end, for tests. */
import { type Exporter, exporter, type ExportReport, type ExportRow } from "../../core/exporter.ts";
import { createKernel } from "../../core/kernel.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import { streamOf } from "../chat/_sample.ts";
import exporters from "./mod.ts";

/** What an exporter gave out. */
export interface Exported {
  readonly rows: readonly ExportRow[];
  readonly report: ExportReport;
}

/** Exports through a kernel; rows are what a reader of the file would get. */
export async function collect(
  id: string,
  trajectories: readonly Trajectory[] | AsyncIterable<Trajectory>,
  options: unknown = {},
): Promise<Exported> {
  const made: Exporter = await createKernel({ plugins: [exporters] }).make(exporter, id, options);
  const reports: ExportReport[] = [];
  const rows: ExportRow[] = [];
  const stream = Symbol.asyncIterator in trajectories ? trajectories : streamOf(trajectories);
  for await (const row of made.export(stream, { onReport: (report) => reports.push(report) })) {
    rows.push(JSON.parse(JSON.stringify(row)));
  }
  if (reports.length !== 1) {
    throw new Error(`Cannot collect rows: wanted one report: received ${reports.length}`);
  }
  return { rows, report: reports[0]! };
}
