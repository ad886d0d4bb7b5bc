/**
 * Exporters: trajectories → rows of a data set.
 *
 * @module
 */
import { defineKind, type Kind } from "./kind.ts";
import type { Json } from "./schema.ts";
import type { Trajectory } from "./trajectory.ts";

/** One row. Written as one line of JSON. */
export type ExportRow = Readonly<Record<string, Json>>;

/** What became of the trajectories. */
export interface ExportReport {
  /** Trajectories read. */
  readonly read: number;
  /** Rows given out. */
  readonly rows: number;
  /** Trajectories not exported, counted by reason. */
  readonly skipped: Readonly<Record<string, number>>;
}

/** What {@linkcode Exporter.export} takes beside the trajectories. */
export interface ExportOptions {
  /** Called once at the end. */
  readonly onReport?: (report: ExportReport) => void;
}

/** Writes one format. */
export interface Exporter {
  /** Short name, for `--format`: `sft`. */
  readonly name: string;
  /** Streams the rows. */
  export(trajectories: AsyncIterable<Trajectory>, options?: ExportOptions): AsyncIterable<ExportRow>;
}

/** The kind of exporters. */
export const exporter: Kind<Exporter> = defineKind<Exporter>("exporter");
