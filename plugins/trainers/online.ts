/**
 * Learning by doing: the model acts, its episodes are scored and selected, it is trained on the very tokens it sampled,
 * and what it became is compared with the best so far on tasks of its own; then again.
 *
 * - `grpo` trains on groups of tries at one task (see `_losses/policy_gradient.ts`),
 * - `dpo` on the best against the worst try of each task, with the policy that made them as the reference,
 * - `rejection` fine-tunes on the episodes that succeeded.
 *
 * In the folder of the run: `iterations/NNNNNN/` with the episodes of every iteration, `evaluations/`, `journal.jsonl`,
 * which says what each stage came to, and the learning curve as `curve.json` and `curve.svg`. `best/` is the incumbent:
 * what the last promotion took; `final/` is what training ended with.
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
import { PAIR_LOSSES } from "./dpo.ts";
import { type GrpoObjectiveOptions, objectiveFields } from "./grpo.ts";
import type { Json } from "../../core/schema.ts";

const count = z.int().min(1);

/** What `dpo` reads. */
const preferenceFields = {
  dpoLoss: z.enum(PAIR_LOSSES).default("sigmoid").describe("Loss of a pair, as in dpo"),
  dpoBeta: z.number().positive().default(0.1).describe("How much a difference of log-probabilities counts"),
  rpoAlpha: z.number().min(0).default(0).describe("What the cross-entropy of the better try adds (RPO)"),
  pairsPerGroup: count.default(1).describe(
    "Most pairs of a task: the best with the worst, the next with the next",
  ),
  minMargin: z.number().min(0).default(0).describe("Least difference of the rewards of a pair"),
} as const;

/** What `rejection` reads. */
const rejectionFields = {
  minReward: z.number().optional().describe(
    "Least reward of an episode that is imitated, in the place of success",
  ),
  bestOf: count.optional().describe("Most episodes of a task that are imitated, the best first"),
} as const;

/** What happens after an evaluation. */
const gateFields = {
  evalEpisodes: z.int().min(0).default(50).describe(
    "Episodes of an evaluation, on tasks that are not trained on",
  ),
  evalEvery: count.default(10).describe("Iterations between evaluations"),
  measure: z.enum(["success", "reward"]).default("success").describe("What evaluations compare"),
  promote: z.enum(["better", "not_worse", "highest"]).default("better").describe(
    "When the model takes the incumbent's place: by a paired test better, or not worse, both rolling back what is " +
      "worse, or whenever its mean is higher",
  ),
  alpha: z.number().gt(0).lt(1).default(0.05).describe("Chance of a false alarm of each test"),
  patience: runFields.patience.describe("Evaluations without a promotion before stopping"),
  enough: z.number().optional().describe("Stops when the interval of the measure begins at or above this"),
  leastGain: z.number().optional().describe(
    "Stops when the interval of the gain over the incumbent ends below this",
  ),
} as const;

/** Options that not every algorithm reads. */
const READ_BY: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    Object.keys(objectiveFields).map((name) => [name, ["grpo"]]),
  ),
  ...Object.fromEntries(Object.keys(preferenceFields).map((name) => [name, ["dpo"]])),
  ...Object.fromEntries(Object.keys(rejectionFields).map((name) => [name, ["rejection"]])),
  resample: ["grpo", "dpo"],
};

/** Schema of the options. */
export const onlineOptions = z.strictObject({
  ...modelFields,
  env: z.string().describe("Id of the environment to act in"),
  envOptions: z.record(z.string(), z.json()).default({}).describe("Options of the environment"),
  maxSteps: count.default(20).describe("Steps after which an episode is truncated"),
  algorithm: z.enum(["grpo", "dpo", "rejection"]).default("grpo").describe(
    "Train on groups by advantage, on the best against the worst try, or on successes only",
  ),
  iterations: count.default(50).describe("Rounds of acting and training"),
  tasks: count.default(16).describe("Tasks of an iteration"),
  groupSize: count.default(8).describe("Tries at each task"),
  resample: z.int().min(0).default(0).describe(
    "Most further tasks of an iteration in the place of those whose tries all earned the same",
  ),
  rubrics: z.array(z.string()).default([]).describe("Rubrics whose scores reward the steps of tries"),
  reward: z.enum(["env", "score"]).default("env").describe(
    "What an episode earned: as the environment says, or its score by the rubrics",
  ),
  passes: count.default(1).describe("Passes over what an iteration selected"),
  miniBatches: count.default(1).describe("Updates of a pass"),
  ...objectiveFields,
  ...preferenceFields,
  ...rejectionFields,
  system: z.string().optional().describe("System prompt"),
  tools: z.boolean().default(false).describe("Put the definitions of tools into the prompt"),
  temperature: z.number().positive().default(1).describe("Of the tries; the loss uses the same"),
  maxNewTokens: count.default(64).describe("Most tokens of one turn"),
  maxLength: count.default(1024).describe("Most tokens of an episode"),
  batchTokens: count.default(8192).describe("Most tokens computed at once in training, padding included"),
  concurrency: count.default(32).describe("Episodes at once; does not change the result"),
  ...gateFields,
  seed: z.int().min(0).default(42).describe("The only source of randomness"),
  ...optimiserFields,
  schedule: optimiserFields.schedule.default("constant"),
  warmupRatio: optimiserFields.warmupRatio.default(0),
  ...engineFields,
  saveEvery: runFields.saveEvery.describe(
    "Iterations between checkpoints; 0 saves at the end and what is promoted",
  ),
  keep: runFields.keep,
  overwrite: runFields.overwrite,
}).superRefine((options, context) => {
  const shape = onlineOptions.shape as unknown as Readonly<Record<string, z.ZodType>>; // sound: as above
  for (const [name, algorithms] of Object.entries(READ_BY)) {
    const given = (options as Readonly<Record<string, unknown>>)[name];
    if (algorithms.includes(options.algorithm) || given === shape[name]!.parse(undefined)) continue;
    context.addIssue({
      code: "custom",
      path: [name],
      message: `wanted nothing, for ${options.algorithm} does not read it; ${algorithms.join(", ")} would`,
      input: given,
    });
  }
  if (options.algorithm !== "rejection" && options.groupSize < 2) {
    context.addIssue({
      code: "custom",
      path: ["groupSize"],
      message: `wanted at least 2, for ${options.algorithm} compares tries at one task`,
      input: options.groupSize,
    });
  }
  if (options.maxNewTokens >= options.maxLength) {
    context.addIssue({
      code: "custom",
      path: ["maxNewTokens"],
      message: `wanted less than maxLength, which is ${options.maxLength}: a prompt must fit beside the turn`,
      input: options.maxNewTokens,
    });
  }
  if (options.reward === "score" && options.rubrics.length === 0) {
    context.addIssue({
      code: "custom",
      path: ["reward"],
      message: "wanted rubrics to score by, or env",
      input: options.reward,
    });
  }
});

/** Where the model acts, and how. */
export interface OnlineActingOptions {
  /** Id of the environment to act in. */
  readonly env: string;
  /** Options of the environment. @default {} */
  readonly envOptions?: Record<string, Json> | undefined;
  /** Steps after which an episode is truncated. @default 20 */
  readonly maxSteps?: number | undefined;
  /** Train on groups by advantage, on the best against the worst try, or on successes only. @default "grpo" */
  readonly algorithm?: "grpo" | "dpo" | "rejection" | undefined;
  /** Rounds of acting and training. @default 50 */
  readonly iterations?: number | undefined;
  /** Tasks of an iteration. @default 16 */
  readonly tasks?: number | undefined;
  /** Tries at each task. @default 8 */
  readonly groupSize?: number | undefined;
  /** Most further tasks of an iteration in the place of those whose tries all earned the same. @default 0 */
  readonly resample?: number | undefined;
  /** Rubrics whose scores reward the steps of tries; `creditWeight` reads them. @default [] */
  readonly rubrics?: string[] | undefined;
  /** What an episode earned: as the environment says, or its score by the rubrics. @default "env" */
  readonly reward?: "env" | "score" | undefined;
  /** Passes over what an iteration selected. @default 1 */
  readonly passes?: number | undefined;
  /** Updates of a pass. @default 1 */
  readonly miniBatches?: number | undefined;
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
  /** The only source of randomness. @default 42 */
  readonly seed?: number | undefined;
}

/** What `dpo` and `rejection` make of the tries; an option that the algorithm does not read is refused. */
export interface OnlineSelectionOptions {
  /** Loss of a pair, as in dpo. @default "sigmoid" */
  readonly dpoLoss?:
    | "sigmoid"
    | "robust"
    | "ipo"
    | "hinge"
    | "sigmoid_norm"
    | "simpo"
    | "orpo"
    | "apo_zero"
    | "apo_down"
    | "sppo_hard"
    | undefined;
  /** How much a difference of log-probabilities counts. @default 0.1 */
  readonly dpoBeta?: number | undefined;
  /** What the cross-entropy of the better try adds (RPO). @default 0 */
  readonly rpoAlpha?: number | undefined;
  /** Most pairs of a task: the best with the worst, the next with the next. @default 1 */
  readonly pairsPerGroup?: number | undefined;
  /** Least difference of the rewards of a pair. @default 0 */
  readonly minMargin?: number | undefined;
  /** Least reward of an episode that is imitated, in the place of success. */
  readonly minReward?: number | undefined;
  /** Most episodes of a task that are imitated, the best first. */
  readonly bestOf?: number | undefined;
}

/** When the model is compared with the best so far, and what follows. */
export interface OnlineGateOptions {
  /** Episodes of an evaluation, on tasks that are not trained on; 0 does not evaluate. @default 50 */
  readonly evalEpisodes?: number | undefined;
  /** Iterations between evaluations. @default 10 */
  readonly evalEvery?: number | undefined;
  /** What evaluations compare; the environment's reward, whatever rewards the tries. @default "success" */
  readonly measure?: "success" | "reward" | undefined;
  /**
   * When the model takes the incumbent's place: when a paired test says that it is better, or that it is not worse; both
   * roll back what is worse. Or whenever its mean is higher.
   *
   * @default "better"
   */
  readonly promote?: "better" | "not_worse" | "highest" | undefined;
  /** Chance of a false alarm of each test. @default 0.05 */
  readonly alpha?: number | undefined;
  /** Stops when the interval of the measure begins at or above this. */
  readonly enough?: number | undefined;
  /** Stops when the interval of the gain over the incumbent ends below this. */
  readonly leastGain?: number | undefined;
}

/** Options of {@linkcode onlineTrainer}. Its learning rate is constant when nothing else is said. */
export interface OnlineTrainerOptions
  extends
    OnlineActingOptions,
    OnlineSelectionOptions,
    OnlineGateOptions,
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
