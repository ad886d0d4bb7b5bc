/**
 * Training on preferences: the model learns which of two answers is the better one, or whether one answer is good.
 *
 * Loss of a step: the mean over the pairs of all its micro-batches. The reference is the model before the first step
 * (`reference: "start"`) or without the adapter that training goes on from (`"base"`); its log-probabilities are computed
 * once and kept as `reference.json` in the folder of the run.
 *
 * What is left out: a reference that moves with the policy, answers drawn from the policy while it trains, and dropout.
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
  runFields,
} from "./_options.ts";
import type {
  TrainBatchOptions,
  TrainDataOptions,
  TrainEngineOptions,
  TrainModelOptions,
  TrainOptimiserOptions,
  TrainScheduleOptions,
} from "./options.ts";
import type { PreferenceLossName } from "./_losses/preference.ts";

/** Losses of pairs, as the table in `_losses/preference.ts` has them. */
export const PAIR_LOSSES = [
  "sigmoid",
  "robust",
  "ipo",
  "hinge",
  "sigmoid_norm",
  "simpo",
  "orpo",
  "apo_zero",
  "apo_down",
  "sppo_hard",
] as const satisfies readonly PreferenceLossName[];

/** All losses: those of pairs, and `kto`. */
const LOSSES = [...PAIR_LOSSES, "kto"] as const;

type LossName = typeof LOSSES[number];

const { trainOn, tools, tooLong, skipEmpty } = dataFields;
const { batchSize, packing } = batchFields;

/** Losses that read an option, for those that not all read. */
const READ_BY: Readonly<Record<string, readonly LossName[]>> = {
  labelSmoothing: ["sigmoid", "sigmoid_norm", "robust"],
  gamma: ["simpo"],
  rpoAlpha: LOSSES.filter((loss) => loss !== "kto" && loss !== "orpo"),
  ldAlpha: LOSSES.filter((loss) => loss !== "kto"),
  marginWeighting: LOSSES.filter((loss) => loss !== "kto"),
  desirableWeight: ["kto"],
  undesirableWeight: ["kto"],
};

const lossFields = {
  loss: z.enum(LOSSES).default("sigmoid").describe(
    "sigmoid is DPO; simpo and orpo need no reference; kto takes single answers with a label",
  ),
  beta: z.number().positive().default(0.1).describe(
    "How much a difference of log-probabilities counts; 2 to 10 suits simpo, whose are means over tokens",
  ),
  labelSmoothing: z.number().min(0).lt(0.5).default(0).describe(
    "Share of pairs that may be labelled the wrong way round; with sigmoid this is conservative DPO",
  ),
  gamma: z.number().min(0).optional().describe(
    "Reward margin that simpo asks for; half of beta when left out",
  ),
  rpoAlpha: z.number().min(0).default(0).describe("What the cross-entropy of the chosen answer adds (RPO)"),
  ldAlpha: z.number().min(0).max(1).default(1).describe(
    "What a token counts beyond the length of the pair's shorter answer (LD-DPO)",
  ),
  marginWeighting: z.boolean().default(false).describe("Let a pair count by the margin of its rewards"),
  desirableWeight: z.number().positive().default(1).describe("What a good answer counts in kto"),
  undesirableWeight: z.number().positive().default(1).describe("What a bad answer counts in kto"),
  reference: z.enum(["start", "base"]).default("start").describe(
    "What the policy is compared with: the model before the first step, or without the adapter it goes on from",
  ),
} as const;

/** Schema of the options. */
export const dpoOptions = z.strictObject({
  ...modelFields,
  ...lossFields,
  ...{ trainOn, tools, tooLong, skipEmpty },
  ...batchFields,
  batchSize: batchSize.describe("Pairs of a micro-batch"),
  packing: packing.describe("Let short answers share a row, without seeing each other"),
  ...optimiserFields,
  learningRate: optimiserFields.learningRate.describe(
    "Peak learning rate; 5e-5 for adapters and 5e-6 for all weights when left out",
  ),
  ...engineFields,
  ...runFields,
}).superRefine((options, context) => {
  for (const [name, losses] of Object.entries(READ_BY) as [keyof typeof lossFields, readonly LossName[]][]) {
    if (losses.includes(options.loss)) continue;
    if (options[name] === lossFields[name].parse(undefined)) continue;
    context.addIssue({
      code: "custom",
      path: [name],
      message: `wanted nothing, for loss "${options.loss}" does not read it; ${losses.join(", ")} would`,
      input: options[name],
    });
  }
});

/** What is minimised, and against what. */
export interface PreferenceOptions {
  /** `sigmoid` is DPO; `simpo` and `orpo` need no reference; `kto` takes single answers with a label. @default "sigmoid" */
  readonly loss?:
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
    | "kto"
    | undefined;
  /** How much a difference of log-probabilities counts; 2 to 10 suits `simpo`. @default 0.1 */
  readonly beta?: number | undefined;
  /** Share of pairs that may be labelled the wrong way round. @default 0 */
  readonly labelSmoothing?: number | undefined;
  /** Reward margin that `simpo` asks for. @default beta / 2 */
  readonly gamma?: number | undefined;
  /** What the cross-entropy of the chosen answer adds (RPO). @default 0 */
  readonly rpoAlpha?: number | undefined;
  /** What a token counts beyond the length of the pair's shorter answer (LD-DPO). @default 1 */
  readonly ldAlpha?: number | undefined;
  /** Let a pair count by the margin of its rewards. @default false */
  readonly marginWeighting?: boolean | undefined;
  /** What a good answer counts in `kto`. @default 1 */
  readonly desirableWeight?: number | undefined;
  /** What a bad answer counts in `kto`. @default 1 */
  readonly undesirableWeight?: number | undefined;
  /** The model before the first step, or without the adapter it goes on from. @default "start" */
  readonly reference?: "start" | "base" | undefined;
}

/** Options of {@linkcode dpoTrainer}. */
export interface DpoTrainerOptions
  extends
    TrainModelOptions,
    PreferenceOptions,
    Pick<TrainDataOptions, "trainOn" | "tools" | "tooLong" | "skipEmpty">,
    TrainBatchOptions,
    TrainOptimiserOptions,
    TrainEngineOptions,
    TrainScheduleOptions {}

/** The same, parsed. */
export type DpoOptions = z.output<typeof dpoOptions>;

/**
 * Trains on pairs of a chosen and a rejected answer, or, with `kto`, on answers with a label.
 *
 * Learning rates are a quarter of those of `sft`: nothing in these losses holds the likelihood of an answer where it is,
 * so it drifts as long as margins grow. Adapters take ten times that of all weights, as there.
 */
export const dpoTrainer: Contribution<Trainer, DpoTrainerOptions> = trainer("knowlyr/dpo-v1", {
  description: "Training on preferences (DPO and its relatives) with LoRA or of all weights, on ONNX Runtime",
  options: dpoOptions,
  create: (parsed) => ({ name: "dpo", train: (job) => train(parsed, job) }),
});

async function* train(parsed: DpoOptions, job: TrainJob): AsyncGenerator<TrainEvent> {
  const { trainDpo } = await import("./_dpo_run.ts");
  yield* trainDpo(parsed, job);
}
