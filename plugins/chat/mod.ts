/**
 * Chat, the leaf: trajectories as messages, messages as tokens with the place of everything in them, and tool calls as
 * text. Exporters, trainers and policies share it. No plugin.
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
  type Told,
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
  type AddedText,
  type DetokenizeOptions,
  type EncodedText,
  type TokenizeOptions,
  Tokenizer,
  type TokenizerFiles,
} from "./tokenizer.ts";
export {
  type ChatCodec,
  type ChatCodecOptions,
  createChatCodec,
  DEFAULT_CHAT_TEMPLATE,
  type EncodedChat,
  type EncodeOptions,
  loadChatCodec,
  type LoadChatCodecOptions,
  type ParseOptions,
  type SpanPart,
  type TokenSpan,
  trainedMask,
} from "./codec.ts";
export { type JsonObject, parseObject } from "./_json_text.ts";
export { lintTemplate, type TemplateVerdict } from "./lint.ts";
export {
  formOf,
  type ParsedText,
  type TextCall,
  type TextMessage,
  TOOL_CALL_FORMS,
  type ToolCallForm,
  type ToolCallFormName,
} from "./tool_call_text.ts";
