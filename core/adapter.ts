/**
 * Adapters: logs of foreign agents → trajectories. An adapter recognises a log by its structure, never by its name,
 * and counts what it had to drop.
 *
 * @module
 */
import { defineKind, type Kind } from "./kind.ts";
import type { Trajectory } from "./trajectory.ts";

/** A log to read: one file, or a folder of files. Opening it twice reads it twice. */
export interface LogSource {
  /** Path or name, for messages. */
  readonly name: string;
  /** The bytes of a file. For a folder, use `files`. */
  open(): ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Files of a folder in natural order of their names; null when the source is one file. */
  readonly files: readonly LogSource[] | null;
  /** Size in bytes, or null when unknown (standard input). */
  readonly size: number | null;
}

/** The start of a log, for detection. */
export interface LogSample {
  /** Path or name, for messages only. */
  readonly name: string;
  /** The first bytes as text, cut at a limit; of a folder, those of its first JSON file. */
  readonly head: string;
  /** Whether `head` is all there is. */
  readonly complete: boolean;
  /** Names of the files of a folder; null for one file. */
  readonly files: readonly string[] | null;
}

/** What was found wrong or could not be kept. */
export interface LogIssue {
  /** One word or two: `unpaired action`, `corrupt line`, `unknown event` … Counted by this. */
  readonly what: string;
  /** What it was, for people. */
  readonly detail: string;
  /** File it was found in. */
  readonly file?: string;
  /** Line in the file, from 1. */
  readonly line?: number;
}

/** What {@linkcode Adapter.read} takes beside the source. */
export interface ReadOptions {
  /** Told of everything that was dropped or repaired. */
  readonly onIssue?: (issue: LogIssue) => void;
  /** Report of an evaluation harness: instance id to resolved or not. */
  readonly report?: ReadonlyMap<string, boolean>;
  /** Aborting ends the reading with the reason. */
  readonly signal?: AbortSignal;
}

/** Reads one format. */
export interface Adapter {
  /** Short name, for `--format` and messages: `openhands`. */
  readonly name: string;
  /** How sure the adapter is, from 0 (no) to 1. Looks at structure only. */
  detect(sample: LogSample): number;
  /**
   * Streams the trajectories of a log. Nothing in it depends on the clock.
   *
   * @throws {GymError} `INVALID_DATA` with file, line and field when the log is not of this format after all.
   */
  read(source: LogSource, options?: ReadOptions): AsyncIterable<Trajectory>;
}

/** The kind of adapters. */
export const adapter: Kind<Adapter> = defineKind<Adapter>("adapter");
