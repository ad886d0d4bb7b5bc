/**
 * A ready ONNX model that acts, on transformers.js.
 *
 * @module
 */
import { z } from "zod";
import type { Contribution } from "../../core/kind.ts";
import { type Policy, policy } from "../../core/policy.ts";

const count = z.int().min(1);

const options = z.strictObject({
  model: z.string().min(1).describe(
    "Model folder as transformers.js lays it out: tokenizer, config, and onnx/",
  ),
  dtype: z.enum(["fp32", "fp16", "q8", "int8", "uint8", "q4", "q4f16", "bnb4"]).default("fp32").describe(
    "Which of the model's files: fp32 is onnx/model.onnx, q4 is onnx/model_q4.onnx",
  ),
  device: z.enum(["cpu", "webgpu", "cuda"]).default("cpu").describe("Execution provider"),
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
});

/** Options of {@linkcode transformersPolicy}. */
export interface TransformersOptions {
  /** Model folder as transformers.js lays it out: tokenizer, config, and onnx/. */
  readonly model: string;
  /** Which of the model's files: fp32 is onnx/model.onnx, q4 is onnx/model_q4.onnx. @default "fp32" */
  readonly dtype?: "fp32" | "fp16" | "q8" | "int8" | "uint8" | "q4" | "q4f16" | "bnb4" | undefined;
  /** Execution provider. @default "cpu" */
  readonly device?: "cpu" | "webgpu" | "cuda" | undefined;
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
}

/** The same with defaults filled in. */
export type TransformersSettings = z.output<typeof options>;

/**
 * Acts with any chat model that transformers.js opens, of whatever family. Its package (half a gigabyte) is downloaded when
 * it is first used. Prompts, calls, draws and records are as in {@linkcode onnxModelPolicy}; one turn is computed at a
 * time, so for the families that it knows that policy is the faster one.
 */
export const transformersPolicy: Contribution<Policy, TransformersOptions> = policy(
  "knowlyr/transformers-v1",
  {
    description: "A ready ONNX model on transformers.js",
    options,
    create: async (settings) => {
      const { createTransformersModel } = await import("./_transformers.ts");
      return await createTransformersModel(settings);
    },
  },
);
