/**
 * One answer of the model: the prompt, the draws, and what was written, taken apart.
 *
 * @module
 */
import { isGymError } from "../../../core/errors.ts";
import type { Json } from "../../../core/schema.ts";
import { callId, type ChatMessage, type OpenAiToolCall, withTextArguments } from "../../chat/mod.ts";
import type { ChatModel } from "../../models/generation/acting_model.ts";
import { compileToolCalls } from "../../models/generation/constraint/tool_calls.ts";
import type { TokenConstraint } from "../../models/generation/constraint.ts";
import type { Generation } from "../../models/generation/generator.ts";
import { TextStream } from "../../models/generation/text_stream.ts";
import { Failure } from "./failure.ts";
import type { ChatRequest } from "./request.ts";
import { type Borders, cutAt, openingsOf, type Visible, visibleOf } from "./visible.ts";

/** A whole answer. */
export interface Completion {
  readonly message: {
    readonly role: "assistant";
    readonly content: string | null;
    readonly reasoning_content?: string;
    readonly tool_calls?: readonly OpenAiToolCall[];
  };
  readonly finish: "stop" | "length" | "tool_calls";
  /** Null when they were not asked for. */
  readonly logProbs: { readonly content: readonly { readonly [key: string]: Json }[] } | null;
  readonly usage: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly total_tokens: number;
  };
}

/** How an answer is made. */
export interface CompleteOptions {
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Called with what can be shown so far, each time there is more. */
  readonly onVisible?: (visible: Visible) => void;
}

/**
 * Starts an answer.
 *
 * @throws {Failure} 400 for a conversation that the model cannot be shown, before anything was generated.
 */
export function complete(
  model: ChatModel,
  request: ChatRequest,
  { seed, signal, onVisible }: CompleteOptions,
): Promise<Completion> {
  const { codec, generator, adapter = null } = model;
  const { ids, text } = prompted(model, request);
  const thinking = /<think>\s*$/.test(text);
  const openings = openingsOf(codec.toolCallForm, request.tools !== null);
  const borders: Borders = { stop: request.stop, openings, thinking };
  // Special tokens may be part of calls, so all of them are text here; ids that end the turn never come.
  const stream = new TextStream({ decode: (given) => codec.tokenizer.decode(given) });
  let written = "";
  const onToken = (id: number): boolean => {
    written += stream.push(id);
    onVisible?.(visibleOf(written, borders));
    return request.stop.some((each) => written.includes(each));
  };
  const maxNewTokens = Math.min(request.maxTokens ?? Infinity, generator.maxLength - ids.length);
  const made = generator.generate({
    promptIds: ids,
    maxNewTokens,
    ...heldToCalls(codec, request, { maxTokens: maxNewTokens, thinking }),
    sampling: request.sampling,
    seed,
    stopIds: codec.stopIds,
    adapter,
    onToken,
    signal,
  });
  return made.then((generation) => completionOf(model, request, ids.length, generation));
}

/** Holds an answer to a call where one is required. */
function heldToCalls(
  { tokenizer, toolCallForm: form, stopIds }: ChatModel["codec"],
  { required: tools }: ChatRequest,
  text: { readonly maxTokens: number; readonly thinking: boolean },
): { readonly constraint?: TokenConstraint } {
  if (tools === null) return {};
  try {
    return {
      constraint: compileToolCalls({ tokenizer, form, tools, mode: "required", stopIds }).begin(text),
    };
  } catch (thrown) {
    if (!isGymError(thrown)) throw thrown;
    throw new Failure(400, thrown.message, { param: "tool_choice" });
  }
}

function prompted({ codec, generator }: ChatModel, { messages, tools }: ChatRequest) {
  let encoded;
  try {
    encoded = codec.encode(messages, { tools, generationPrompt: true });
  } catch (thrown) {
    if (!isGymError(thrown)) throw thrown;
    throw new Failure(400, thrown.message, { param: "messages" });
  }
  if (encoded.ids.length < generator.maxLength) return encoded;
  throw new Failure(
    400,
    `Cannot use request: messages: expected fewer than ${generator.maxLength} tokens: received ${encoded.ids.length}`,
    { param: "messages", code: "context_length_exceeded" },
  );
}

function completionOf(
  { codec }: ChatModel,
  request: ChatRequest,
  promptTokens: number,
  made: Generation,
): Completion {
  const ended = made.reason === "stop";
  const ids = ended ? made.ids.subarray(0, -1) : made.ids;
  const message = read(codec, cutAt(codec.tokenizer.decode(ids), request.stop), request);
  const calls = message.tool_calls ?? [];
  const before = request.messages.reduce((sum, { tool_calls }) => sum + (tool_calls?.length ?? 0), 0);
  return {
    message: {
      role: "assistant",
      content: message.content === "" && calls.length > 0 ? null : message.content,
      ...(message.reasoning_content !== undefined && { reasoning_content: message.reasoning_content }),
      ...(calls.length > 0 && {
        tool_calls: calls.map((call, at) => withTextArguments({ ...call, id: callId(before + at) })),
      }),
    },
    finish: calls.length > 0 ? "tool_calls" : made.reason === "length" ? "length" : "stop",
    logProbs: request.logProbs
      ? {
        content: [...ids].map((id, at) => ({
          token: codec.tokenizer.decode([id]),
          logprob: made.logProbabilities[at]!,
          bytes: null,
          top_logprobs: [],
        })),
      }
      : null,
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: made.ids.length,
      total_tokens: promptTokens + made.ids.length,
    },
  };
}

/** What was written as a message. Where no tool was offered, nothing is a call. */
function read(codec: ChatModel["codec"], text: string, { tools }: ChatRequest): ChatMessage {
  const message = codec.parse(text, { tools });
  if (tools !== null || message.tool_calls === undefined) return message;
  const { tool_calls: _, ...rest } = message;
  const thought = /^\s*<think>[^]*?<\/think>\n*/.exec(text)?.[0] ?? "";
  return { ...rest, content: text.slice(thought.length) };
}
