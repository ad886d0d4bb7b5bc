/**
 * A conversation with a local model; apart, so that runtime and tokenizers load only when somebody talks.
 *
 * @module
 */
import { deriveSeed } from "../../core/prng.ts";
import type { ChatMessage } from "../chat/mod.ts";
import type { ChatModel } from "../models/generation/acting_model.ts";
import { type ChatModelOptions, openChatModel } from "../models/generation/open_chat_model.ts";
import type { Sampling } from "../models/generation/sampling.ts";
import { TextStream } from "../models/generation/text_stream.ts";

/** How a conversation goes. */
export interface ConversationOptions {
  readonly system?: string | undefined;
  readonly sampling: Sampling;
  /** Most tokens of an answer. */
  readonly maxNewTokens: number;
  readonly seed: number;
}

/** What {@linkcode Conversation.answer} takes beside the message. */
export interface AnswerOptions {
  /** Stops the answer; what was written stays in the conversation. */
  readonly signal: AbortSignal;
  /** Takes pieces of the text as they come. */
  readonly onText: (text: string) => void;
}

/** One answer. */
export interface Answer {
  readonly text: string;
  readonly tokens: number;
  /** Why it ended: the model, the limit of tokens or of the context, or the signal. */
  readonly reason: "stop" | "length" | "aborted";
  /** Earlier exchanges that were left out because they did not fit. */
  readonly omitted: number;
}

/** A user who asks and a model that answers. */
export class Conversation implements AsyncDisposable {
  readonly #model: ChatModel;
  readonly #options: ConversationOptions;
  /** Message and answer in turns. */
  #messages: ChatMessage[] = [];

  private constructor(model: ChatModel, options: ConversationOptions) {
    this.#model = model;
    this.#options = options;
  }

  /** Opens the model. */
  static async open(model: ChatModelOptions, options: ConversationOptions): Promise<Conversation> {
    return new Conversation(await openChatModel({ ...model, maxBatch: 1 }), options);
  }

  /** Forgets what was said. The same words get the same answers again. */
  reset(): void {
    this.#messages = [];
  }

  /**
   * Says something and gets an answer. When it fails, nothing was said.
   *
   * @throws {GymError} `LIMIT_EXCEEDED` for a message longer than the context, `INVALID_DATA` when the template refuses it.
   */
  async answer(content: string, { signal, onText }: AnswerOptions): Promise<Answer> {
    const { codec, generator } = this.#model;
    const said: ChatMessage[] = [...this.#messages, { role: "user", content }];
    const { ids, omitted } = this.#prompt(said);
    const stream = new TextStream(codec.tokenizer);
    const made = await generator.generate({
      promptIds: ids,
      maxNewTokens: this.#options.maxNewTokens,
      sampling: this.#options.sampling,
      seed: deriveSeed(this.#options.seed, this.#messages.length / 2),
      stopIds: codec.stopIds,
      signal,
      onToken: (id) => onText(stream.push(id)),
    });
    onText(stream.end());
    const text = codec.tokenizer.decode(made.ids, { skipSpecial: true });
    this.#messages = [...said, messageOf(codec.parse(text), text)];
    // Sound: nothing but the signal ends it before its time, for the callback never says so.
    return { text, tokens: made.ids.length, reason: made.reason as Answer["reason"], omitted };
  }

  /** Frees the model. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model.generator[Symbol.asyncDispose]();
  }

  /** The latest exchanges that leave a quarter of the context free, or what was asked for. */
  #prompt(said: readonly ChatMessage[]): { readonly ids: Int32Array; readonly omitted: number } {
    const { codec, generator: { maxLength } } = this.#model;
    const room = Math.min(this.#options.maxNewTokens, Math.floor(maxLength / 4));
    const { system } = this.#options;
    const before: ChatMessage[] = system === undefined ? [] : [{ role: "system", content: system }];
    for (let from = 0;; from += 2) {
      const messages = [...before, ...said.slice(from)];
      const { ids } = codec.encode(messages, { generationPrompt: true });
      const last = from + 2 >= said.length;
      if (last || ids.length + room <= maxLength) return { ids, omitted: from / 2 };
    }
  }
}

/** Calls have no answer here, so they stay text. */
function messageOf(parsed: ChatMessage, text: string): ChatMessage {
  return parsed.tool_calls === undefined ? parsed : { role: "assistant", content: text };
}
