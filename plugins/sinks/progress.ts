/**
 * Progress for people, on standard error: one line that is redrawn on a terminal, a plain line now and then elsewhere.
 *
 * @module
 */
import { z } from "zod";
import type { Contribution } from "../../core/kind.ts";
import { type Sink, sink } from "../../core/sink.ts";
import type { TrainEvent } from "../../core/trainer.ts";
import { type Measured, measuredIn } from "../../core/measured.ts";
import { wantOpen } from "./_open.ts";
import { duration, fittedLine, type Progress, progressParts } from "./_progress_line.ts";

/** Where progress is shown. */
export interface ProgressStream {
  /** Writes text at once. */
  write(text: string): void;
  /** Whether a line can be redrawn. */
  readonly isTerminal: boolean;
  /** Width now; read before each drawing. Only asked of a terminal. */
  columns(): number;
  /** Whether colours are wanted; NO_COLOR says no. */
  readonly color: boolean;
}

/** Options of {@linkcode progressSink}. */
export interface ProgressSinkOptions {
  /** Seconds between two plain lines where there is no terminal, at least 0. @default 10 */
  readonly everySeconds?: number | undefined;
}

/** What {@linkcode ProgressSink} is made of. */
export interface ProgressSinkParts extends ProgressSinkOptions {
  /** Where to show it. */
  readonly stream: ProgressStream;
  /** Milliseconds, for the time left and for not drawing too often. */
  readonly now: () => number;
}

/** A terminal is redrawn at most so often. */
const REDRAW_MS = 100;
const [CLEAR, DIM, RESET] = ["\r\x1b[2K", "\x1b[2m", "\x1b[0m"];

/**
 * Shows steps, loss, time left, success and reward of episodes, tokens a second, learning rate, gradient norm and memory, as far as metrics of these
 * names come and the line has room. The time left is the mean time of a step so far times the steps to come.
 * Evaluations, notices and the end are lines of their own.
 */
export class ProgressSink implements Sink {
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  readonly #everyMs: number;
  #began: { readonly at: number; readonly step: number } | null = null;
  /** Steps of an iteration, for a run that has some. */
  #iteration: number | null = null;
  #shownAt = -Infinity;
  #drawn: Progress | null = null;
  #closed = false;

  /** Shows nothing yet. */
  constructor({ stream, now, everySeconds = 10 }: ProgressSinkParts) {
    this.#stream = stream;
    this.#now = now;
    this.#everyMs = stream.isTerminal ? REDRAW_MS : everySeconds * 1000;
  }

  /** Shows one event. */
  write(event: TrainEvent): void {
    wantOpen(this.#closed, "progress");
    this.#handlers[event.kind]?.(event as never); // sound: the key is the event's own kind
  }

  /** Leaves the last line standing. */
  close(): void {
    this.#closed = true;
    this.#settle();
  }

  readonly #handlers: {
    readonly [K in TrainEvent["kind"]]: (event: Extract<TrainEvent, { kind: K }>) => void;
  } = {
    start: ({ step = 0, totals }) => {
      this.#began = { at: this.#now(), step };
      const { steps, iterations } = totals;
      this.#iteration = steps === undefined || iterations === undefined ? null : steps / iterations;
      const said = Object.entries(totals).map(([name, value]) => counted(value, name)).join(", ");
      this.#line(`Training${step > 0 ? ` from step ${step}` : ""}${said === "" ? "" : `: ${said}`}`);
    },
    step: ({ step, steps, metrics }) => {
      const now = this.#now();
      this.#began ??= { at: now, step };
      if (step < steps && now - this.#shownAt < this.#everyMs) return;
      this.#shownAt = now;
      const { at, step: first } = this.#began;
      const secondsLeft = step > first ? (now - at) / 1000 / (step - first) * (steps - step) : null;
      this.#show({ step, steps, metrics, secondsLeft });
    },
    evaluation: ({ step, metrics }) => {
      const after = this.#iteration === null ? `step ${step}` : `iteration ${step / this.#iteration}`;
      this.#line(`Evaluation after ${after}: ${measuredIn(metrics).map(measuredText).join(", ")}`);
    },
    checkpoint: () => {}, // its folder is in the result; a line each would drown the rest
    notice: ({ message }) => this.#line(message),
    end: ({ step, reason }) => {
      const took = this.#began === null ? "" : ` after ${duration((this.#now() - this.#began.at) / 1000)}`;
      this.#settle();
      this.#line(`${ENDINGS[reason]} at step ${step}${took}`);
    },
  };

  #show(progress: Progress): void {
    if (!this.#stream.isTerminal) return this.#stream.write(`${progressParts(progress).join("  ")}\n`);
    const { bar, text } = fittedLine(progress, this.#stream.columns() - 1); // the last column may wrap
    const drawn = bar === "" ? "" : this.#stream.color ? `${DIM}${bar}${RESET} ` : `${bar} `;
    this.#stream.write(`${CLEAR}${drawn}${text}`);
    this.#drawn = progress;
  }

  /** A line that stays, above the one that is redrawn. */
  #line(text: string): void {
    const plain = text.replaceAll(/\p{Cc}+/gu, " "); // a message must not move the cursor
    this.#stream.write(`${this.#drawn === null ? "" : CLEAR}${plain}\n`);
    if (this.#drawn !== null) this.#show(this.#drawn);
  }

  #settle(): void {
    if (this.#drawn !== null) this.#stream.write("\n");
    this.#drawn = null;
  }
}

function measuredText({ name, value, interval }: Measured): string {
  if (interval === null) return `${name} ${value.toPrecision(4)}`;
  return `${name} ${value.toFixed(3)} (${interval.low.toFixed(3)} to ${interval.high.toFixed(3)})`;
}

/** A plural in the singular where there is one: `1 step`. */
function counted(value: number, name: string): string {
  return `${value} ${value === 1 ? name.replace(/s$/, "") : name}`;
}

const ENDINGS: Readonly<Record<Extract<TrainEvent, { kind: "end" }>["reason"], string>> = {
  done: "Done",
  early_stop: "Stopped early",
  interrupted: "Interrupted",
};

/** {@linkcode ProgressSink} for a kernel, on standard error. */
export const progressSink: Contribution<Sink, ProgressSinkOptions> = sink("knowlyr/progress-v1", {
  description: "Progress for people on standard error",
  options: z.strictObject({
    everySeconds: z.number().min(0).optional().describe(
      "Seconds between two lines where there is no terminal",
    ),
  }),
  create: (options) =>
    new ProgressSink({ ...options, stream: standardError(), now: () => performance.now() }),
});

function standardError(): ProgressStream {
  const utf8 = new TextEncoder();
  return {
    write: (text) => {
      const bytes = utf8.encode(text);
      for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
    },
    isTerminal: Deno.stderr.isTerminal(),
    columns: () => Deno.consoleSize().columns || 80, // some terminals do not know
    color: !Deno.noColor,
  };
}
