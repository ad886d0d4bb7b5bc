/**
 * Trainers: a data set and a model → a better model, as a stream of events. A trainer saves itself to a folder and
 * goes on from there.
 *
 * @module
 */
import { defineKind, type Kind } from "./kind.ts";
import type { ExportRow } from "./exporter.ts";
import type { Json } from "./schema.ts";

/** What a trainer works on. */
export interface TrainJob {
  /** Rows of the data set; a new pass asks again. */
  rows(): AsyncIterable<ExportRow>;
  /** Name of the data set for messages: its n-th row stands on line n, unless `place` says where. @default "rows" */
  readonly source?: string;
  /** Where row n (from 0) of `rows` or of `evaluation` stands, for messages; asked for rows that were given out. */
  readonly place?: (
    row: number,
    of: "rows" | "evaluation",
  ) => { readonly file: string; readonly line: number };
  /** Rows to evaluate on; left out when there are none. */
  readonly evaluation?: () => AsyncIterable<ExportRow>;
  /** Folder for checkpoints and the result. */
  readonly folder: string;
  /** Whether to go on from the newest checkpoint in `folder`. @default false */
  readonly resume?: boolean;
  /** Aborting saves a checkpoint and ends the stream. */
  readonly signal?: AbortSignal;
  /** Milliseconds, for rates in metrics. @default performance.now */
  readonly now?: () => number;
}

/**
 * What a trainer tells while it works: `start` first, `end` last.
 *
 * Names of metrics are words with their unit where they have one: `loss`, `learningRate`, `gradientNorm`, `tokens`,
 * `tokensPerSecond`, `memoryBytes`. More kinds of events may come; a reader passes over those it does not know.
 */
export type TrainEvent =
  | {
    readonly kind: "start";
    /** Steps that an earlier run did and this one goes on from. @default 0 */
    readonly step?: number;
    /** The settings of the run. */
    readonly config: Json;
    /** What lies ahead: `steps`, `rows`, `tokens`, `parameters`. */
    readonly totals: Readonly<Record<string, number>>;
  }
  | {
    readonly kind: "step";
    readonly step: number;
    readonly steps: number;
    readonly metrics: Readonly<Record<string, number>>;
  }
  | { readonly kind: "evaluation"; readonly step: number; readonly metrics: Readonly<Record<string, number>> }
  | { readonly kind: "checkpoint"; readonly step: number; readonly folder: string }
  | { readonly kind: "notice"; readonly message: string }
  | {
    readonly kind: "end";
    readonly step: number;
    readonly reason: "done" | "early_stop" | "interrupted";
    readonly summary: Json;
  };

/** Trains. */
export interface Trainer {
  /** Short name: `sft`. */
  readonly name: string;
  /** Trains; the stream ends with an `end` event. */
  train(job: TrainJob): AsyncIterable<TrainEvent>;
}

/** The kind of trainers. */
export const trainer: Kind<Trainer> = defineKind<Trainer>("trainer");
