/**
 * Bodies of `POST /v1/chat/completions`, checked. What would change the answer and is not supported is refused; what
 * would not is let pass.
 *
 * @module
 */
import { z } from "zod";
import { describeIssues, type Json } from "../../../core/schema.ts";
import { type ChatMessage, type ChatTool, fromOpenAi } from "../../chat/mod.ts";
import type { Sampling } from "../../models/generation/sampling.ts";
import { Failure } from "./failure.ts";

const content = z.union([
  z.string(),
  z.array(z.object({ type: z.literal("text"), text: z.string() })).transform((parts) =>
    parts.map(({ text }) => text).join("")
  ),
], { error: "expected text, or parts of type text" });

const message = z.object({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content: content.nullish().transform((text) => text ?? null),
  reasoning_content: z.string().optional(),
  tool_call_id: z.string().optional(),
  tool_calls: z.array(z.object({
    id: z.string(),
    type: z.literal("function"),
    function: z.object({ name: z.string(), arguments: z.string() }),
  })).nullish().transform((calls) => calls ?? undefined),
});

const tool = z.object({
  type: z.literal("function"),
  function: z.object({
    name: z.string().min(1),
    description: z.string().nullish().transform((text) => text ?? ""),
    parameters: z.record(z.string(), z.json()).nullish().transform((schema) =>
      schema ?? { type: "object", properties: {} }
    ),
  }),
});

const count = z.int().min(1).nullish();
const zero = z.literal(0).nullish();

const body = z.object({
  model: z.string(),
  messages: z.array(message).min(1),
  tools: z.array(tool).nullish(),
  tool_choice: z.union([
    z.enum(["none", "auto", "required"]),
    z.object({ type: z.literal("function"), function: z.object({ name: z.string() }) }),
  ], { error: 'expected "none", "auto", "required" or a function' }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(0).nullish(), // this and the next two as vLLM has them
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().positive().nullish(),
  max_tokens: count,
  max_completion_tokens: count,
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(16)]).nullish(),
  seed: z.int().nullish(),
  logprobs: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  n: z.literal(1).nullish(),
  top_logprobs: zero,
  presence_penalty: zero,
  frequency_penalty: zero,
  logit_bias: z.record(z.string(), z.never()).nullish(),
  response_format: z.object({ type: z.literal("text") }).nullish(),
  functions: z.null().optional(),
});

/** What is asked of the model. */
export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  /** Null when there are none to call. */
  readonly tools: readonly ChatTool[] | null;
  /** Tools of which one must be called; null when none must. */
  readonly required: readonly ChatTool[] | null;
  readonly sampling: Sampling;
  /** Null leaves it to the context. */
  readonly maxTokens: number | null;
  readonly stop: readonly string[];
  /** Null leaves it to chance. */
  readonly seed: number | null;
  readonly logProbs: boolean;
  readonly stream: boolean;
  /** Whether a stream ends with the usage. */
  readonly usage: boolean;
}

/** Reads a body. @throws {Failure} 400 naming the field. */
export function parseRequest(text: string): ChatRequest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Failure(400, "Cannot read request: wanted JSON");
  }
  const parsed = body.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const [why] = describeIssues([issue!], value);
    throw new Failure(400, `Cannot use request: ${why}`, {
      param: issue!.path.map(String).join(".") || null,
    });
  }
  return requestOf(parsed.data);
}

function requestOf(given: z.output<typeof body>): ChatRequest {
  const { tools, tool_choice, stop, stream, stream_options } = given;
  const offered = tool_choice === "none" || (tools ?? []).length === 0 ? null : tools!;
  return {
    model: given.model,
    // Sound: optional fields that are undefined are left out by JSON, and read as absent.
    messages: fromOpenAi(JSON.parse(JSON.stringify(given.messages))),
    tools: offered as readonly (ChatTool & Json)[] | null,
    required: requiredOf(given) as readonly (ChatTool & Json)[] | null,
    sampling: {
      temperature: given.temperature ?? 1,
      topP: given.top_p ?? 1,
      topK: given.top_k ?? 0,
      minP: given.min_p ?? 0,
      repetitionPenalty: given.repetition_penalty ?? 1,
    },
    maxTokens: given.max_completion_tokens ?? given.max_tokens ?? null,
    stop: typeof stop === "string" ? [stop] : stop ?? [],
    seed: given.seed ?? null,
    logProbs: given.logprobs ?? false,
    stream: stream ?? false,
    usage: stream_options?.include_usage ?? false,
  };
}

/** Tools of which the choice demands one. @throws {Failure} 400 when it is not there. */
function requiredOf({ tools, tool_choice: choice }: z.output<typeof body>): z.output<typeof tool>[] | null {
  if (choice === null || choice === undefined || choice === "none" || choice === "auto") return null;
  const wanted = choice === "required" ? null : choice.function.name;
  const found = (tools ?? []).filter(({ function: { name } }) => wanted === null || name === wanted);
  if (found.length > 0) return found;
  throw new Failure(
    400,
    `Cannot use request: tool_choice: expected ${
      wanted === null ? "tools to call" : `a tool named "${wanted}"`
    }`,
    { param: "tool_choice" },
  );
}
