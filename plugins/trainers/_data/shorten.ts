/** Long messages without their middle. */
import type { ChatMessage } from "../../chat/mod.ts";
import type { TextTokenizer } from "./codec.ts";

/** Messages after shortening. */
export interface Shortened {
  /** The messages. */
  readonly messages: readonly ChatMessage[];
  /** Tokens that could not be taken out. */
  readonly left: number;
}

/**
 * Takes at least `remove` tokens out of the contents of messages, the longest first, each from its middle. What is left
 * out is told in its place.
 */
export function shortened(
  messages: readonly ChatMessage[],
  remove: number,
  tokenizer: TextTokenizer,
): Shortened {
  const tokens = messages.map(({ content }) => tokenizer.encodeWithOffsets(content));
  const order = messages.map((_, at) => at).sort((a, b) => tokens[b]!.ids.length - tokens[a]!.ids.length);
  const made = [...messages];
  let left = remove;
  for (const at of order) {
    if (left <= 0) break;
    const { ids, ends } = tokens[at]!;
    // Every count has as many digits as the largest, or fewer: no marker is longer than this one.
    const marker = tokenizer.encode(markerOf(ids.length)).length + 1;
    const keep = Math.max(0, ids.length - left - marker);
    if (ids.length - keep - marker <= 0) continue; // the marker would be longer than what it stands for
    made[at] = { ...messages[at]!, content: withoutMiddle(messages[at]!.content, ends, keep) };
    left -= ids.length - keep - marker;
  }
  return { messages: made, left: Math.max(0, left) };
}

function withoutMiddle(text: string, ends: Uint32Array, keep: number): string {
  const head = Math.ceil(keep / 2);
  const tail = keep - head;
  const start = head === 0 ? 0 : ends[head - 1]!;
  const rest = tail === 0 ? text.length : ends[ends.length - tail - 1]!;
  return text.slice(0, whole(text, start)) + markerOf(ends.length - keep) + text.slice(whole(text, rest));
}

function markerOf(tokens: number): string {
  return `\n[${tokens} tokens left out]\n`;
}

/** Steps back from the middle of a surrogate pair. */
function whole(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return at > 0 && unit >= 0xdc00 && unit <= 0xdfff ? at - 1 : at;
}
