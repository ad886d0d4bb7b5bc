/**
 * Conformance of exporters: rows that are JSON, the same every time, and a report that adds up.
 *
 * @module
 */
import type { Exporter, ExportReport, ExportRow } from "../exporter.ts";
import type { Trajectory } from "../trajectory.ts";
import { brief, must, mustBeJson, type Report, runChecks, same, Skip } from "./report.ts";
import { sampleTrajectories } from "./samples.ts";

/** Options of {@linkcode checkExporter}. */
export interface CheckExporterOptions {
  /** What to export. @default a few made-up episodes */
  readonly trajectories?: readonly Trajectory[];
  /** Longest time of one check in milliseconds. @default 20000 */
  readonly limitMs?: number;
}

interface Exported {
  readonly rows: readonly ExportRow[];
  readonly reports: readonly ExportReport[];
}

/** Checks an exporter; each export must start afresh. */
export function checkExporter(exporter: Exporter, options: CheckExporterOptions = {}): Promise<Report> {
  const { trajectories = sampleTrajectories(), limitMs = 20_000 } = options;
  const run = (): Promise<Exported> => exportAll(exporter, trajectories);
  return runChecks(`exporter "${exporter.name}"`, {
    "it has a short name": () => must(/^[a-z0-9-]+$/.test(exporter.name), `received ${brief(exporter.name)}`),
    "rows are JSON objects": async () => {
      (await run()).rows.forEach((row, at) => {
        must(
          typeof row === "object" && row !== null && !Array.isArray(row),
          `row ${at}: wanted an object: received ${brief(row)}`,
        );
        mustBeJson(row, `row ${at}`);
      });
    },
    "it exports something": async () => {
      if ((await run()).rows.length === 0) throw new Skip("it exported none of the episodes");
    },
    "the same trajectories give the same rows": async () => {
      const [a, b] = [await run(), await run()];
      must(same(a.rows, b.rows), "a second export differs");
      must(same(a.reports, b.reports), `the second report differs: ${brief(b.reports)}`);
    },
    "the report comes once and adds up": async () => {
      const { rows, reports } = await run();
      mustAddUp(reports, trajectories.length, rows.length);
    },
    "nothing in gives nothing out and a report": async () => {
      const { rows, reports } = await exportAll(exporter, []);
      must(rows.length === 0, `wanted no rows: received ${rows.length}`);
      mustAddUp(reports, 0, 0);
    },
    "it works without onReport": async () => {
      for await (const _ of exporter.export(stream(trajectories))) continue;
    },
    "what it exports is not changed": async () => {
      const before = JSON.stringify(trajectories);
      await run();
      must(JSON.stringify(trajectories) === before, "a trajectory was changed");
    },
  }, limitMs);
}

async function exportAll(exporter: Exporter, trajectories: readonly Trajectory[]): Promise<Exported> {
  const rows: ExportRow[] = [];
  const reports: ExportReport[] = [];
  const onReport = (report: ExportReport): void => void reports.push(report);
  for await (const row of exporter.export(stream(trajectories), { onReport })) rows.push(row);
  return { rows, reports };
}

async function* stream(trajectories: readonly Trajectory[]): AsyncIterable<Trajectory> {
  yield* trajectories;
}

function mustAddUp(reports: readonly ExportReport[], read: number, rows: number): void {
  must(reports.length === 1, `wanted one report: received ${reports.length}`);
  const report = reports[0]!;
  must(report.read === read, `read: wanted ${read}: received ${report.read}`);
  must(report.rows === rows, `rows: wanted ${rows}: received ${report.rows}`);
  const counts = Object.values(report.skipped);
  must(
    counts.every((count) => Number.isInteger(count) && count > 0),
    `skipped: wanted whole numbers above 0: received ${brief(report.skipped)}`,
  );
  const skipped = counts.reduce((sum, count) => sum + count, 0);
  must(skipped <= read, `skipped: wanted at most ${read}: received ${skipped}`);
  must(
    rows === 0 || skipped < read,
    `wanted rows only of trajectories that were not skipped: received ${rows}`,
  );
  must(
    rows > 0 || skipped === read,
    `wanted a reason for each trajectory left out: received ${brief(report)}`,
  );
}
