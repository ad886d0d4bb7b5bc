/** A row → its sequences. */
import { GymError, hasCode, messageOf } from "../../../core/errors.ts";
import { type ChunkOptions, chunksOf, type TooLong } from "./chunk.ts";
import type { MessageCodec } from "./codec.ts";
import { cutAt, mark, type MarkedTokens } from "./mark.ts";
import { plainTokens, windowsOf } from "./plain.ts";
import type { ConversationRow, Row } from "./rows/row.ts";
import type { RowFeatures, Sequence } from "./sequence.ts";
import { stepWeights } from "./step_weights.ts";

/** How rows become sequences. */
export interface EncodeOptions extends Omit<ChunkOptions, "force" | "messageWeights"> {
  /**
   * What a token counts: as the `row` says of its message; `uniform`, all that are trained the same; by the `rewards` of
   * steps, or, where a row has none, by its message weights as rewards.
   *
   * @default "row"
   */
  readonly weighting?: "row" | "uniform" | "rewards" | undefined;
  /** Most that one token may count with `rewards`, at least 1. @default Infinity */
  readonly maxWeight?: number | undefined;
  /** Whether a long row is cut in parts. @default true */
  readonly chunk?: boolean | undefined;
  /**
   * What to do with an answer that does not fit in `maxLength` with its prompt, or with a long row that may not be cut:
   * fail, leave the row out, or cut the answer's end off.
   *
   * @default "error"
   */
  readonly tooLong?: "error" | "skip" | "truncate" | undefined;
  /** Whether a row without a trained token is left out and counted; else it is an error. @default false */
  readonly skipEmpty?: boolean | undefined;
}

/** What became of a row. */
export interface EncodedRow {
  /** Its sequences; none when it was left out. */
  readonly sequences: readonly Sequence[];
  /** Why it was left out, or null. */
  readonly skipped: SkipReason | null;
  /** Whether text was left out of a message, or an answer was cut. */
  readonly shortened: boolean;
  /** Whether weights by rewards were asked for and its rewards told no steps apart. */
  readonly uninformative: boolean;
}

/** Why a row is left out. */
export type SkipReason = "no trained token" | "no step has a positive reward" | "too long";

/**
 * Encodes one row. Tokens after the last trained one are dropped.
 *
 * @throws {GymError} `LIMIT_EXCEEDED` for what does not fit, unless `tooLong` says otherwise; `INVALID_DATA` for what the
 * chat template refuses.
 * @throws {RangeError} If `maxLength` is below 2.
 */
export function encodeRow(row: Row, codec: MessageCodec, options: EncodeOptions): EncodedRow {
  if (!Number.isInteger(options.maxLength) || options.maxLength < 2) {
    throw new RangeError(
      `Cannot encode rows: wanted a maxLength of at least 2: received ${options.maxLength}`,
    );
  }
  const { parts, length, shortened } = partsOf(row, codec, options);
  const skip = (skipped: SkipReason): EncodedRow => ({
    sequences: [],
    skipped,
    shortened: false,
    uninformative: false,
  });
  if (parts === null) return skip("too long");
  if (parts.every(({ ids }) => ids.length === 0)) return skip("no trained token");
  const weighted = row.kind === "plain" || options.weighting !== "rewards"
    ? { parts, uninformative: false }
    : byRewards(parts, row, options);
  const kept = weighted.parts.filter(({ ids }) => ids.length > 0);
  if (kept.length === 0) return skip("no step has a positive reward");
  return {
    sequences: kept.map((part, chunk) => sequenceOf(part, row, chunk, kept.length, featuresOf(row, length))),
    skipped: null,
    shortened,
    uninformative: weighted.uninformative,
  };
}

interface RowParts {
  /** Null when the row is left out for its length. */
  readonly parts: readonly MarkedTokens[] | null;
  /** Tokens of the whole row. */
  readonly length: number;
  readonly shortened: boolean;
}

function partsOf(row: Row, codec: MessageCodec, options: EncodeOptions): RowParts {
  if (row.kind === "plain") return partsOfText(row, codec, options);
  try {
    return partsOfConversation(row, codec, options);
  } catch (thrown) {
    if (!hasCode(thrown, "INVALID_DATA")) throw thrown;
    // A template refuses conversations without knowing where they come from.
    throw new GymError(
      "INVALID_DATA",
      `Cannot encode ${row.origin}: ${messageOf(thrown)}`,
      { origin: row.origin },
      { cause: thrown },
    );
  }
}

function partsOfText(
  row: Row & { readonly kind: "plain" },
  codec: MessageCodec,
  options: EncodeOptions,
): RowParts {
  const { maxLength, chunk = true } = options;
  const tokens = plainTokens(row, codec.tokenizer);
  const length = tokens.ids.length;
  if (length <= maxLength || !chunk) return uncut(row, tokens, length, options);
  return { parts: windowsOf(tokens, maxLength), length, shortened: false };
}

function partsOfConversation(row: ConversationRow, codec: MessageCodec, options: EncodeOptions): RowParts {
  const { maxLength, chunk = true, stepsPerChunk = Infinity, tooLong = "error" } = options;
  const marking = { ...options, messageWeights: (options.weighting ?? "row") === "row" };
  const whole = codec.encode(row.messages, { tools: row.tools });
  const view = { source: row.messages.map((_, at) => at), from: -1, to: Infinity };
  const tokens = mark(whole, view, row, marking);
  const length = whole.ids.length;
  const fits = tokens.ids.length <= maxLength && (stepsPerChunk === Infinity || tokens.ids.length === 0);
  if (fits || !chunk) return uncut(row, tokens, length, options);
  const made = chunksOf(row, whole, codec, { ...marking, force: tooLong === "truncate" });
  if ("needed" in made) return refuse(row, made, length, options);
  return { ...made, length };
}

function uncut(row: Row, tokens: MarkedTokens, length: number, options: EncodeOptions): RowParts {
  const { maxLength, tooLong = "error" } = options;
  if (tokens.ids.length <= maxLength) return { parts: [tokens], length, shortened: false };
  if (tooLong !== "truncate") return refuse(row, { step: null, needed: tokens.ids.length }, length, options);
  return { parts: [cutAt(tokens, maxLength)], length, shortened: true };
}

function refuse(
  { origin }: Row,
  { step, needed }: TooLong | { readonly step: null; readonly needed: number },
  length: number,
  { maxLength, tooLong = "error" }: EncodeOptions,
): RowParts {
  if (tooLong === "skip") return { parts: null, length, shortened: false };
  const what = step === null ? "the row" : step < 0 ? "the prompt" : `step ${step + 1} with the prompt`;
  throw new GymError(
    "LIMIT_EXCEEDED",
    `Cannot encode ${origin}: wanted ${what} in ${maxLength} tokens (maxLength): received ${needed}` +
      (tooLong === "error" ? '; tooLong may be "skip" or "truncate"' : ""),
    { origin, step, needed, maxLength },
  );
}

/** Weights of all parts of a row together, so that steps in different parts stay in proportion. */
function byRewards(
  parts: readonly MarkedTokens[],
  row: ConversationRow,
  { maxWeight }: EncodeOptions,
): { readonly parts: readonly MarkedTokens[]; readonly uninformative: boolean } {
  const counts = row.stepRewards.map(() => 0);
  for (const part of parts) eachAnswer(part, (t) => counts[part.steps[t]!]!++);
  const { weights, informative } = stepWeights(rewardsOf(row), counts, { maxWeight });
  const made = parts.map((part) => {
    const scaled = part.weights.slice();
    eachAnswer(part, (t) => scaled[t] = weights[part.steps[t]!]!);
    return cutAt({ ...part, weights: scaled }, part.ids.length);
  });
  return { parts: made, uninformative: !informative };
}

function rewardsOf(
  { stepRewards, weighted, weights, messages }: ConversationRow,
): readonly (number | null)[] {
  if (!weighted || stepRewards.some((reward) => reward !== null)) return stepRewards;
  return weights.filter((_, at) => messages[at]!.role === "assistant");
}

const ASSISTANT = 3;

function eachAnswer({ weights, roles, steps }: MarkedTokens, visit: (t: number) => void): void {
  for (const [t, weight] of weights.entries()) {
    if (weight > 0 && roles[t] === ASSISTANT && steps[t]! >= 0) visit(t);
  }
}

function featuresOf(row: Row, length: number): RowFeatures {
  const steps = row.kind === "plain" ? 1 : Math.max(1, row.stepRewards.length);
  return { steps, reward: row.reward, length };
}

function sequenceOf(
  { ids, weights, roles, steps }: MarkedTokens,
  { row, origin, group }: Row,
  chunk: number,
  chunks: number,
  features: RowFeatures,
): Sequence {
  return { ids, weights, roles, steps, row, chunk, chunks, origin, group, features };
}
