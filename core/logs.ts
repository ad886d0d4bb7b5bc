/**
 * Logs → trajectories: look at the start of a log, find the adapter that knows it, stream what it reads.
 *
 * @module
 */
import { type Adapter, adapter, type LogSample, type LogSource, type ReadOptions } from "./adapter.ts";
import { GymError, isGymError, PluginError } from "./errors.ts";
import { hint } from "./id.ts";
import type { Entry, Kernel } from "./kernel.ts";
import type { Trajectory } from "./trajectory.ts";

/** What {@linkcode readLogs} takes beside the sources. */
export interface ReadLogsOptions extends ReadOptions {
  /** Name or id of the adapter to use. Left out, it is detected. */
  readonly format?: string;
}

const HEAD_BYTES = 64 * 1024;

interface Candidate {
  readonly adapter: Adapter;
  readonly entry: Entry<Adapter>;
}

/** The start of a log: 64 KiB of a file; of a folder, of its first JSON file. */
export async function sampleOf(source: LogSource): Promise<LogSample> {
  const files = source.files?.map((file) => file.name) ?? null;
  const file = source.files === null
    ? source
    : source.files.find(({ name }) => /\.(json|jsonl|ndjson)$/i.test(name)) ?? source.files[0];
  const { head, complete } = file === undefined ? { head: "", complete: true } : await headOf(file);
  return { name: source.name, head, complete, files };
}

/**
 * The adapter that is surest of a sample, or the one that `format` names. Ties go to the id that sorts first.
 *
 * @param format Name (`openhands`) or id of an adapter.
 * @throws {GymError} `UNKNOWN_FORMAT` naming the adapters. {@linkcode PluginError} when an adapter throws.
 */
export async function detectAdapter(kernel: Kernel, sample: LogSample, format?: string): Promise<Adapter> {
  return choose(await candidatesOf(kernel), sample, format).adapter;
}

/**
 * Streams the trajectories of logs. A folder that no adapter takes as one log is read file by file; what nobody
 * recognises in it is reported as an issue.
 *
 * @throws {GymError} `UNKNOWN_FORMAT`, or what the adapter throws. {@linkcode PluginError} when an adapter is at fault.
 */
export async function* readLogs(
  kernel: Kernel,
  sources: AsyncIterable<LogSource> | Iterable<LogSource>,
  { format, ...options }: ReadLogsOptions = {},
): AsyncGenerator<Trajectory> {
  const candidates = await candidatesOf(kernel);
  let recognised = 0;
  let refused: GymError | undefined;
  for await (const source of sources) {
    options.signal?.throwIfAborted();
    const sample = await sampleOf(source);
    if (source.files === null || format !== undefined || surest(candidates, sample) !== null) {
      recognised++;
      yield* attributed(choose(candidates, sample, format), source, options);
      continue;
    }
    for (const file of source.files) {
      const head = await sampleOf(file);
      const chosen = surest(candidates, head);
      if (chosen === null) {
        const error = unknownFormat(candidates, head);
        refused ??= error;
        options.onIssue?.({ what: "unrecognised file", detail: error.message, file: file.name });
      } else {
        recognised++;
        yield* attributed(chosen, file, options);
      }
    }
  }
  if (recognised === 0 && refused !== undefined) throw refused;
}

async function candidatesOf(kernel: Kernel): Promise<readonly Candidate[]> {
  const entries = kernel.list(adapter);
  return await Promise.all(
    entries.map(async (entry) => ({ entry, adapter: await kernel.make(entry.contribution, {}) })),
  );
}

function choose(candidates: readonly Candidate[], sample: LogSample, format: string | undefined): Candidate {
  if (format !== undefined) return named(candidates, sample, format);
  const best = surest(candidates, sample);
  if (best === null) throw unknownFormat(candidates, sample);
  return best;
}

function unknownFormat(candidates: readonly Candidate[], sample: LogSample): GymError {
  const why = sample.head.trim() === "" && sample.complete ? "it is empty" : "no adapter recognises it";
  const known = candidates.map((one) => one.adapter.name);
  return new GymError(
    "UNKNOWN_FORMAT",
    `Cannot read log "${sample.name}": ${why}: known are ${known.join(", ") || "none"}`,
    { file: sample.name, known },
  );
}

function named(candidates: readonly Candidate[], sample: LogSample, format: string): Candidate {
  const found = candidates.find((one) => one.adapter.name === format || one.entry.contribution.id === format);
  if (found !== undefined) return found;
  const known = candidates.map((one) => one.adapter.name);
  throw new GymError(
    "UNKNOWN_FORMAT",
    `Cannot read log "${sample.name}" as "${format}": no such format${
      hint(format, known) || `: known are ${known.join(", ") || "none"}`
    }`,
    { file: sample.name, format, known },
  );
}

function surest(candidates: readonly Candidate[], sample: LogSample): Candidate | null {
  let best: { readonly candidate: Candidate; readonly sure: number } | null = null;
  for (const candidate of candidates) {
    const sure = blame(candidate, "detect", () => candidate.adapter.detect(sample));
    if (sure > (best?.sure ?? 0)) best = { candidate, sure };
  }
  return best?.candidate ?? null;
}

async function* attributed(
  candidate: Candidate,
  source: LogSource,
  options: ReadOptions,
): AsyncGenerator<Trajectory> {
  try {
    yield* candidate.adapter.read(source, options);
  } catch (thrown) {
    options.signal?.throwIfAborted();
    throw attribute(candidate, "read", thrown);
  }
}

function blame<T>(candidate: Candidate, method: string, call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw attribute(candidate, method, thrown);
  }
}

function attribute({ entry }: Candidate, method: string, thrown: unknown): unknown {
  if (isGymError(thrown)) return thrown;
  const fault = { plugin: entry.plugin.name, kind: "adapter", id: entry.contribution.id, method };
  return new PluginError(fault, thrown);
}

async function headOf(file: LogSource): Promise<{ readonly head: string; readonly complete: boolean }> {
  const decoder = new TextDecoder();
  let head = "";
  let room = HEAD_BYTES;
  for await (const chunk of file.open()) {
    head += decoder.decode(chunk.subarray(0, room), { stream: true });
    room -= chunk.length;
    if (room < 0) return { head, complete: false };
  }
  return { head: head + decoder.decode(), complete: true };
}
