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
  /** Folder for checkpoints and the result. */
  readonly folder: string;
  /** Whether to go on from the newest checkpoint in `folder`. @default false */
  readonly resume?: boolean;
  /** Aborting saves a checkpoint and ends the stream. */
  readonly signal?: AbortSignal;
}

/** What a trainer tells while it works. */
export type TrainEvent =
  | {
    readonly kind: "step";
    readonly step: number;
    readonly steps: number;
    readonly metrics: Readonly<Record<string, number>>;
  }
  | { readonly kind: "evaluation"; readonly step: number; readonly metrics: Readonly<Record<string, number>> }
  | { readonly kind: "checkpoint"; readonly step: number; readonly folder: string }
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
