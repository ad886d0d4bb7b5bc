/**
 * What a trainer must know, beside weights, to go on as if it had never stopped: `state.json`. Long vectors of numbers
 * (moments of the optimiser) are safetensors files beside it.
 *
 * @module
 */
import { join } from "node:path";
import { z } from "zod";
import { GymError, messageOf } from "../../../core/errors.ts";
import { describeIssues, type Json } from "../../../core/schema.ts";
import { onFile } from "../../files/file_error.ts";
import { writeAtomic } from "../../files/mod.ts";
import { readHeader, readTensor, writeSafetensors } from "../../onnx/safetensors.ts";

/** Name of the file. */
export const STATE_FILE = "state.json";

/** State of a run between two steps. */
export interface TrainState {
  /** Steps done. */
  readonly step: number;
  /** Passes over the data that are done. */
  readonly epoch: number;
  /** Where in the plan of batches the run stands; the plan's own data. */
  readonly cursor: Json;
  /** State of the run's randomness, as `restorePrng` takes it. */
  readonly prng: readonly [number, number, number, number];
  /** Best value so far of the metric that is watched; null before the first evaluation. */
  readonly bestMetric: number | null;
  /** Evaluations since then, for stopping early. */
  readonly evaluationsSinceBest: number;
  /** Hash of the settings that must not change over a resume. */
  readonly configHash: string;
  /** Hash of the data set. */
  readonly dataHash: string;
  /** Versions of what wrote it, by name. */
  readonly versions: Readonly<Record<string, string>>;
}

const word = z.int().min(0).max(0xffff_ffff);
const schema: z.ZodType<TrainState> = z.strictObject({
  step: z.int().min(0),
  epoch: z.int().min(0),
  cursor: z.json(),
  prng: z.tuple([word, word, word, word]),
  bestMetric: z.number().nullable(),
  evaluationsSinceBest: z.int().min(0),
  configHash: z.string(),
  dataHash: z.string(),
  versions: z.record(z.string(), z.string()),
});

/** Writes the state into a checkpoint's folder. @throws {GymError} `INVALID_DATA` for what JSON would lose. */
export async function writeState(folder: string, state: TrainState): Promise<void> {
  const path = join(folder, STATE_FILE);
  await writeAtomic(path, `${JSON.stringify(parse(path, state, "write"), null, 2)}\n`);
}

/** Reads the state of a checkpoint. @throws {GymError} `FILE_ACCESS`, or `INVALID_DATA` naming the field. */
export async function readState(folder: string): Promise<TrainState> {
  const path = join(folder, STATE_FILE);
  const text = await onFile("read", path, () => Deno.readTextFile(path));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw new GymError("INVALID_DATA", `Cannot read state "${path}": wanted JSON: ${messageOf(thrown)}`, {
      file: path,
    });
  }
  return parse(path, value, "read");
}

/** Writes flat vectors as float32, exactly, into one safetensors file. */
export async function writeVectors(path: string, vectors: ReadonlyMap<string, Float32Array>): Promise<void> {
  const tensors = [...vectors].map(([name, data]) => [name, { data, shape: [data.length] }] as const);
  await writeSafetensors(path, new Map(tensors));
}

/** Reads what {@linkcode writeVectors} wrote. @throws {GymError} `FILE_ACCESS` or `INVALID_DATA`. */
export async function readVectors(path: string): Promise<Map<string, Float32Array>> {
  const vectors = new Map<string, Float32Array>();
  for (const [name, entry] of (await readHeader(path)).tensors) {
    vectors.set(name, (await readTensor(entry)).data);
  }
  return vectors;
}

function parse(path: string, value: unknown, act: "read" | "write"): TrainState {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = describeIssues(parsed.error.issues, value);
  throw new GymError("INVALID_DATA", `Cannot ${act} state "${path}": ${issues.join("; ")}`, {
    file: path,
    issues,
  });
}
