/**
 * Messages to tokens and back, with the exact place of every message, thought and tool call.
 *
 * The one invariant: spans partition the tokens, and no token with text of a user, tool or system message is ever in a
 * span that is trained. Spans come from one rendering and one tokenisation of the whole conversation; prefixes are
 * never tokenised apart.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { GymError } from "../../core/errors.ts";
import type { Json } from "../../core/schema.ts";
import { type Draft, draftsOf, type SpanPart, templateMessage } from "./_draft.ts";
import { locate } from "./_locate.ts";
import { type Ability, Probe } from "./_probe.ts";
import { type Borders, isTrained, textSpans, tokenSpans } from "./_spans.ts";
import { ChatTemplate } from "./_template.ts";
import { checkConfig, readJson, readText, type TokenizerConfig } from "./_tokenizer_file.ts";
import { callId, type ChatMessage, type ChatRole, type ChatTool } from "./messages.ts";
import { Tokenizer } from "./tokenizer.ts";
import { TOOL_CALL_FORMS, type ToolCallFormName } from "./tool_call_text.ts";

export type { SpanPart } from "./_draft.ts";

/**
 * Tokens of one part of one message.
 *
 * `header` opens a message (`<|im_start|>assistant\n`), `end` is what ends its turn (`<|im_end|>`), `other` is the rest of
 * the template's text (the newline after the end). Thought, content and call include the markup that the model writes
 * around them.
 */
export interface TokenSpan {
  /** Index of the message; -1 for text of the template itself: a default system prompt, the generation prompt. */
  readonly message: number;
  /** Who speaks; `template` for text of the template itself. */
  readonly role: ChatRole | "template";
  /** What the tokens are. */
  readonly part: SpanPart;
  /** First token. */
  readonly start: number;
  /** One past the last token. */
  readonly end: number;
  /** Index of the tool call in its message. Tool calls only. */
  readonly call?: number;
}

/** A conversation as tokens. */
export interface EncodedChat {
  /** One id a token. */
  readonly ids: Int32Array;
  /** The rendered text. */
  readonly text: string;
  /** In order; they partition the tokens. */
  readonly spans: readonly TokenSpan[];
}

/** What {@linkcode ChatCodec.encode} takes. */
export interface EncodeOptions {
  /**
   * Tools that the model is offered.
   *
   * @default null
   */
  readonly tools?: readonly ChatTool[] | null;
  /**
   * End with the header of the assistant message to be written.
   *
   * @default false
   */
  readonly generationPrompt?: boolean;
  /** Further variables of the template, such as `enable_thinking` or `date_string`. */
  readonly variables?: Readonly<Record<string, Json>>;
}

/** What {@linkcode ChatCodec.parse} takes. */
export interface ParseOptions {
  /** Their schemas tell text from numbers in forms that do not. */
  readonly tools?: readonly ChatTool[] | null;
}

/** Messages to tokens and back, in the way of one model. */
export interface ChatCodec {
  /** The model's tokenizer. */
  readonly tokenizer: Tokenizer;
  /** The chat template. */
  readonly template: string;
  /** SHA-256 of the template, in hexadecimal. */
  readonly templateHash: string;
  /** Where the template came from: the model's folder or caller, or {@linkcode DEFAULT_CHAT_TEMPLATE}. */
  readonly templateSource: "file" | "default";
  /** Who writes tools and calls: the template, or this library as text of messages (Hermes form). */
  readonly toolSupport: "template" | "text";
  /** Who writes thoughts: the template, or this library as `<think>` in the content. */
  readonly thoughtSupport: "template" | "text";
  /**
   * The form of tool calls that {@linkcode parse} reads; null when the template writes calls in a form that is not
   * known: they then stay in the content.
   */
  readonly toolCallForm: ToolCallFormName | null;
  /** Ids of the tokens that end an assistant's turn, where generation stops. */
  readonly stopIds: readonly number[];
  /**
   * The tokens of a conversation and where everything is in them. Time is in proportion to the text.
   *
   * @throws {GymError} `INVALID_DATA` when the template refuses the conversation, or changes a text so that its place
   * cannot be told exactly.
   */
  encode(messages: readonly ChatMessage[], options?: EncodeOptions): EncodedChat;
  /** The text alone. @throws {GymError} `INVALID_DATA` when the template refuses the conversation. */
  render(messages: readonly ChatMessage[], options?: EncodeOptions): string;
  /**
   * What a model wrote, as an assistant message. An end of turn is dropped; a call that cannot be read stays in the
   * content; calls get ids by position.
   */
  parse(text: string, options?: ParseOptions): ChatMessage;
}

/** What {@linkcode createChatCodec} takes. */
export interface ChatCodecOptions {
  /** The model's tokenizer. */
  readonly tokenizer: Tokenizer;
  /**
   * The chat template, in Jinja.
   *
   * @default {@linkcode DEFAULT_CHAT_TEMPLATE}
   */
  readonly template?: string | null;
  /**
   * The form of tool calls in generated text.
   *
   * @default the form that the template writes
   */
  readonly toolCallForm?: ToolCallFormName;
  /** The date that `strftime_now` gives, in UTC. Without one, templates use the date they carry. */
  readonly now?: Date | null;
}

/** What {@linkcode loadChatCodec} takes. */
export interface LoadChatCodecOptions extends Pick<ChatCodecOptions, "toolCallForm" | "now"> {
  /**
   * Which of several named templates to use.
   *
   * @default "default"
   */
  readonly templateName?: string;
}

/** ChatML: what is used for models without a template of their own. */
export const DEFAULT_CHAT_TEMPLATE: string =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/**
 * Makes a codec.
 *
 * @throws {GymError} `INVALID_DATA` when the template is no Jinja.
 */
export function createChatCodec(options: ChatCodecOptions): ChatCodec {
  return new TemplateCodec(options);
}

/**
 * The codec of a model's folder: `tokenizer.json`, `tokenizer_config.json` and the chat template from
 * `chat_template.jinja` or the configuration.
 *
 * @throws {GymError} `FILE_ACCESS` or `INVALID_DATA`, naming the file.
 */
export async function loadChatCodec(folder: string, options: LoadChatCodecOptions = {}): Promise<ChatCodec> {
  const { templateName = "default", ...rest } = options;
  const tokenizer = await Tokenizer.fromFolder(folder);
  const own = await readText(folder, "chat_template.jinja", false);
  const file = join(folder, "tokenizer_config.json");
  const config = checkConfig(await readJson(folder, "tokenizer_config.json", false) ?? {}, file);
  return createChatCodec({ ...rest, tokenizer, template: own ?? templateOf(config, templateName, file) });
}

/** For each token 1 where a model learns to write it, 0 elsewhere. */
export function trainedMask({ ids, spans }: Pick<EncodedChat, "ids" | "spans">): Uint8Array {
  const mask = new Uint8Array(ids.length);
  for (const span of spans) if (isTrained(span)) mask.fill(1, span.start, span.end);
  return mask;
}

function templateOf({ chat_template }: TokenizerConfig, name: string, file: string): string | null {
  if (typeof chat_template === "string" || chat_template === null || chat_template === undefined) {
    return chat_template ?? null;
  }
  const found = chat_template.find((entry) => entry.name === name);
  if (found !== undefined) return found.template;
  const names = chat_template.map((entry) => entry.name).join(", ");
  throw new GymError(
    "INVALID_DATA",
    `Cannot read chat template of "${file}": wanted one named "${name}": received ${names || "none"}`,
    { file, field: "chat_template" },
  );
}

class TemplateCodec implements ChatCodec {
  readonly tokenizer: Tokenizer;
  readonly template: string;
  readonly templateHash: string;
  readonly templateSource: "file" | "default";
  readonly toolSupport: "template" | "text";
  readonly thoughtSupport: "template" | "text";
  readonly toolCallForm: ToolCallFormName | null;
  readonly stopIds: readonly number[];
  readonly #template: ChatTemplate;
  /** The template with some date, so that one that asks for the date can be probed without it. */
  readonly #dated: ChatTemplate;
  readonly #ability: Ability;
  readonly #thoughtField: string;
  /** By variables, because they can change what the template writes. */
  readonly #borders = new Map<string, Borders>();

  constructor({ tokenizer, template = null, toolCallForm, now = null }: ChatCodecOptions) {
    this.tokenizer = tokenizer;
    this.template = template ?? DEFAULT_CHAT_TEMPLATE;
    this.templateSource = template === null ? "default" : "file";
    this.templateHash = createHash("sha256").update(this.template).digest("hex");
    this.#template = new ChatTemplate(this.template, tokenizer.specialTokens, now);
    this.#dated = new ChatTemplate(this.template, tokenizer.specialTokens, now ?? new Date(0));
    // gpt-oss calls thoughts "thinking"; all others follow DeepSeek.
    this.#thoughtField = /\bthinking\b/.test(this.template) && !this.template.includes("reasoning_content")
      ? "thinking"
      : "reasoning_content";
    this.#ability = new Probe(this.#dated, {}).ability(this.#thoughtField);
    this.toolSupport = this.#ability.tools ? "template" : "text";
    this.thoughtSupport = this.#ability.thoughts ? "template" : "text";
    this.toolCallForm = toolCallForm ?? (this.#ability.tools ? this.#ability.form : "hermes");
    this.stopIds = this.#bordersFor({}).finals.map((stop) => tokenizer.idOf(stop)).filter((id) =>
      id !== null
    );
  }

  encode(messages: readonly ChatMessage[], options: EncodeOptions = {}): EncodedChat {
    const { variables = {}, generationPrompt = false } = options;
    const located = locate(
      this.#drafts(messages, options),
      (given) => this.#render(given, options),
      this.#thoughtField,
    );
    const { ids, starts, ends } = this.tokenizer.encodeWithOffsets(located.text);
    const spans = textSpans(located, this.#bordersFor(variables), generationPrompt);
    return { ids, text: located.text, spans: tokenSpans(spans, { starts, ends }) };
  }

  render(messages: readonly ChatMessage[], options: EncodeOptions = {}): string {
    const drafts = this.#drafts(messages, options);
    return this.#render(drafts.map((draft) => templateMessage(draft, this.#thoughtField)), options);
  }

  parse(text: string, { tools = null }: ParseOptions = {}): ChatMessage {
    const { content, thought, calls } = TOOL_CALL_FORMS[this.toolCallForm ?? "hermes"].parse(
      this.#withoutEnd(text),
      tools,
    );
    return {
      role: "assistant",
      content,
      ...(thought !== null && { reasoning_content: thought }),
      ...(calls.length > 0 && {
        tool_calls: calls.map((call, at) => ({ id: callId(at), type: "function", function: call })),
      }),
    };
  }

  #withoutEnd(text: string): string {
    // Ends of turns are part of the harmony form, which reads them itself.
    if (this.toolCallForm === "harmony") return text;
    const stop = this.#bordersFor({}).stops.find((ending) => text.trimEnd().endsWith(ending));
    return stop === undefined ? text : text.trimEnd().slice(0, -stop.length);
  }

  #drafts(messages: readonly ChatMessage[], { tools = null }: EncodeOptions): Draft[] {
    return draftsOf(messages, tools, this.#ability);
  }

  #render(messages: readonly object[], options: EncodeOptions): string {
    const { tools = null, generationPrompt = false, variables = {} } = options;
    const offered = this.#ability.tools && tools !== null && tools.length > 0 ? tools : null;
    return this.#template.render(messages, { tools: offered, generationPrompt, variables });
  }

  #bordersFor(variables: Readonly<Record<string, Json>>): Borders {
    const key = JSON.stringify(variables);
    let borders = this.#borders.get(key);
    if (borders === undefined) {
      const { controlTokens, specialTokens } = this.tokenizer;
      borders = new Probe(this.#dated, variables).borders(controlTokens, specialTokens.eos_token ?? null);
      this.#borders.set(key, borders);
    }
    return borders;
  }
}
