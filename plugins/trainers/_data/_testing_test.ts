/** A codec with a token a character, and rows and sequences by hand, for tests. */
import type { ChatMessage } from "../../chat/mod.ts";
import type { EncodedMessages, MessageCodec, MessageSpan, TextTokenizer, TokenPart } from "./codec.ts";
import type { ConversationRow } from "./rows/row.ts";
import { ROLES, type Sequence } from "./sequence.ts";

const START = 1; // <|im_start|>
const END = 2; // <|im_end|>
const FIRST = 10; // ids from here on are characters

function encodeText(text: string): Int32Array {
  return Int32Array.from(text, (character) => FIRST + character.codePointAt(0)!);
}

export const characterTokenizer: TextTokenizer & { decode(ids: Iterable<number>): string } = {
  eosId: END,
  encode: encodeText,
  encodeWithOffsets(text) {
    let end = 0;
    return {
      ids: encodeText(text),
      ends: Uint32Array.from([...text], (character) => end += character.length),
    };
  },
  decode: (ids) =>
    [...ids].map((id) =>
      id === START ? "<|im_start|>" : id === END ? "<|im_end|>" : String.fromCodePoint(id - FIRST)
    ).join(""),
};

/** ChatML, a token a character; renders `<think>`, and calls as `<call>` with name and arguments. */
export const characterCodec: MessageCodec = {
  tokenizer: characterTokenizer,
  encode(messages): EncodedMessages {
    const ids: number[] = [];
    const spans: MessageSpan[] = [];
    const add = (message: number, part: TokenPart, tokens: Iterable<number>): void => {
      const start = ids.length;
      ids.push(...tokens);
      if (ids.length === start) return;
      const role = message < 0 ? "template" : messages[message]!.role;
      spans.push({ message, role, part, start, end: ids.length });
    };
    if (messages[0]?.role !== "system") add(-1, "other", encodeText("default\n"));
    for (const [at, message] of messages.entries()) {
      add(at, "header", [START, ...encodeText(`${message.role}\n`)]);
      if (message.reasoning_content !== undefined) {
        add(at, "thought", encodeText(`<think>${message.reasoning_content}</think>`));
      }
      add(at, "content", encodeText(message.content));
      for (const { function: call } of message.tool_calls ?? []) {
        add(at, "tool_call", encodeText(`<call>${call.name}${JSON.stringify(call.arguments)}`));
      }
      add(at, "end", [END]);
      add(at, "other", encodeText("\n"));
    }
    return { ids: Int32Array.from(ids), spans };
  },
};

/** A conversation with everything filled in that `given` leaves out. */
export function conversation(
  messages: readonly ChatMessage[],
  given: Partial<ConversationRow> = {},
): ConversationRow {
  let step = -1;
  const stepOf = messages.map(({ role }) => role === "assistant" ? ++step : step);
  return {
    kind: "conversation",
    row: 0,
    origin: "data.jsonl:1",
    group: "data.jsonl:1",
    reward: null,
    messages,
    tools: null,
    weights: messages.map(({ role }) => role === "assistant" ? 1 : 0),
    weighted: false,
    stepOf,
    stepRewards: Array.from({ length: step + 1 }, () => null),
    ...given,
  };
}

/** A task, then steps of an answer and a reply each. */
export function episode(
  steps: readonly (readonly [answer: string, reply: string])[],
  task = "task",
): ChatMessage[] {
  return [
    { role: "system", content: "sys" },
    { role: "user", content: task },
    ...steps.flatMap(([answer, reply]): ChatMessage[] => [
      { role: "assistant", content: answer },
      { role: "user", content: reply },
    ]),
  ];
}

/** Text of the tokens that are trained, pieces apart by `|`. */
export function trainedText({ ids, weights }: Pick<Sequence, "ids" | "weights">): string {
  const pieces: number[][] = [];
  for (let t = 0; t < ids.length; t++) {
    if (weights[t] === 0) continue;
    if (t === 0 || weights[t - 1] === 0) pieces.push([]);
    pieces.at(-1)!.push(ids[t]!);
  }
  return pieces.map((piece) => characterTokenizer.decode(piece)).join("|");
}

/** Text of all tokens. */
export function textOf({ ids }: Pick<Sequence, "ids">): string {
  return characterTokenizer.decode(ids);
}

/** A sequence of `length` tokens, all numbered from `first`, the last `trained` of them with weight 1. */
export function sequence(
  length: number,
  { trained = 1, first = 100, ...given }: Partial<Sequence> & { trained?: number; first?: number } = {},
): Sequence {
  return {
    ids: Int32Array.from({ length }, (_, t) => first + t),
    weights: Float32Array.from({ length }, (_, t) => t > 0 && t >= length - trained ? 1 : 0),
    roles: new Uint8Array(length).fill(ROLES.indexOf("assistant")),
    steps: new Int32Array(length),
    row: 0,
    chunk: 0,
    chunks: 1,
    origin: "data.jsonl:1",
    group: "data.jsonl:1",
    features: { steps: 1, reward: null, length },
    ...given,
  };
}
