/**
 * OpenAI's chat completions, over the `openai` package, which any server of the same protocol understands.
 *
 * @module
 */
import { z } from "zod";
import type { Json } from "../../../core/schema.ts";
import { toOpenAi } from "../../chat/mod.ts";
import { withoutUndefined } from "./_options.ts";
import { importPackage } from "./_package.ts";
import { type ChatService, type Question, type Reply, ServiceFault } from "./_service.ts";
import type { OpenAiSettings } from "./openai.ts";

/** What is used of the package. */
interface Sdk {
  readonly OpenAI: new (options: {
    readonly apiKey: string;
    readonly baseURL?: string;
    readonly maxRetries: number;
    readonly timeout: number;
    readonly logLevel: "off";
  }) => {
    readonly chat: {
      readonly completions: {
        create(body: unknown, options: { readonly signal: AbortSignal }): {
          withResponse(): Promise<{ readonly data: unknown; readonly response: Response }>;
        };
      };
    };
  };
}

/** A message, or a piece of one. */
const part = z.looseObject({
  content: z.string().nullish(),
  refusal: z.string().nullish(),
  reasoning_content: z.string().nullish(), // DeepSeek, vLLM, SGLang
  reasoning: z.string().nullish(), // OpenRouter, Ollama
  tool_calls: z.array(z.looseObject({
    index: z.int().min(0).nullish(),
    id: z.string().nullish(),
    function: z.looseObject({ name: z.string().nullish(), arguments: z.string().nullish() }).nullish(),
  })).nullish(),
});

const chunk = z.looseObject({
  choices: z.array(z.looseObject({
    delta: part.nullish(),
    message: part.nullish(),
    finish_reason: z.string().nullish(),
    logprobs: z.looseObject({
      content: z.array(z.looseObject({ token: z.string(), logprob: z.number() })).nullish(),
    }).nullish(),
  })).nullish(),
  usage: z.looseObject({ prompt_tokens: z.int().min(0), completion_tokens: z.int().min(0) }).nullish(),
});

type Chunk = z.output<typeof chunk>;
type Part = z.output<typeof part>;

/** Connects to the service. @param key Null for servers that want none. */
export async function openAiService(settings: OpenAiSettings, key: string | null): Promise<ChatService> {
  // Sound: the package exports this class; its answers are checked below.
  const { OpenAI } = await importPackage("openai") as Sdk;
  const client = new OpenAI({
    apiKey: key ?? "none", // the package wants a text
    baseURL: settings.baseUrl ?? "https://api.openai.com/v1", // not what OPENAI_BASE_URL says: it is recorded nowhere
    maxRetries: 0,
    timeout: settings.timeoutMs,
    logLevel: "off",
  });
  return {
    name: "openai",
    request: (question) => requestOf(settings, question),
    send: async (request, signal) => {
      const { data, response } = await client.chat.completions.create(request, { signal }).withResponse();
      return { reply: await read(data, response), headers: response.headers };
    },
  };
}

function requestOf(settings: OpenAiSettings, question: Question): { readonly [key: string]: Json } {
  const { model, temperature, topP, maxNewTokens, stop, stream, baseUrl, logProbs, seed, body } = settings;
  const tools = question.tools ?? [];
  return withoutUndefined({
    model,
    messages: toOpenAi(question.messages) as unknown as Json, // sound: messages are JSON; their optional fields are left out
    tools: tools.length === 0 ? undefined : tools,
    temperature,
    top_p: topP,
    // OpenAI's newer models know only the new name, most other servers only the old one.
    [baseUrl === undefined ? "max_completion_tokens" : "max_tokens"]: maxNewTokens,
    stop: stop.length === 0 ? undefined : stop,
    seed: seed ? question.seed : undefined,
    logprobs: logProbs ? true : undefined,
    stream: stream ? true : undefined,
    stream_options: stream ? { include_usage: true } : undefined,
    ...body,
  });
}

async function read(data: unknown, { headers }: Response): Promise<Reply> {
  const reply = new Assembled();
  const stream = typeof data === "object" && data !== null && Symbol.asyncIterator in data;
  if (stream) {
    for await (const piece of data as AsyncIterable<unknown>) {
      reply.add(checked(piece, headers));
    }
  } else reply.add(checked(data, headers));
  return reply.finish(headers);
}

function checked(piece: unknown, headers: Headers): Chunk {
  const parsed = chunk.safeParse(piece);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]!.path.join(".");
  throw new ServiceFault(`wanted an answer in OpenAI's form: received another at "${where}"`, {
    headers,
    again: true,
  });
}

const FINISHES: Readonly<Record<string, Reply["finish"]>> = { length: "length", content_filter: "refused" };

/** A reply that grows by pieces. */
class Assembled {
  #content = "";
  #reasoning = "";
  #refusal = "";
  readonly #calls: { index: number; id: string; name: string; arguments: string }[] = [];
  #finish: string | null = null;
  #usage: Chunk["usage"] = null;
  readonly #tokens: string[] = [];
  readonly #values: number[] = [];

  add({ choices, usage }: Chunk): void {
    this.#usage = usage ?? this.#usage;
    const choice = choices?.[0];
    if (choice === undefined) return; // the last piece may hold the usage alone
    const { delta, message, finish_reason, logprobs } = choice;
    this.#addPart(delta ?? message ?? {});
    this.#finish = finish_reason ?? this.#finish;
    for (const { token, logprob } of logprobs?.content ?? []) {
      this.#tokens.push(token);
      this.#values.push(logprob);
    }
  }

  finish(headers: Headers): Reply {
    if (this.#finish === null) {
      throw new ServiceFault("wanted a whole answer: received one without an end", { headers, again: true });
    }
    const refused = this.#refusal !== "";
    return {
      content: refused && this.#content === "" ? this.#refusal : this.#content,
      reasoning: this.#reasoning,
      calls: this.#calls.map(({ id, name, arguments: text }) => ({ id, name, arguments: text })),
      finish: refused ? "refused" : FINISHES[this.#finish] ?? "stop",
      promptTokens: this.#usage?.prompt_tokens ?? null,
      completionTokens: this.#usage?.completion_tokens ?? null,
      logProbs: this.#tokens.length === 0 ? null : { tokens: this.#tokens, values: this.#values },
    };
  }

  #addPart({ content, refusal, reasoning_content, reasoning, tool_calls }: Part): void {
    this.#content += content ?? "";
    this.#refusal += refusal ?? "";
    this.#reasoning += reasoning_content ?? reasoning ?? "";
    for (const [at, call] of (tool_calls ?? []).entries()) {
      const { name, arguments: text } = call.function ?? {};
      const index = call.index ?? at;
      let known = this.#calls.findLast((each) => each.index === index);
      // Some servers number every call 0, and tell them apart by their ids alone.
      const another = known !== undefined && known.id !== "" && (call.id ?? "") !== "" &&
        call.id !== known.id;
      if (known === undefined || another) {
        known = { index, id: "", name: "", arguments: "" };
        this.#calls.push(known);
      }
      known.id ||= call.id ?? "";
      known.name ||= name ?? "";
      known.arguments += text ?? "";
    }
  }
}
