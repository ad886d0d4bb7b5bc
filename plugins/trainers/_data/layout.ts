/** Where the steps of a conversation lie and how many tokens each takes, measured once. */
import type { EncodedMessages } from "./codec.ts";
import { mark, type MarkOptions } from "./mark.ts";
import type { ConversationRow } from "./rows/row.ts";

/** One step: an answer and what came back. */
export interface StepLayout {
  /** Indices of its messages in the row, the answer first. */
  readonly messages: readonly number[];
  /** Tokens of the answer, header and end included. */
  readonly answer: number;
  /** Tokens of the replies. */
  readonly replies: number;
  /** Whether any of its tokens is trained. */
  readonly trained: boolean;
}

/** A conversation by prompt and steps. */
export interface Layout {
  /** Indices of the messages before the first step. */
  readonly prompt: readonly number[];
  /** Tokens of the prompt and of what the template adds before it. */
  readonly promptTokens: number;
  /** Every step. */
  readonly steps: readonly StepLayout[];
}

/** Measures a conversation. @param whole All its messages, rendered together. */
export function layoutOf(row: ConversationRow, whole: EncodedMessages, options: MarkOptions): Layout {
  const tokens = row.messages.map(() => 0);
  let template = 0;
  let message = -1; // text of the template belongs to the message before it
  for (const span of whole.spans) {
    if (span.message >= 0) message = span.message;
    if (message < 0) template += span.end - span.start;
    else tokens[message]! += span.end - span.start;
  }
  const trained = trainedSteps(row, whole, options);
  const groups: number[][] = [];
  const prompt: number[] = [];
  for (const [at, step] of row.stepOf.entries()) (step < 0 ? prompt : groups[step] ??= []).push(at);
  const sum = (indices: readonly number[]) => indices.reduce((total, at) => total + tokens[at]!, 0);
  return {
    prompt,
    promptTokens: template + sum(prompt),
    steps: groups.map((messages, step) => ({
      messages,
      answer: sum(messages.slice(0, 1)),
      replies: sum(messages.slice(1)),
      trained: trained.has(step),
    })),
  };
}

function trainedSteps(
  row: ConversationRow,
  whole: EncodedMessages,
  options: MarkOptions,
): ReadonlySet<number> {
  const view = { source: row.messages.map((_, at) => at), from: -1, to: Infinity };
  const { weights, steps } = mark(whole, view, row, options);
  const trained = new Set<number>();
  for (const [t, weight] of weights.entries()) if (weight > 0) trained.add(steps[t]!);
  return trained;
}
