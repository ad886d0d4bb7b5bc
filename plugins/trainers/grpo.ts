/**
 * Group-relative policy optimisation: what did better than the other tries at its task becomes more likely, token by
 * token, and what did worse less.
 *
 * The trainer works on groups that were recorded: rows of the exporter `knowlyr/grpo-v1`, with the ids that the policy
 * sampled and their log-probabilities then, which are those of the old policy in every epoch. The objective stands in
 * `_losses/policy_gradient.ts`, advantages and credit of steps in `_grpo/`.
 *
 * @module
 */
import { z } from "zod";
import type { Contribution } from "../../core/kind.ts";
import { type Trainer, trainer, type TrainEvent, type TrainJob } from "../../core/trainer.ts";
import { ADVANTAGE_SCALES } from "./_grpo/advantages.ts";
import { engineFields, modelFields, optimiserFields, runFields } from "./_options.ts";
import type {
  TrainEngineOptions,
  TrainModelOptions,
  TrainOptimiserOptions,
  TrainScheduleOptions,
} from "./options.ts";

const count = z.int().min(1);

/** The objective. */
export const objectiveFields = {
  aggregation: z.enum(["grpo", "bnpo", "dr_grpo", "dapo"]).default("dapo").describe(
    "How tokens become one loss: mean of sequence means (grpo), mean over tokens (dapo, bnpo), or a constant (dr_grpo)",
  ),
  level: z.enum(["token", "sequence"]).default("token").describe(
    "Whether the importance ratio belongs to a token or to a sequence (GSPO)",
  ),
  epsilonLow: z.number().positive().max(1).default(0.2).describe("The ratio is clipped below 1 minus this"),
  epsilonHigh: z.number().positive().default(0.2).describe("The ratio is clipped above 1 plus this"),
  delta: z.number().gt(1).optional().describe(
    "Bound on the ratio where the advantage is negative (dual clip)",
  ),
  beta: z.number().min(0).default(0).describe("Weight of the divergence from the model before training"),
  klBiasCorrection: z.boolean().default(true).describe("Multiply the divergence by the importance ratio"),
  advantageScale: z.enum(ADVANTAGE_SCALES).default("group").describe(
    "What rewards less their mean are divided by: the group's deviation (group, population), that of all (batch), " +
      "nothing (none), or compared with the others alone (leave_one_out)",
  ),
  creditWeight: z.number().min(0).default(0).describe(
    "How much step rewards move advantage between the steps of an episode",
  ),
  maskTruncated: z.boolean().default(false).describe(
    "Leave episodes that were cut short out of the loss, or whose last turn was, at the limit of its tokens",
  ),
  isCap: z.number().positive().optional().describe(
    "Greatest weight of truncated importance sampling; compute the old policy anew and weight by it",
  ),
  maxCompletionLength: count.optional().describe("What dr_grpo divides by; maxLength when left out"),
} as const;

/** How many groups a step takes, and how much is computed at once. */
const batchFields = {
  epochs: count.default(1).describe("Passes over the groups"),
  maxSteps: count.optional().describe("Ends the run, and its schedule, after so many steps"),
  groupsPerStep: count.default(8).describe("Groups of a step"),
  maxLength: count.default(2048).describe("Most tokens of a sequence; longer episodes are refused"),
  batchTokens: count.default(8192).describe("Most tokens computed at once, padding included"),
  seed: z.int().min(0).default(42).describe("The only source of randomness"),
} as const;

/** Schema of the options. */
export const grpoOptions = z.strictObject({
  ...modelFields,
  ...objectiveFields,
  ...batchFields,
  ...optimiserFields,
  ...engineFields,
  saveEvery: runFields.saveEvery,
  keep: runFields.keep,
  overwrite: runFields.overwrite,
});

/** The objective of GRPO. */
export interface GrpoObjectiveOptions {
  /**
   * How tokens become one loss: mean of sequence means (grpo), mean over tokens (dapo, bnpo), or a constant (dr_grpo).
   *
   * @default "dapo"
   */
  readonly aggregation?: "grpo" | "bnpo" | "dr_grpo" | "dapo" | undefined;
  /** Whether the importance ratio belongs to a token or to a sequence (GSPO). @default "token" */
  readonly level?: "token" | "sequence" | undefined;
  /** The ratio is clipped below 1 minus this. @default 0.2 */
  readonly epsilonLow?: number | undefined;
  /** The ratio is clipped above 1 plus this. @default 0.2 */
  readonly epsilonHigh?: number | undefined;
  /** Bound on the ratio where the advantage is negative (dual clip), above 1. */
  readonly delta?: number | undefined;
  /** Weight of the divergence from the model before training. @default 0 */
  readonly beta?: number | undefined;
  /** Multiply the divergence by the importance ratio. @default true */
  readonly klBiasCorrection?: boolean | undefined;
  /**
   * What rewards less their mean are divided by: the group's deviation (group, population), that of all (batch), nothing
   * (none), or compared with the others alone (leave_one_out).
   *
   * @default "group"
   */
  readonly advantageScale?: "group" | "population" | "batch" | "none" | "leave_one_out" | undefined;
  /** How much step rewards move advantage between the steps of an episode. @default 0 */
  readonly creditWeight?: number | undefined;
  /**
   * Leave episodes that were cut short out of the loss, or whose last turn was, at the limit of its tokens.
   *
   * @default false
   */
  readonly maskTruncated?: boolean | undefined;
  /** Greatest weight of truncated importance sampling; compute the old policy anew and weight by it. */
  readonly isCap?: number | undefined;
  /** What dr_grpo divides by; maxLength when left out. */
  readonly maxCompletionLength?: number | undefined;
}

/** How many groups a step takes, and how much is computed at once. */
export interface GrpoBatchOptions {
  /** Passes over the groups. @default 1 */
  readonly epochs?: number | undefined;
  /** Ends the run, and its schedule, after so many steps. */
  readonly maxSteps?: number | undefined;
  /** Groups of a step. @default 8 */
  readonly groupsPerStep?: number | undefined;
  /** Most tokens of a sequence; longer episodes are refused. @default 2048 */
  readonly maxLength?: number | undefined;
  /** Most tokens computed at once, padding included. @default 8192 */
  readonly batchTokens?: number | undefined;
  /** The only source of randomness. @default 42 */
  readonly seed?: number | undefined;
}

/** Options of {@linkcode grpoTrainer}. */
export interface GrpoTrainerOptions
  extends
    TrainModelOptions,
    GrpoObjectiveOptions,
    GrpoBatchOptions,
    TrainOptimiserOptions,
    TrainEngineOptions,
    Pick<TrainScheduleOptions, "saveEvery" | "keep" | "overwrite"> {}

/** The same, parsed. */
export type GrpoOptions = z.output<typeof grpoOptions>;

/** Trains on recorded groups of episodes. */
export const grpoTrainer: Contribution<Trainer, GrpoTrainerOptions> = trainer("knowlyr/grpo-v1", {
  description: "Group-relative policy optimisation on recorded groups of episodes, on ONNX Runtime",
  options: grpoOptions,
  create: (parsed) => ({ name: "grpo", train: (job) => train(parsed, job) }),
});

async function* train(parsed: GrpoOptions, job: TrainJob): AsyncGenerator<TrainEvent> {
  const { trainGrpo } = await import("./_grpo_run.ts");
  yield* trainGrpo(parsed, job);
}
