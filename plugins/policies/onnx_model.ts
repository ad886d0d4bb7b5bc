/**
 * A local model that acts, on ONNX Runtime.
 *
 * @module
 */
import { z } from "zod";
import type { Contribution } from "../../core/kind.ts";
import { type Policy, policy } from "../../core/policy.ts";

const count = z.int().min(1);

const options = z.strictObject({
  model: z.string().min(1).describe("Model folder in Hugging Face's layout"),
  adapter: z.string().optional().describe("Adapter folder, as PEFT or a trainer writes it"),
  system: z.string().optional().describe("System prompt"),
  tools: z.boolean().default(true).describe("Put the definitions of tools into the prompt"),
  temperature: z.number().min(0).default(1).describe("0 takes the most probable token"),
  topK: z.int().min(0).default(0).describe("Keeps the k most probable tokens; 0 keeps all"),
  topP: z.number().gt(0).max(1).default(1).describe("Keeps the most probable tokens that hold this share"),
  minP: z.number().min(0).max(1).default(0).describe(
    "Keeps tokens at least this share as probable as the best",
  ),
  repetitionPenalty: z.number().positive().default(1).describe("Above 1 makes repeats less likely"),
  maxNewTokens: count.default(512).describe("Most tokens of one turn"),
  stop: z.array(z.string().min(1)).default([]).describe("Texts that end a turn"),
  maxLength: count.optional().describe(
    "Longest prompt and answer in tokens; the model's context when left out",
  ),
  maxBatch: count.default(16).describe("Most episodes that one session serves at once"),
  provider: z.enum(["auto", "cpu", "webgpu", "cuda"]).default("auto").describe("Execution provider"),
  threads: count.optional().describe("Threads of one operator"),
});

/** Options of {@linkcode onnxModelPolicy}. */
export interface OnnxModelOptions {
  /** Model folder in Hugging Face's layout. */
  readonly model: string;
  /** Adapter folder, as PEFT or a trainer writes it. */
  readonly adapter?: string | undefined;
  /** System prompt. */
  readonly system?: string | undefined;
  /** Put the definitions of tools into the prompt. @default true */
  readonly tools?: boolean | undefined;
  /** 0 takes the most probable token. @default 1 */
  readonly temperature?: number | undefined;
  /** Keeps the k most probable tokens; 0 keeps all. @default 0 */
  readonly topK?: number | undefined;
  /** Keeps the most probable tokens that hold this share. @default 1 */
  readonly topP?: number | undefined;
  /** Keeps tokens at least this share as probable as the best. @default 0 */
  readonly minP?: number | undefined;
  /** Above 1 makes repeats less likely. @default 1 */
  readonly repetitionPenalty?: number | undefined;
  /** Most tokens of one turn. @default 512 */
  readonly maxNewTokens?: number | undefined;
  /** Texts that end a turn. @default [] */
  readonly stop?: string[] | undefined;
  /** Longest prompt and answer in tokens; the model's context when left out. */
  readonly maxLength?: number | undefined;
  /** Most episodes that one session serves at once. @default 16 */
  readonly maxBatch?: number | undefined;
  /** Execution provider; auto takes the first of cuda, webgpu and cpu that works here. @default "auto" */
  readonly provider?: "auto" | "cpu" | "webgpu" | "cuda" | undefined;
  /** Threads of one operator. */
  readonly threads?: number | undefined;
}

/** The same with defaults filled in. */
export type OnnxModelSettings = z.output<typeof options>;

/**
 * Acts with a local chat model. All policies of the same model, adapter and engine options in a process share one
 * session, which serves their requests in common batches; what each one gets depends on its own seed alone.
 *
 * Each decision records the ids and log-probabilities of what was sampled. Within an episode the prompt only grows: what
 * the model wrote stays in it token for token.
 */
export const onnxModelPolicy: Contribution<Policy, OnnxModelOptions> = policy("knowlyr/onnx-model-v1", {
  description: "A local chat model on ONNX Runtime",
  options,
  create: async (settings) => {
    const { createOnnxModel } = await import("./_onnx_model.ts");
    return await createOnnxModel(settings);
  },
});
