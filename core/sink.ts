/**
 * Sinks: where the events of training go, to be kept or watched: a file of lines, TensorBoard, OpenTelemetry, the
 * terminal.
 *
 * One invariant: a sink only listens. It changes no event, and what it cannot show it passes over.
 *
 * @module
 */
import type { Awaitable } from "./env.ts";
import { defineKind, type Kind } from "./kind.ts";
import type { TrainEvent } from "./trainer.ts";

/** Takes the events of one run, in order. */
export interface Sink {
  /**
   * Takes one event; the next one comes when this is done. A kind of event that it does not know is passed over.
   *
   * @throws {TypeError} After `close`.
   */
  write(event: TrainEvent): Awaitable<void>;
  /** Writes what is left and lets go of files and connections. Closing twice is allowed, so is closing unused. */
  close(): Awaitable<void>;
}

/** The kind of sinks. */
export const sink: Kind<Sink> = defineKind<Sink>("sink");
