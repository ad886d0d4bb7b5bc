/**
 * Metrics as TensorBoard event files: TFRecords of `Event` messages with scalars `train/*` and `eval/*`.
 *
 * A record is its length (8 bytes, little endian), the masked CRC-32C of those, the message, its masked CRC-32C.
 * Source: tensorflow/core/lib/io/record_writer.h.
 *
 * @module
 */
import { join as joinPath } from "node:path";
import { z } from "zod";
import type { Contribution } from "../../core/kind.ts";
import { type Sink, sink } from "../../core/sink.ts";
import type { TrainEvent } from "../../core/trainer.ts";
import { onFile } from "../files/file_error.ts";
import { maskedCrc32c } from "./_crc32c.ts";
import { encodeEvent, type EventRecord, join } from "./_event_proto.ts";
import { wantOpen } from "./_open.ts";

/** Options of {@linkcode tensorboardSink}. */
export interface TensorboardSinkOptions {
  /** Folder for the event file: what `tensorboard --logdir` is given. */
  readonly folder: string;
  /** Name of the machine, the end of the file's name. @default "localhost" */
  readonly host?: string | undefined;
}

/** What {@linkcode TensorboardSink} is made of. */
export interface TensorboardSinkParts extends TensorboardSinkOptions {
  /** Milliseconds since 1970: the time in the file's name, and when each value was written. */
  readonly now: () => number;
}

/** Tags of the events that carry metrics. */
const TAG_PREFIX: Readonly<Record<string, string>> = { step: "train", evaluation: "eval" };

/**
 * Writes one event file, `events.out.tfevents.<seconds since 1970>.<host>`. A resumed run writes a further file that
 * begins with a session start, on which TensorBoard drops what the files before say of the steps that come again.
 * Values are float32, not-finite ones included; events without metrics are passed over.
 */
export class TensorboardSink implements Sink {
  readonly #folder: string;
  readonly #host: string;
  readonly #now: () => number;
  #file: Deno.FsFile | null = null;
  #path = "";
  #closed = false;

  /** Opens nothing yet; the first event does. */
  constructor({ folder, host = "localhost", now }: TensorboardSinkParts) {
    if (/[/\\]/.test(host)) {
      throw new TypeError(`Cannot name event files: host: wanted a name: received "${host}"`);
    }
    this.#folder = folder;
    this.#host = host;
    this.#now = now;
  }

  /** Writes the metrics of one event. @throws {GymError} `FILE_ACCESS` or `PERMISSION`. */
  async write(event: TrainEvent): Promise<void> {
    wantOpen(this.#closed, `TensorBoard files in "${this.#folder}"`);
    const wallTime = this.#now() / 1000;
    if (this.#file === null) {
      await this.#open(Math.floor(wallTime));
      await this.#append({ wallTime, step: 0, fileVersion: "brain.Event:2" });
    }
    if (event.kind === "start") await this.#append({ wallTime, step: (event.step ?? 0) + 1, starts: true });
    const prefix = TAG_PREFIX[event.kind];
    if (prefix === undefined || !("metrics" in event)) return;
    const scalars = Object.fromEntries(
      Object.entries(event.metrics).map(([name, value]) => [`${prefix}/${name}`, value]),
    );
    await this.#append({ wallTime, step: event.step, scalars });
  }

  /** Closes the file. */
  close(): void {
    this.#closed = true;
    this.#file?.close();
    this.#file = null;
  }

  /** A file of its own: where a run of the same second has taken the name, the next second's. */
  async #open(seconds: number): Promise<void> {
    const name = `events.out.tfevents.${String(seconds).padStart(10, "0")}.${this.#host}`;
    this.#path = joinPath(this.#folder, name);
    try {
      this.#file = await onFile("write", this.#path, async () => {
        await Deno.mkdir(this.#folder, { recursive: true });
        return await Deno.open(this.#path, { write: true, createNew: true });
      });
    } catch (thrown) {
      if (!((thrown as Error).cause instanceof Deno.errors.AlreadyExists)) throw thrown;
      await this.#open(seconds + 1);
    }
  }

  async #append(record: EventRecord): Promise<void> {
    const bytes = frame(encodeEvent(record));
    await onFile("write", this.#path, async () => {
      for (let at = 0; at < bytes.length;) at += await this.#file!.write(bytes.subarray(at));
    });
  }
}

/** {@linkcode TensorboardSink} for a kernel. */
export const tensorboardSink: Contribution<Sink, TensorboardSinkOptions> = sink("knowlyr/tensorboard-v1", {
  description: "Metrics as TensorBoard event files",
  options: z.strictObject({
    folder: z.string().min(1).describe("Folder for the event file"),
    host: z.string().regex(/^[^/\\]+$/).optional().describe(
      "Name of the machine, the end of the file's name",
    ),
  }),
  create: (options) => new TensorboardSink({ ...options, now: Date.now }),
});

function frame(data: Uint8Array): Uint8Array {
  const length = new DataView(new ArrayBuffer(8));
  length.setBigUint64(0, BigInt(data.length), true);
  const head = new Uint8Array(length.buffer);
  return join([head, uint32(maskedCrc32c(head)), data, uint32(maskedCrc32c(data))]);
}

function uint32(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, value, true);
  return new Uint8Array(view.buffer);
}
