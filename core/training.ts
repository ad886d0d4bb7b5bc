/**
 * One run of a trainer: its events go to sinks; and what events tell of a run, added up.
 *
 * @module
 */
import type { Sink } from "./sink.ts";
import type { Trainer, TrainEvent, TrainJob } from "./trainer.ts";

/** The last event of a run. */
export type TrainEnd = Extract<TrainEvent, { readonly kind: "end" }>;

/**
 * Trains, and gives each event to all sinks, in their order, before the next one comes. The sinks are closed at the end,
 * whether it went well or not.
 *
 * @throws {TypeError} When the trainer stops without an `end` event.
 */
export async function runTraining(
  trainer: Trainer,
  job: TrainJob,
  sinks: readonly Sink[] = [],
): Promise<TrainEnd> {
  let end: TrainEnd | null = null;
  try {
    for await (const event of trainer.train(job)) {
      for (const sink of sinks) await sink.write(event);
      if (event.kind === "end") end = event;
    }
  } finally {
    await Promise.all(sinks.map((sink) => sink.close()));
  }
  if (end !== null) return end;
  throw new TypeError(`Cannot train with "${trainer.name}": wanted an end event: the stream stopped without`);
}

/** A number of one step. */
export interface StepValue {
  /** The step, from 1; an evaluation before the first one has 0. */
  readonly step: number;
  /** The number. */
  readonly value: number;
}

/** What the events of a run tell. */
export interface TrainingHistory {
  /** Steps planned; null before the first one. */
  readonly steps: number | null;
  /** Loss of every step that has a finite one, in order. */
  readonly losses: readonly StepValue[];
  /** Evaluations in order. */
  readonly evaluations: readonly {
    readonly step: number;
    readonly metrics: Readonly<Record<string, number>>;
  }[];
  /** The last `end`; null when the run has not ended, or went on after it. */
  readonly end: TrainEnd | null;
}

/**
 * Adds up the events of a run, from its trainer or as a sink kept them. Where a run was resumed, what it did anew counts
 * in the place of what it had done.
 */
export async function trainingHistory(
  events: AsyncIterable<TrainEvent> | Iterable<TrainEvent>,
): Promise<TrainingHistory> {
  let [losses, evaluations]: [StepValue[], TrainingHistory["evaluations"][number][]] = [[], []];
  let [steps, end]: [number | null, TrainEnd | null] = [null, null];
  for await (const event of events) {
    if (event.kind === "start") {
      const from = event.step ?? 0;
      losses = losses.filter(({ step }) => step <= from);
      evaluations = from === 0 ? [] : evaluations.filter(({ step }) => step <= from);
      end = null;
    } else if (event.kind === "step") {
      steps = event.steps;
      const value = event.metrics["loss"];
      // A file may hold "NaN" as text.
      if (typeof value === "number" && Number.isFinite(value)) losses.push({ step: event.step, value });
    } else if (event.kind === "evaluation") evaluations.push({ step: event.step, metrics: event.metrics });
    else if (event.kind === "end") end = event;
  }
  return { steps, losses, evaluations, end };
}
