/** Which tokens of a rendered conversation are trained. */
import type { EncodedMessages, MessageSpan, TokenPart } from "./codec.ts";
import type { ConversationRow } from "./rows/row.ts";
import { ROLES } from "./sequence.ts";

/** What is trained of the messages that are. */
export type TrainOn = "all" | "last" | "thought" | "action";

/** What {@linkcode mark} takes beside tokens and row. */
export interface MarkOptions {
  /**
   * `all` of each trained message; only the `last` of them; the `thought` (reasoning, and the text before a call); the
   * `action` (calls, and the text of a message without any). Always without the header that the template writes.
   *
   * @default "all"
   */
  readonly trainOn?: TrainOn | undefined;
  /**
   * Whether replies of the environment are left out. False trains everything after the first user message, headers and
   * observations included.
   *
   * @default true
   */
  readonly maskObservations?: boolean | undefined;
  /** Whether the row's message weights count; false makes every trained token 1. @default true */
  readonly messageWeights?: boolean | undefined;
}

/** A conversation as it is rendered: the whole row, or a part of it. */
export interface View {
  /** For each rendered message its index in the row. */
  readonly source: readonly number[];
  /** First step that is trained here; -1 to train the prompt as well, where that is trained at all. */
  readonly from: number;
  /** Step after the last that is trained here. */
  readonly to: number;
}

/** Tokens up to the last trained one. */
export interface MarkedTokens {
  /** Ids. */
  readonly ids: Int32Array;
  /** Loss weights. */
  readonly weights: Float32Array;
  /** Indices into {@linkcode ROLES}. */
  readonly roles: Uint8Array;
  /** Step of each token, -1 for the prompt. */
  readonly steps: Int32Array;
}

/** Marks tokens and drops those after the last trained one; none are left when nothing is trained. */
export function mark(
  encoded: EncodedMessages,
  view: View,
  row: ConversationRow,
  options: MarkOptions,
): MarkedTokens {
  const size = encoded.ids.length;
  const weights = new Float32Array(size);
  const roles = new Uint8Array(size);
  const steps = new Int32Array(size).fill(-1);
  const weightOf = spanWeights(row, options);
  let message = -1; // text of the template belongs to the message before it
  for (const span of encoded.spans) {
    if (span.message >= 0) message = view.source[span.message]!;
    const step = row.stepOf[message] ?? -1;
    roles.fill(ROLES.indexOf(span.role), span.start, span.end);
    steps.fill(step, span.start, span.end);
    if (step < view.from || step >= view.to) continue;
    weights.fill(weightOf(span, message), span.start, span.end);
  }
  weights.fill(0, 0, 1); // nothing comes before the first token
  return cutAt({ ids: encoded.ids, weights, roles, steps }, size);
}

/** The first `length` tokens, without those after the last trained one. */
export function cutAt({ ids, weights, roles, steps }: MarkedTokens, length: number): MarkedTokens {
  const end = weights.subarray(0, length).findLastIndex((weight) => weight > 0) + 1;
  return {
    ids: ids.slice(0, end),
    weights: weights.slice(0, end),
    roles: roles.slice(0, end),
    steps: steps.slice(0, end),
  };
}

const EVERY: readonly TokenPart[] = ["thought", "content", "tool_call", "end"];

/** Parts that are trained, of messages with calls and of those without. */
const PARTS: Readonly<
  Record<TrainOn, { readonly calling: readonly TokenPart[]; readonly plain: readonly TokenPart[] }>
> = {
  all: { calling: EVERY, plain: EVERY },
  last: { calling: EVERY, plain: EVERY },
  thought: { calling: ["thought", "content"], plain: ["thought"] },
  action: { calling: ["tool_call", "end"], plain: ["content", "end"] },
};

function spanWeights(
  row: ConversationRow,
  { trainOn = "all", maskObservations = true, messageWeights = true }: MarkOptions,
): (span: MessageSpan, message: number) => number {
  const last = row.weights.findLastIndex((weight) => weight > 0);
  const firstUser = row.messages.findIndex(({ role }) => role === "user");
  return (span, at) => {
    const weight = row.weights[at] ?? 0;
    const amount = weight > 0 && messageWeights ? weight : Math.sign(weight);
    const message = row.messages[at];
    if (!maskObservations) {
      if (at <= firstUser) return 0;
      return message?.role === "assistant" ? amount : 1;
    }
    if (message === undefined || span.message < 0 || amount === 0) return 0;
    if (trainOn === "last" && at !== last) return 0;
    const parts = PARTS[trainOn][(message.tool_calls?.length ?? 0) > 0 ? "calling" : "plain"];
    return parts.includes(span.part) ? amount : 0;
  };
}
