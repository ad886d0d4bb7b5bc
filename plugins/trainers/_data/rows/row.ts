/** A row of a data set after its dialect was read: a conversation, or plain text. */
import type { ChatMessage, ChatTool } from "../../../chat/mod.ts";

/** What both sorts of rows have. */
interface RowHead {
  /** Position in the data set, from 0. */
  readonly row: number;
  /** Where it comes from: `file:line`. */
  readonly origin: string;
  /** Task id when the row names one, else the origin. */
  readonly group: string;
  /** Reward of the episode, or null. */
  readonly reward: number | null;
}

/** Messages for a chat template. */
export interface ConversationRow extends RowHead {
  /** Which sort. */
  readonly kind: "conversation";
  /** At least one. Arguments of calls are objects wherever their text was a JSON object. */
  readonly messages: readonly ChatMessage[];
  /** Tools the agent was offered, or null. */
  readonly tools: readonly ChatTool[] | null;
  /** Loss weight of each message, 0 for one that is not trained; 1 unless the row says otherwise. */
  readonly weights: readonly number[];
  /** Whether `weights` comes from the row. */
  readonly weighted: boolean;
  /** Step of each message, -1 before the first one. A step begins with each assistant message outside the prompt. */
  readonly stepOf: readonly number[];
  /** Reward of each step; null where the row has none. */
  readonly stepRewards: readonly (number | null)[];
}

/** Text without a template. */
export interface PlainRow extends RowHead {
  /** Which sort. */
  readonly kind: "plain";
  /** In order; tokenised one by one, so that what is trained ends exactly at the border. */
  readonly segments: readonly PlainSegment[];
}

/** A piece of plain text. */
export interface PlainSegment {
  /** The text. */
  readonly text: string;
  /** Whether its tokens are trained. */
  readonly train: boolean;
}

/** A row of a data set. */
export type Row = ConversationRow | PlainRow;

/** Two answers to one prompt; only the answers have weights. */
export interface PreferenceRow {
  /** The better one. */
  readonly chosen: Row;
  /** The worse one. */
  readonly rejected: Row;
  /** Difference of their rewards, or null when the row has none. */
  readonly margin: number | null;
  /** Log-probabilities of both under the reference, chosen first; null when the row does not tell them. */
  readonly reference: readonly [number, number] | null;
}

/** An answer that was judged by itself. */
export interface JudgedRow {
  /** The answer with its prompt; only the answer has weights. */
  readonly answer: Row;
  /** Whether it is wanted. */
  readonly good: boolean;
}

/** Where a row stands and which it is. */
export interface RowPosition {
  /** Name of the file. */
  readonly file: string;
  /** Line in it, from 1. */
  readonly line: number;
  /** Position in the data set, from 0. */
  readonly row: number;
}

/** How rows are read. */
export interface ReadRowOptions {
  /**
   * What a prompt and an answer are that are both text: `plain` text that is continued, as TRL takes them, or `chat`:
   * a user and an assistant.
   *
   * @default "plain"
   */
  readonly strings?: "plain" | "chat" | undefined;
}
