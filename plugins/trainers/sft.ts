/**
 * Supervised fine-tuning: the model learns to say what the assistant said, token by token.
 *
 * Loss of a step: Σ w·CE / Σ w over the trained tokens of all its micro-batches, with w the weights that the data or
 * their step rewards give; their mean is 1. What others said is context and carries no loss.
 *
 * @module
 */
import { z } from "zod";
import type { Contribution } from "../../core/kind.ts";
import { type Trainer, trainer, type TrainEvent, type TrainJob } from "../../core/trainer.ts";
import {
  batchFields,
  dataFields,
  engineFields,
  modelFields,
  optimiserFields,
  regularisationFields,
  runFields,
} from "./_options.ts";
import type {
  TrainBatchOptions,
  TrainDataOptions,
  TrainEngineOptions,
  TrainModelOptions,
  TrainOptimiserOptions,
  TrainRegularisationOptions,
  TrainScheduleOptions,
} from "./options.ts";

/** Schema of the options. */
export const sftOptions = z.strictObject({
  ...modelFields,
  ...dataFields,
  ...batchFields,
  ...optimiserFields,
  ...regularisationFields,
  ...engineFields,
  ...runFields,
});

/** Options of {@linkcode sftTrainer}. */
export interface SftTrainerOptions
  extends
    TrainModelOptions,
    TrainDataOptions,
    TrainBatchOptions,
    TrainOptimiserOptions,
    TrainRegularisationOptions,
    TrainEngineOptions,
    TrainScheduleOptions {}

/** The same, parsed. */
export type SftOptions = z.output<typeof sftOptions>;

/** Trains on conversations, prompt and completion, instructions with steps, or plain text. */
export const sftTrainer: Contribution<Trainer, SftTrainerOptions> = trainer("knowlyr/sft-v1", {
  description: "Supervised fine-tuning with LoRA or of all weights, on ONNX Runtime",
  options: sftOptions,
  create: (parsed) => ({ name: "sft", train: (job) => train(parsed, job) }),
});

async function* train(parsed: SftOptions, job: TrainJob): AsyncGenerator<TrainEvent> {
  const { trainSft } = await import("./_sft_run.ts");
  yield* trainSft(parsed, job);
}
