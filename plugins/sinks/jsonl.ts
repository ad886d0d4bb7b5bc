/**
 * Events as JSON Lines: one file that only grows, and that holds each step once however often the run was resumed.
 *
 * @module
 */
import { join } from "node:path";
import { z } from "zod";
import type { Contribution } from "../../core/kind.ts";
import { type Sink, sink } from "../../core/sink.ts";
import type { TrainEvent } from "../../core/trainer.ts";
import { onFile } from "../files/file_error.ts";
import { JsonlAppender, writeAtomic } from "../files/mod.ts";
import { wantOpen } from "./_open.ts";

/** Name of the file in the folder. */
export const METRICS_FILE = "metrics.jsonl";

/** Options of {@linkcode jsonlSink}. */
export interface JsonlSinkOptions {
  /** Folder of the run; the file in it is `metrics.jsonl`. */
  readonly folder: string;
}

/** What {@linkcode JsonlSink} is made of. */
export interface JsonlSinkParts extends JsonlSinkOptions {
  /** Milliseconds since 1970, for the field `time` of each line. */
  readonly now: () => number;
}

/**
 * Appends each event as one line: `time` in milliseconds since 1970, then the event's own fields. Numbers that JSON
 * lacks are the texts `NaN`, `Infinity` and `-Infinity`.
 *
 * A run that goes on from step `n` first takes out what an interrupted run wrote of later steps, so no step is there
 * twice. A run that starts afresh moves a file it finds to `metrics.1.jsonl` (or the next free number).
 */
export class JsonlSink implements Sink {
  readonly #path: string;
  readonly #now: () => number;
  #appender: Promise<JsonlAppender> | null = null;
  #closed = false;

  /** Opens nothing yet; the first event does. */
  constructor({ folder, now }: JsonlSinkParts) {
    this.#path = join(folder, METRICS_FILE);
    this.#now = now;
  }

  /** Appends one line. @throws {GymError} `FILE_ACCESS` or `PERMISSION`. */
  async write(event: TrainEvent): Promise<void> {
    wantOpen(this.#closed, `"${this.#path}"`);
    if (event.kind === "start") {
      await this.#release();
      this.#appender = prepare(this.#path, event.step ?? 0);
    }
    this.#appender ??= JsonlAppender.open(this.#path);
    await (await this.#appender).append(sayable({ time: this.#now(), ...event }));
  }

  /** Closes the file. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#release();
  }

  async #release(): Promise<void> {
    const appender = this.#appender;
    this.#appender = null;
    await (await appender)?.close();
  }
}

/** {@linkcode JsonlSink} for a kernel. */
export const jsonlSink: Contribution<Sink, JsonlSinkOptions> = sink("knowlyr/jsonl-v1", {
  description: "Events as lines of metrics.jsonl, each step once however often a run was resumed",
  options: z.strictObject({ folder: z.string().min(1).describe("Folder of the run") }),
  create: ({ folder }) => new JsonlSink({ folder, now: Date.now }),
});

async function prepare(path: string, step: number): Promise<JsonlAppender> {
  const text = await onFile("read", path, () => Deno.readTextFile(path).catch(emptyWhenMissing));
  if (step > 0) await writeAtomic(path, upTo(text, step));
  else if (text !== "") await moveAside(path);
  return await JsonlAppender.open(path);
}

function emptyWhenMissing(thrown: unknown): string {
  if (thrown instanceof Deno.errors.NotFound) return "";
  throw thrown;
}

/** The lines without those of later steps, and without a line that a killed process left torn. */
function upTo(text: string, step: number): string {
  return text.split("\n").filter((line) => line !== "" && stepOf(line) <= step).map((line) => `${line}\n`)
    .join(
      "",
    );
}

/** Step a line speaks of; 0 for one that speaks of none, Infinity for a torn one. */
function stepOf(line: string): number {
  try {
    const { step = 0 } = JSON.parse(line) as { step?: number };
    return step;
  } catch {
    return Infinity;
  }
}

async function moveAside(path: string): Promise<void> {
  for (let number = 1;; number++) {
    const aside = path.replace(/\.jsonl$/, `.${number}.jsonl`);
    if (await Deno.lstat(aside).then(() => true, () => false)) continue;
    return await onFile("write", aside, () => Deno.rename(path, aside));
  }
}

function sayable(value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (Array.isArray(value)) return value.map(sayable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, sayable(field)]));
}
