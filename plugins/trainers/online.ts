/**
 * Learning by doing: the model acts, its episodes are rewarded by the environment, and it is trained on the very tokens
 * it sampled; then again. What it became is evaluated on tasks of its own, greedily and on the same seeds each time.
 *
 * `grpo` trains on groups of tries at one task (see `_losses/policy_gradient.ts`); `rejection` fine-tunes on the
 * episodes that succeeded.
 *
 * @module
 */
import { z } from "zod";
import type { Kernel } from "../../core/kernel.ts";
import type { Contribution } from "../../core/kind.ts";
import { type Trainer, trainer, type TrainEvent, type TrainJob } from "../../core/trainer.ts";
import { engineFields, modelFields, optimiserFields, runFields } from "./_options.ts";
import type {
  TrainEngineOptions,
  TrainModelOptions,
  TrainOptimiserOptions,
  TrainScheduleOptions,
} from "./options.ts";
import { type GrpoObjectiveOptions, objectiveFields } from "./grpo.ts";
import type { Json } from "../../core/schema.ts";

const count = z.int().min(1);

/** Schema of the options. */
export const onlineOptions = z.strictObject({
  ...modelFields,
  env: z.string().describe("Id of the environment to act in"),
  envOptions: z.record(z.string(), z.json()).default({}).describe("Options of the environment"),
  maxSteps: count.default(20).describe("Steps after which an episode is truncated"),
  algorithm: z.enum(["grpo", "rejection"]).default("grpo").describe(
    "Train on groups by advantage, or on successes only",
  ),
  iterations: count.default(50).describe("Rounds of acting and training"),
  tasks: count.default(16).describe("Tasks of an iteration"),
  groupSize: z.int().min(1).default(8).describe("Tries at each task"),
  ...objectiveFields,
  system: z.string().optional().describe("System prompt"),
  tools: z.boolean().default(false).describe("Put the definitions of tools into the prompt"),
  temperature: z.number().positive().default(1).describe("Of the tries; the loss uses the same"),
  maxNewTokens: count.default(64).describe("Most tokens of one turn"),
  maxLength: count.default(1024).describe("Most tokens of an episode"),
  batchTokens: count.default(8192).describe("Most tokens computed at once in training, padding included"),
  concurrency: count.default(32).describe("Episodes at once; does not change the result"),
  evalEpisodes: z.int().min(0).default(50).describe(
    "Episodes of an evaluation, on tasks that are not trained on",
  ),
  seed: z.int().min(0).default(42).describe("The only source of randomness"),
  ...optimiserFields,
  schedule: optimiserFields.schedule.default("constant"),
  warmupRatio: optimiserFields.warmupRatio.default(0),
  ...engineFields,
  evalEvery: count.default(10).describe("Iterations between evaluations"),
  patience: runFields.patience,
  saveEvery: runFields.saveEvery,
  keep: runFields.keep,
  overwrite: runFields.overwrite,
});

/** Where the model acts, and how. */
export interface OnlineActingOptions {
  /** Id of the environment to act in. */
  readonly env: string;
  /** Options of the environment. @default {} */
  readonly envOptions?: Record<string, Json> | undefined;
  /** Steps after which an episode is truncated. @default 20 */
  readonly maxSteps?: number | undefined;
  /** Train on groups by advantage, or on successes only. @default "grpo" */
  readonly algorithm?: "grpo" | "rejection" | undefined;
  /** Rounds of acting and training. @default 50 */
  readonly iterations?: number | undefined;
  /** Tasks of an iteration. @default 16 */
  readonly tasks?: number | undefined;
  /** Tries at each task. @default 8 */
  readonly groupSize?: number | undefined;
  /** System prompt. */
  readonly system?: string | undefined;
  /** Put the definitions of tools into the prompt. @default false */
  readonly tools?: boolean | undefined;
  /** Of the tries; the loss uses the same. @default 1 */
  readonly temperature?: number | undefined;
  /** Most tokens of one turn. @default 64 */
  readonly maxNewTokens?: number | undefined;
  /** Most tokens of an episode. @default 1024 */
  readonly maxLength?: number | undefined;
  /** Most tokens computed at once in training, padding included. @default 8192 */
  readonly batchTokens?: number | undefined;
  /** Episodes at once; does not change the result. @default 32 */
  readonly concurrency?: number | undefined;
  /** Episodes of an evaluation, on tasks that are not trained on. @default 50 */
  readonly evalEpisodes?: number | undefined;
  /** Iterations between evaluations. @default 10 */
  readonly evalEvery?: number | undefined;
  /** The only source of randomness. @default 42 */
  readonly seed?: number | undefined;
}

/** Options of {@linkcode onlineTrainer}. Its learning rate is constant when nothing else is said. */
export interface OnlineTrainerOptions
  extends
    OnlineActingOptions,
    GrpoObjectiveOptions,
    TrainModelOptions,
    TrainOptimiserOptions,
    TrainEngineOptions,
    Pick<TrainScheduleOptions, "patience" | "saveEvery" | "keep" | "overwrite"> {}

/** The same with defaults filled in. */
export type OnlineOptions = z.output<typeof onlineOptions>;

/** Acts and trains in turns; it reads no rows. */
export const onlineTrainer: Contribution<Trainer, OnlineTrainerOptions> = trainer("knowlyr/online-v1", {
  description: "Acting and training in turns, on ONNX Runtime",
  options: onlineOptions,
  create: (parsed, kernel) => ({ name: "online", train: (job) => train(parsed, kernel, job) }),
});

async function* train(parsed: OnlineOptions, kernel: Kernel, job: TrainJob): AsyncGenerator<TrainEvent> {
  const { trainOnline } = await import("./_online_run.ts");
  yield* trainOnline(parsed, kernel, job);
}
