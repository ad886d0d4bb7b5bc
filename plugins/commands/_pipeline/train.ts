/**
 * A model and mostly exported rows → a trained model, in a folder of the run's own.
 *
 * @module
 */
import { join } from "node:path";
import type { ExportRow } from "../../../core/exporter.ts";
import { readJsonl } from "../../../core/jsonl.ts";
import type { Kernel } from "../../../core/kernel.ts";
import { type Sink, sink } from "../../../core/sink.ts";
import { trainer, type TrainEvent } from "../../../core/trainer.ts";
import { runTraining, type TrainingHistory, trainingHistory } from "../../../core/training.ts";
import { type ModelPlace, withModel } from "./model.ts";
import type { TrainItem } from "./schema.ts";
import { throwIfInterrupted } from "./sources.ts";

/** What training came to. */
export type TrainSummary = {
  /** Id of the trainer. */
  readonly trainer: string;
  /** Folder in the run folder. */
  readonly folder: string;
  /** File of the rows; null when it was trained without. */
  readonly data: string | null;
  readonly steps: number;
  /** Loss of a step: the first, the middle and the last; null where none was finite. */
  readonly loss: {
    readonly first: number | null;
    readonly middle: number | null;
    readonly last: number | null;
  };
  /** Loss of the first and the last evaluation; null without any. */
  readonly evaluation: { readonly before: number | null; readonly after: number | null };
};

/** What {@linkcode trained} needs of the world around it. */
export interface TrainWorld {
  readonly kernel: Kernel;
  /** Path of something in the run folder. */
  readonly file: (...names: readonly string[]) => string;
  readonly signal: AbortSignal;
  readonly again: string;
  /** What is trained; null when the options say it. */
  readonly model: ModelPlace | null;
  /** Whether the same training was begun before and goes on. */
  readonly resume: boolean;
}

/** Trains. @throws {GymError} `INTERRUPTED`; the folder keeps what a resumed run needs. */
export async function trained(item: TrainItem, world: TrainWorld): Promise<TrainSummary> {
  const { kernel, signal, again, model, resume } = world;
  const { data, name } = { ...item, name: item.name! }; // filled in when the pipeline was read
  const folder = world.file(name);
  if (!resume) await Deno.remove(folder, { recursive: true }).catch(() => {}); // what other settings left there
  const made = await kernel.make(trainer, item.trainer, withModel(item.options, model));
  const rows = async function* (): AsyncGenerator<ExportRow> {
    if (data === undefined) return;
    const file = world.file(data);
    for await (const { value } of readJsonl((await Deno.open(file)).readable, { file })) {
      yield value as ExportRow; // our own file
    }
  };
  const end = await runTraining(
    made,
    { rows, ...(data === undefined ? {} : { source: data }), folder, resume, signal },
    await sinksOf(kernel, folder),
  );
  if (end.reason === "interrupted") throwIfInterrupted(signal, again);
  const history = await historyOf(join(folder, "metrics.jsonl"));
  return { trainer: item.trainer, folder: name, data: data ?? null, steps: end.step, ...curveOf(history) };
}

function sinksOf(kernel: Kernel, folder: string): Promise<Sink[]> {
  return Promise.all([
    kernel.make(sink, "knowlyr/jsonl-v1", { folder }),
    kernel.make(sink, "knowlyr/tensorboard-v1", { folder: join(folder, "tensorboard") }),
    kernel.make(sink, "knowlyr/opentelemetry-v1", {}),
    kernel.make(sink, "knowlyr/progress-v1", {}),
  ]);
}

async function historyOf(file: string): Promise<TrainingHistory> {
  const events = async function* (): AsyncGenerator<TrainEvent> {
    for await (const { value } of readJsonl((await Deno.open(file)).readable, { file })) {
      yield value as TrainEvent; // a sink of ours wrote it
    }
  };
  return await trainingHistory(events());
}

function curveOf({ losses, evaluations }: TrainingHistory): Pick<TrainSummary, "loss" | "evaluation"> {
  const at = (index: number): number | null => losses.at(index)?.value ?? null;
  return {
    loss: { first: at(0), middle: at(Math.floor((losses.length - 1) / 2)), last: at(-1) },
    evaluation: {
      before: evaluations[0]?.metrics["loss"] ?? null,
      after: evaluations.at(-1)?.metrics["loss"] ?? null,
    },
  };
}
