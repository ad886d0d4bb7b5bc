/**
 * Whether a model's template can write several calls into one message.
 *
 * Some refuse to, as Llama 3's, and some write the first alone, as that of gpt-oss.
 *
 * @module
 */
import { callId, type ChatCodec, type ChatMessage } from "../../chat/mod.ts";

const known = new WeakMap<ChatCodec, boolean>();

/** Whether a turn with several calls and their answers can be shown to the model again. */
export function takesSeveralCalls(codec: ChatCodec): boolean {
  const told = known.get(codec) ?? writesBoth(codec);
  known.set(codec, told);
  return told;
}

const ids = [callId(0), callId(1)];
const turn: readonly ChatMessage[] = [
  { role: "user", content: "ask" },
  {
    role: "assistant",
    content: "",
    tool_calls: ids.map((id, at) => ({
      id,
      type: "function",
      function: { name: "look", arguments: { place: at } },
    })),
  },
  ...ids.map((id): ChatMessage => ({ role: "tool", content: "seen", name: "look", tool_call_id: id })),
];

function writesBoth(codec: ChatCodec): boolean {
  try {
    return codec.encode(turn).spans.some(({ call }) => call === 1);
  } catch {
    return false;
  }
}
