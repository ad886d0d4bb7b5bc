/**
 * Chat messages: one rendering of trajectories that exporters, trainers and policies share.
 *
 * @module
 */
export {
  callId,
  type ChatMessage,
  type ChatRole,
  type ChatTool,
  chatTool,
  type ChatToolCall,
  type Conversation,
  type ConversationOptions,
  messagesOf,
  turnsOf,
} from "./messages.ts";
export {
  fromOpenAi,
  type OpenAiMessage,
  type OpenAiToolCall,
  toOpenAi,
  withTextArguments,
} from "./openai.ts";
export {
  type DetokenizeOptions,
  type EncodedText,
  type TokenizeOptions,
  Tokenizer,
  type TokenizerFiles,
} from "./tokenizer.ts";
