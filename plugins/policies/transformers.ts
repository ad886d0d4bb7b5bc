/**
 * A ready ONNX model that acts, on transformers.js.
 *
 * @module
 */
import { z } from "zod";
import type { Contribution } from "../../core/kind.ts";
import { type Policy, policy } from "../../core/policy.ts";
import { actingFields, type LocalActingOptions } from "./_acting_fields.ts";

const options = z.strictObject({
  model: z.string().min(1).describe(
    "Model folder as transformers.js lays it out: tokenizer, config, and onnx/",
  ),
  dtype: z.enum(["fp32", "fp16", "q8", "int8", "uint8", "q4", "q4f16", "bnb4"]).default("fp32").describe(
    "Which of the model's files: fp32 is onnx/model.onnx, q4 is onnx/model_q4.onnx",
  ),
  device: z.enum(["cpu", "webgpu", "cuda"]).default("cpu").describe("Execution provider"),
  ...actingFields,
});

/** Options of {@linkcode transformersPolicy}. */
export interface TransformersOptions extends LocalActingOptions {
  /** Model folder as transformers.js lays it out: tokenizer, config, and onnx/. */
  readonly model: string;
  /** Which of the model's files: fp32 is onnx/model.onnx, q4 is onnx/model_q4.onnx. @default "fp32" */
  readonly dtype?: "fp32" | "fp16" | "q8" | "int8" | "uint8" | "q4" | "q4f16" | "bnb4" | undefined;
  /** Execution provider. @default "cpu" */
  readonly device?: "cpu" | "webgpu" | "cuda" | undefined;
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
