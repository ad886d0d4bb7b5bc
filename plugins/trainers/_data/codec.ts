/** What encoding rows needs of a chat codec and its tokenizer; the codec of the chat library fits. */
import type { ChatMessage, ChatRole, ChatTool } from "../../chat/mod.ts";

/** Text to tokens. */
export interface TextTokenizer {
  /** Ends a text, or null. */
  readonly eosId: number | null;
  /** Ids of a text. */
  encode(text: string, options?: { readonly specialTokens?: boolean }): Int32Array;
  /** Ids of a text and where each ends, in UTF-16 units. */
  encodeWithOffsets(text: string): { readonly ids: Int32Array; readonly ends: Uint32Array };
}

/** Part of a message that a token belongs to. */
export type TokenPart = "header" | "thought" | "content" | "tool_call" | "end" | "other";

/** Tokens of one part of one message. */
export interface MessageSpan {
  /** Index of the message; -1 for text that the template adds by itself. */
  readonly message: number;
  /** Role of the message. */
  readonly role: ChatRole | "template";
  /** Part of it. */
  readonly part: TokenPart;
  /** First token. */
  readonly start: number;
  /** Token after the last. */
  readonly end: number;
}

/** A rendered conversation. */
export interface EncodedMessages {
  /** Token ids. */
  readonly ids: Int32Array;
  /** In order; they partition `ids`. */
  readonly spans: readonly MessageSpan[];
}

/** Messages to tokens. */
export interface MessageCodec {
  /** Its tokenizer. */
  readonly tokenizer: TextTokenizer;
  /** Renders and tokenises. */
  encode(
    messages: readonly ChatMessage[],
    options?: { readonly tools?: readonly ChatTool[] | null },
  ): EncodedMessages;
}
