/**
 * The folder of a training run: what is written there before the first step, so that the run can go on without being
 * told anything again.
 *
 * @module
 */
import { join } from "node:path";
import { z } from "zod";
import { GymError } from "../../../core/errors.ts";
import { readJsonl } from "../../../core/jsonl.ts";
import { describeIssues, type Json } from "../../../core/schema.ts";
import type { TrainEvent } from "../../../core/trainer.ts";
import { type TrainingHistory, trainingHistory } from "../../../core/training.ts";
import { fileError, writeAtomic } from "../../files/mod.ts";
import type { DataFile } from "./_data_files.ts";

/** Everything that a run was started with. */
export interface RunConfig {
  readonly schema: "gym.training/1";
  /** Id of the trainer. */
  readonly trainer: string;
  readonly data: readonly DataFile[];
  readonly evaluation: readonly DataFile[];
  /** Whether events go to TensorBoard files. */
  readonly tensorboard: boolean;
  /** Every option of the trainer, defaults filled in, paths absolute. */
  readonly options: Readonly<Record<string, Json>>;
}

const files = z.array(z.strictObject({ name: z.string(), path: z.string() }));
const schema = z.strictObject({
  schema: z.literal("gym.training/1"),
  trainer: z.string(),
  data: files, // an online run has none
  evaluation: files,
  tensorboard: z.boolean(),
  options: z.record(z.string(), z.json()),
});

const CONFIG = "config.json";

/** Writes the settings, whole or not at all. */
export async function writeRunConfig(folder: string, config: RunConfig): Promise<void> {
  await writeAtomic(join(folder, CONFIG), `${JSON.stringify(config, null, 2)}\n`);
}

/** Reads the settings back. @throws {GymError} `FILE_ACCESS` for a folder without a run; `INVALID_DATA`. */
export async function readRunConfig(folder: string, shown: string): Promise<RunConfig> {
  const path = join(shown, CONFIG);
  const text = await Deno.readTextFile(join(folder, CONFIG)).catch((thrown) => {
    if (!(thrown instanceof Deno.errors.NotFound)) throw fileError("read", path, thrown);
    throw new GymError(
      "FILE_ACCESS",
      `Cannot resume ${shown}: wanted a folder that train wrote into: it holds no ${CONFIG}`,
      { folder: shown },
    );
  });
  const value = parsed(text);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  if ((value as Partial<RunConfig> | null)?.schema !== "gym.training/1") {
    throw new GymError(
      "INVALID_DATA",
      `Cannot resume ${shown}: wanted a folder that train wrote into: its ${CONFIG} is not of a run`,
      { file: path },
    );
  }
  throw new GymError(
    "INVALID_DATA",
    `Cannot read ${path}: ${describeIssues(result.error.issues, value, schema).join("; ")}`,
    { file: path },
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // no object, which the schema says
  }
}

/** @throws {GymError} `FILE_ACCESS` for a folder with checkpoints, unless they may be overwritten. */
export async function checkFree(folder: string, shown: string, overwrite: boolean): Promise<void> {
  if (overwrite) return;
  const names = await Array.fromAsync(Deno.readDir(join(folder, "checkpoints"))).catch(() => []);
  if (!names.some(({ name }) => name.startsWith("checkpoint-"))) return;
  throw new GymError(
    "FILE_ACCESS",
    `Cannot train into ${shown}: wanted a folder without a run: it has checkpoints: ` +
      `type "gym train resume ${shown}" to go on, or add --overwrite`,
    { folder: shown },
  );
}

/** What the events say that the run kept. */
export async function historyOf(folder: string): Promise<TrainingHistory> {
  const file = join(folder, "metrics.jsonl");
  const opened = await Deno.open(file).catch((thrown) => {
    if (thrown instanceof Deno.errors.NotFound) return null;
    throw fileError("read", file, thrown);
  });
  return await trainingHistory(opened === null ? [] : eventsIn(opened, file));
}

async function* eventsIn({ readable }: Deno.FsFile, file: string): AsyncGenerator<TrainEvent> {
  for await (const { value } of readJsonl(readable, { file })) yield value as TrainEvent; // our own sink wrote it
}
