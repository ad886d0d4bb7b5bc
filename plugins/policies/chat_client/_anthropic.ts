/**
 * Anthropic's messages, over the `@anthropic-ai/sdk` package.
 *
 * @module
 */
import { z } from "zod";
import type { Json } from "../../../core/schema.ts";
import type { ChatMessage, ChatTool } from "../../chat/mod.ts";
import type { AnthropicSettings } from "./anthropic.ts";
import { withoutUndefined } from "./_options.ts";
import { importPackage } from "./_package.ts";
import { type ChatService, type Question, type Reply, ServiceFault } from "./_service.ts";

/** What is used of the package. */
interface Sdk {
  readonly Anthropic: new (options: {
    readonly apiKey: string | null;
    readonly authToken: null;
    readonly baseURL: string;
    readonly maxRetries: number;
    readonly timeout: number;
    readonly logLevel: "off";
  }) => {
    readonly messages: {
      create(body: unknown, options: { readonly signal: AbortSignal }): {
        withResponse(): Promise<{ readonly data: unknown; readonly response: Response }>;
      };
    };
  };
}

type Block = { readonly [key: string]: Json };

const usage = z.looseObject({
  input_tokens: z.int().min(0).nullish(),
  output_tokens: z.int().min(0).nullish(),
  cache_creation_input_tokens: z.int().min(0).nullish(),
  cache_read_input_tokens: z.int().min(0).nullish(),
});

const block = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  thinking: z.string().optional(),
  id: z.string().optional(),
  name: z.string().optional(),
  input: z.unknown().optional(),
});

const message = z.looseObject({
  content: z.array(block),
  stop_reason: z.string().nullish(),
  usage: usage.nullish(),
});

const event = z.looseObject({
  type: z.string(),
  index: z.int().min(0).optional(),
  message: message.optional(),
  content_block: block.optional(),
  delta: z.looseObject({
    text: z.string().optional(),
    thinking: z.string().optional(),
    partial_json: z.string().optional(),
    stop_reason: z.string().nullish(),
  }).optional(),
  usage: usage.nullish(),
});

/** Connects to the service. @param key Null for servers that want none. */
export async function anthropicService(
  settings: AnthropicSettings,
  key: string | null,
): Promise<ChatService> {
  // Sound: the package exports this class; its answers are checked below.
  const { Anthropic } = await importPackage("@anthropic-ai/sdk") as Sdk;
  const client = new Anthropic({
    apiKey: key ?? "none", // the package wants a text
    authToken: null, // not what ANTHROPIC_AUTH_TOKEN says
    baseURL: settings.baseUrl ?? "https://api.anthropic.com",
    maxRetries: 0,
    timeout: settings.timeoutMs,
    logLevel: "off",
  });
  return {
    name: "anthropic",
    request: (question) => requestOf(settings, question),
    send: async (request, signal) => {
      const { data, response } = await client.messages.create(request, { signal }).withResponse();
      return { reply: await read(data, response.headers), headers: response.headers };
    },
  };
}

function requestOf(settings: AnthropicSettings, question: Question): { readonly [key: string]: Json } {
  const { model, maxNewTokens, temperature, topP, topK, stop, stream, body } = settings;
  const tools = question.tools ?? [];
  const system = question.messages.filter(({ role }) => role === "system").map(({ content }) => content);
  return withoutUndefined({
    model,
    max_tokens: maxNewTokens,
    system: system.length === 0 ? undefined : system.join("\n\n"),
    messages: turnsOf(question.messages),
    tools: tools.length === 0 ? undefined : tools.map(toolOf),
    temperature,
    top_p: topP,
    top_k: topK,
    stop_sequences: stop.length === 0 ? undefined : stop,
    stream: stream ? true : undefined,
    ...body,
  });
}

function toolOf({ function: { name, description, parameters } }: ChatTool): Block {
  return { name, description, input_schema: { type: "object", ...parameters } };
}

/** Messages as turns that alternate: answers of tools are the user's, and what one side says in a row is one turn. */
function turnsOf(messages: readonly ChatMessage[]): Json {
  const turns: { role: "user" | "assistant"; content: Block[] }[] = [];
  for (const each of messages) {
    if (each.role === "system") continue;
    const role = each.role === "assistant" ? "assistant" : "user";
    const blocks = blocksOf(each);
    if (blocks.length === 0) continue; // the service refuses empty turns
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...blocks);
    else turns.push({ role, content: blocks });
  }
  return turns;
}

function blocksOf({ role, content, tool_calls, tool_call_id }: ChatMessage): Block[] {
  if (role === "tool") {
    return [{ type: "tool_result", tool_use_id: tool_call_id ?? "", content }];
  }
  const text: Block[] = content.trim() === "" ? [] : [{ type: "text", text: content }];
  const calls = (tool_calls ?? []).map(({ id, function: { name, arguments: given } }): Block => ({
    type: "tool_use",
    id,
    name,
    input: typeof given === "string" ? { unreadable: given } : given, // an object is wanted
  }));
  return [...text, ...calls];
}

async function read(data: unknown, headers: Headers): Promise<Reply> {
  const reply = new Assembled();
  if (typeof data === "object" && data !== null && Symbol.asyncIterator in data) {
    for await (const piece of data as AsyncIterable<unknown>) reply.add(checked(event, piece, headers));
  } else reply.addMessage(checked(message, data, headers));
  return reply.finish(headers);
}

function checked<T>(schema: z.ZodType<T>, piece: unknown, headers: Headers): T {
  const parsed = schema.safeParse(piece);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]!.path.join(".");
  throw new ServiceFault(`wanted an answer in Anthropic's form: received another at "${where}"`, {
    headers,
    again: true,
  });
}

const FINISHES: Readonly<Record<string, Reply["finish"]>> = {
  max_tokens: "length",
  model_context_window_exceeded: "length",
  refusal: "refused",
};

interface Growing {
  readonly type: string;
  text: string;
  readonly id: string;
  readonly name: string;
  /** JSON of a call's arguments. */
  json: string;
}

/** A reply that grows by events. */
class Assembled {
  readonly #blocks: Growing[] = [];
  #finish: string | null = null;
  #ended = false;
  #promptTokens: number | null = null;
  #completionTokens: number | null = null;

  addMessage({ content, stop_reason, usage }: z.output<typeof message>): void {
    for (const each of content) this.#open(each);
    this.#finish = stop_reason ?? null;
    this.#count(usage);
    this.#ended = true;
  }

  add({ type, index, message, content_block, delta, usage }: z.output<typeof event>): void {
    this.#count(message?.usage);
    this.#count(usage);
    if (content_block !== undefined) this.#open(content_block, index);
    this.#finish = delta?.stop_reason ?? this.#finish;
    this.#ended ||= type === "message_stop";
    const growing = index === undefined ? undefined : this.#blocks[index];
    if (growing === undefined || delta === undefined) return;
    growing.text += delta.text ?? delta.thinking ?? "";
    growing.json += delta.partial_json ?? "";
  }

  finish(headers: Headers): Reply {
    if (!this.#ended || this.#finish === null) {
      throw new ServiceFault("wanted a whole answer: received one without an end", { headers, again: true });
    }
    const text = (type: string): string =>
      this.#blocks.filter((each) => each?.type === type).map(({ text }) => text).join("");
    return {
      content: text("text"),
      reasoning: text("thinking"),
      calls: this.#blocks.filter((each) => each?.type === "tool_use").map(({ id, name, json }) => ({
        id,
        name,
        arguments: json === "" ? "{}" : json,
      })),
      finish: FINISHES[this.#finish] ?? "stop",
      promptTokens: this.#promptTokens,
      completionTokens: this.#completionTokens,
      logProbs: null, // the service gives none
    };
  }

  #open(
    { type, text, thinking, id, name, input }: z.output<typeof block>,
    index = this.#blocks.length,
  ): void {
    // In a stream the input comes later, and what stands here is an empty object.
    const whole = typeof input === "object" && input !== null && Object.keys(input).length > 0;
    this.#blocks[index] = {
      type,
      text: text ?? thinking ?? "",
      id: id ?? "",
      name: name ?? "",
      json: whole ? JSON.stringify(input) : "",
    };
  }

  #count(told: z.output<typeof usage> | null | undefined): void {
    if (told === null || told === undefined) return;
    const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens } = told;
    if (typeof input_tokens === "number") {
      this.#promptTokens = input_tokens + (cache_creation_input_tokens ?? 0) + (cache_read_input_tokens ?? 0);
    }
    this.#completionTokens = output_tokens ?? this.#completionTokens; // totals, not increments
  }
}
