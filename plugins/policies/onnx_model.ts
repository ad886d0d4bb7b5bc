/**
 * A local model that acts, on ONNX Runtime.
 *
 * @module
 */
import { z } from "zod";
import type { Contribution } from "../../core/kind.ts";
import { type Policy, policy } from "../../core/policy.ts";
import { actingFields, type LocalActingOptions } from "./_acting_fields.ts";

const count = z.int().min(1);

const options = z.strictObject({
  model: z.string().min(1).describe("Model folder in Hugging Face's layout"),
  adapter: z.string().optional().describe(
    "Adapter folder, as PEFT or a trainer writes it; one of the names in adapters when those are given",
  ),
  adapters: z.record(z.string().min(1), z.string().min(1)).optional().describe(
    "Adapter folders by name, served by one session to all policies with these same options",
  ),
  ...actingFields,
  reuse: z.boolean().default(true).describe(
    "Keep what was computed for a turn for the next one; off saves memory",
  ),
  toolCalls: z.enum(["free", "auto", "required"]).default("free").describe(
    "Hold what is written to calls of the tools on offer: auto where it opens one, required as a whole",
  ),
  maxBatch: count.default(16).describe("Most episodes that one session serves at once"),
  provider: z.enum(["auto", "cpu", "webgpu", "cuda"]).default("auto").describe("Execution provider"),
  threads: count.optional().describe("Threads of one operator"),
});

/** Options of {@linkcode onnxModelPolicy}. */
export interface OnnxModelOptions extends LocalActingOptions {
  /** Model folder in Hugging Face's layout. */
  readonly model: string;
  /** Adapter folder, as PEFT or a trainer writes it; one of the names in `adapters` when those are given. */
  readonly adapter?: string | undefined;
  /**
   * Adapter folders by name. Policies with the same ones share a session, whichever of them each uses: requests for the
   * base model and for every adapter are served side by side.
   */
  readonly adapters?: Record<string, string> | undefined;
  /**
   * Keep what was computed for a turn for the next one, so that only what is new of a prompt is computed. It takes
   * 2 · layers · key-value heads · head size · 4 bytes a token of each running episode.
   *
   * @default true
   */
  readonly reuse?: boolean | undefined;
  /**
   * Hold what is written to calls of the tools on offer, with names that exist and arguments that fit the tools' JSON
   * Schemas: `auto` where the model opens a call, `required` as a whole. Steps say so in `tokens.sampling.constraint`; their
   * log-probabilities are those among the tokens that were allowed.
   *
   * @default "free"
   */
  readonly toolCalls?: "free" | "auto" | "required" | undefined;
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
 * Acts with a local chat model. All policies of the same model, adapter (or adapters) and engine options in a process share one
 * session, which serves their requests in common batches; what each one gets depends on its own seed alone.
 *
 * Each decision records the ids and log-probabilities of what was sampled. Within an episode the prompt only grows: what
 * the model wrote stays in it token for token. All calls that the model writes in a turn are carried out; where its chat
 * template can show one call a turn alone, the first is, and `extra.droppedCalls` counts the others.
 */
export const onnxModelPolicy: Contribution<Policy, OnnxModelOptions> = policy("knowlyr/onnx-model-v1", {
  description: "A local chat model on ONNX Runtime",
  options,
  create: async (settings) => {
    const { createOnnxModel } = await import("./_onnx_model.ts");
    return await createOnnxModel(settings);
  },
});
