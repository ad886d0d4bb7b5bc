/**
 * Options that trainers share, by topic. Each is one flag of the command line, one key of a YAML file, one field here.
 *
 * @module
 */
import { z } from "zod";
import { PROJECTIONS } from "../models/lora.ts";
import { SCHEDULE_KINDS } from "../onnx/schedule.ts";

const count = z.int().min(1);

/** Which model, and what of it is trained. */
export const modelFields = {
  model: z.string().min(1).describe("Model folder in Hugging Face's layout"),
  adapter: z.string().optional().describe("Adapter folder to go on from, as PEFT writes it"),
  method: z.enum(["lora", "full"]).default("lora").describe("Train adapters, or all weights"),
  loraRank: count.default(16).describe("Rank of the adapters"),
  loraAlpha: z.number().positive().default(32).describe("Adapters are scaled by alpha / rank"),
  loraRs: z.boolean().default(false).describe("Scale by alpha / √rank instead (rsLoRA)"),
  loraTargets: z.array(z.enum(PROJECTIONS as [string, ...string[]])).min(1).default([...PROJECTIONS])
    .describe("Projections that get an adapter"),
} as const;

/** Fields that decide which tokens are trained and how much each counts. */
export const dataFields = {
  trainOn: z.enum(["all", "last", "thought", "action"]).default("all").describe(
    "What of the assistant's messages is trained: all, the last one, thoughts, or actions",
  ),
  maskObservations: z.boolean().default(true).describe("Leave out what the environment said"),
  tools: z.boolean().default(true).describe("Put the definitions of tools into the prompt"),
  weighting: z.enum(["row", "uniform", "rewards"]).default("row").describe(
    "What a token counts: as the row's messages say, all alike, or by the rewards of steps",
  ),
  maxWeight: z.number().min(1).optional().describe("Most that a token may count with weighting by rewards"),
  chunk: z.boolean().default(true).describe("Cut rows that are too long at steps, each step trained once"),
  overlapSteps: z.int().min(0).default(1).describe("Steps repeated, untrained, at the start of a cut part"),
  tooLong: z.enum(["error", "skip", "truncate"]).default("error").describe(
    "What to do with an answer that does not fit",
  ),
  skipEmpty: z.boolean().default(false).describe("Leave out rows without a trained token instead of failing"),
  curriculum: z.boolean().default(false).describe("Begin with the easy rows"),
  curriculumSchedule: z.enum(["linear", "sqrt"]).default("linear").describe("How the share of rows grows"),
  curriculumStart: z.number().gt(0).max(1).default(0.3).describe("Share of the rows in the first epoch"),
  curriculumEpochs: z.int().min(1).default(1).describe("Epoch from which on all rows are used"),
} as const;

/** What keeps adapters from learning the data by heart. */
export const regularisationFields = {
  loraDropout: z.number().min(0).lt(1).default(0).describe(
    "Chance with which inputs of adapters are left out",
  ),
} as const;

/** How weights are updated. */
export const optimiserFields = {
  learningRate: z.number().positive().optional().describe(
    "Peak learning rate; 2e-4 for adapters and 2e-5 for all weights when left out",
  ),
  schedule: z.enum(SCHEDULE_KINDS as [string, ...string[]]).default("cosine").describe(
    "Learning rate after warm-up",
  ),
  warmupRatio: z.number().min(0).max(1).default(0.1).describe("Share of the steps that warm up"),
  weightDecay: z.number().min(0).default(0.01).describe("Decoupled decay; none on norms and biases"),
  maxGradientNorm: z.number().min(0).default(1).describe(
    "Gradients are clipped to this norm; 0 does not clip",
  ),
  beta1: z.number().min(0).max(0.9999).default(0.9).describe("Decay of the mean of gradients in AdamW"),
  beta2: z.number().min(0).max(0.99999).default(0.999).describe("Decay of the mean of their squares"),
  epsilon: z.number().positive().default(1e-8).describe("Added to the root in AdamW"),
  maxNonFinite: count.default(5).describe("Steps in a row with numbers that are not finite before giving up"),
} as const;

/** How much is computed at once, and in which order. */
export const batchFields = {
  epochs: count.default(3).describe("Passes over the data"),
  maxSteps: count.optional().describe("Ends the run, and its schedule, after so many steps"),
  batchSize: count.default(4).describe("Rows of a micro-batch"),
  accumulation: count.default(1).describe("Micro-batches of a step"),
  maxLength: count.default(2048).describe("Most tokens of a row"),
  packing: z.boolean().default(false).describe("Let short sequences share a row, without seeing each other"),
  seed: z.int().min(0).default(42).describe("The only source of randomness"),
} as const;

/** Where it runs. */
export const engineFields = {
  provider: z.enum(["auto", "cpu", "webgpu", "cuda"]).default("auto").describe(
    "Execution provider; auto takes the first of cuda, webgpu and cpu that works here",
  ),
  prepack: z.boolean().default(true).describe(
    "Lay weights out anew for faster products; costs memory and a slower start",
  ),
  threads: count.optional().describe("Threads of one operator"),
  recompute: z.boolean().default(false).describe(
    "Compute each layer again for the gradient instead of keeping what it made: less memory, a third more work",
  ),
  headChunk: count.optional().describe(
    "Trained tokens whose logits are in memory at once; helps with large vocabularies",
  ),
} as const;

/** When to evaluate, save and stop. */
export const runFields = {
  evalEvery: count.optional().describe("Steps between evaluations; once an epoch when left out"),
  evalFraction: z.number().min(0).max(0.5).default(0).describe(
    "Share of the tasks to hold out for evaluation when no file is given for it",
  ),
  patience: count.optional().describe("Evaluations without a better loss before stopping early"),
  saveEvery: z.int().min(0).default(100).describe("Steps between checkpoints; 0 saves at the end only"),
  keep: count.default(2).describe("Newest checkpoints to keep; the best one is kept beside them"),
  overwrite: z.boolean().default(false).describe("Start anew in a folder that holds a run"),
} as const;

/** Options that may differ between a run and its continuation. */
export const CHANGEABLE: ReadonlySet<string> = new Set([
  "provider",
  "prepack",
  "threads",
  "concurrency",
  "recompute",
  "headChunk",
  "saveEvery",
  "keep",
  "overwrite",
  "patience",
  "maxNonFinite",
]);
