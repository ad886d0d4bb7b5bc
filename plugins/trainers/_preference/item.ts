/**
 * What a preference trainer compares: the answers of one row, as tokens.
 *
 * @module
 */
import { GymError } from "../../../core/errors.ts";
import {
  cutAt,
  encodeRow,
  type JudgedRow,
  type MessageCodec,
  type PlannedItem,
  type PreferenceRow,
  type Row,
  type Sequence,
  type SkipReason,
  trainedTokens,
  type TrainOn,
} from "../_data/mod.ts";

/** Answers that one loss reads together. */
export interface PreferenceItem {
  /** The chosen and the rejected one, or one that was judged by itself. */
  readonly sides: readonly Sequence[];
  /** Difference of their rewards, or null. */
  readonly margin: number | null;
  /** Whether a single answer is wanted; null for a pair. */
  readonly good: boolean | null;
  /** Log-probabilities of the sides under the reference when the row tells them, or null. */
  readonly reference: readonly number[] | null;
  /** Where it comes from. */
  readonly origin: string;
  /** What stays on one side when data are split. */
  readonly group: string;
}

/** How rows become items. */
export interface ItemOptions {
  /** Most tokens of a prompt with its answer. */
  readonly maxLength: number;
  /** What becomes of longer ones. */
  readonly tooLong: "error" | "skip" | "truncate";
  /** What of the answers counts. */
  readonly trainOn: TrainOn;
  /** Whether the definitions of tools stand in the prompt. */
  readonly tools: boolean;
  /**
   * What a token counts that lies beyond the length of the pair's shorter answer. Source: Liu et al. 2024, LD-DPO
   * (arXiv:2409.06411).
   */
  readonly ldAlpha: number;
}

/** What became of a row. */
export interface EncodedItem {
  /** Null when the row is left out. */
  readonly item: PreferenceItem | null;
  /** Why, or null. */
  readonly skipped: SkipReason | null;
  /** Whether tokens were cut. */
  readonly shortened: boolean;
}

/** A pair as tokens. @throws {GymError} `LIMIT_EXCEEDED` for what does not fit, unless `tooLong` says otherwise. */
export function pairItem(row: PreferenceRow, codec: MessageCodec, options: ItemOptions): EncodedItem {
  const { margin, reference } = row;
  return itemOf([row.chosen, row.rejected], codec, options, { margin, good: null, reference });
}

/** An answer as tokens. @throws {GymError} As {@linkcode pairItem}. */
export function judgedItem(
  { answer, good }: JudgedRow,
  codec: MessageCodec,
  options: ItemOptions,
): EncodedItem {
  return itemOf([answer], codec, options, { margin: null, good, reference: null });
}

/** What planning needs to know. @param weight What the item adds to its step. */
export function plannedItem({ sides }: PreferenceItem, weight: number): PlannedItem {
  const lengths = sides.map(({ ids }) => ids.length);
  const length = Math.max(...lengths);
  return {
    length,
    tokens: lengths.reduce((all, one) => all + one),
    trained: sides.reduce((all, side) => all + trainedTokens(side), 0),
    weight,
    features: sides[0]!.features,
  };
}

/** Tokens before the first trained one: the prompt. */
export function promptLength({ weights }: Pick<Sequence, "weights">): number {
  return weights.findIndex((weight) => weight > 0);
}

type Known = Pick<PreferenceItem, "margin" | "good" | "reference">;

function itemOf(rows: readonly Row[], codec: MessageCodec, options: ItemOptions, known: Known): EncodedItem {
  const { maxLength, tooLong, ldAlpha } = options;
  const skip = (skipped: SkipReason): EncodedItem => ({ item: null, skipped, shortened: false });
  const whole = rows.flatMap((row) => sidesOf(row, codec, options));
  if (whole.length < rows.length) return skip("no trained token");
  const shortened = whole.some(({ ids }) => ids.length > maxLength);
  if (shortened && tooLong === "skip") return skip("too long");
  if (shortened && tooLong === "error") throw tooLongError(whole, maxLength);
  const fitting = shortened ? fitted(whole, maxLength) : whole;
  if (fitting.some((side) => trainedTokens(side) === 0)) return skip("no trained token");
  const { origin, group } = rows[0]!;
  // What a row tells of its reference holds for all its tokens, each counted once.
  const reference = shortened || ldAlpha < 1 ? null : known.reference;
  const sides = ldAlpha < 1 ? withLightTails(fitting, ldAlpha) : fitting;
  return { item: { ...known, reference, sides, origin, group }, skipped: null, shortened };
}

/** The one sequence of a row, however long; none when nothing in it is trained. */
function sidesOf(row: Row, codec: MessageCodec, { trainOn, tools }: ItemOptions): readonly Sequence[] {
  const asked = !tools && "tools" in row ? { ...row, tools: null } : row;
  const maxLength = Number.MAX_SAFE_INTEGER;
  return encodeRow(asked, codec, { maxLength, trainOn, chunk: false, weighting: "uniform" }).sequences;
}

/**
 * Takes tokens from the beginning of the prompt, from all sides alike, so that they still share it; when the prompt has
 * only half of the room left, answers lose their end.
 */
function fitted(sides: readonly Sequence[], maxLength: number): readonly Sequence[] {
  const over = Math.max(...sides.map(({ ids }) => ids.length)) - maxLength;
  const prompt = Math.min(...sides.map(promptLength));
  const start = Math.max(0, Math.min(over, prompt - Math.floor(maxLength / 2)));
  return sides.map((side) => ({
    ...side,
    ...cutAt({
      ids: side.ids.subarray(start),
      weights: side.weights.subarray(start),
      roles: side.roles.subarray(start),
      steps: side.steps.subarray(start),
    }, maxLength),
  }));
}

function withLightTails(sides: readonly Sequence[], alpha: number): readonly Sequence[] {
  const shorter = Math.min(...sides.map(trainedTokens));
  return sides.map((side) => {
    let seen = 0;
    const weights = side.weights.map((weight) => weight > 0 && ++seen > shorter ? weight * alpha : weight);
    return { ...side, weights };
  });
}

function tooLongError(sides: readonly Sequence[], maxLength: number): GymError {
  const { origin } = sides[0]!;
  const needed = Math.max(...sides.map(({ ids }) => ids.length));
  return new GymError(
    "LIMIT_EXCEEDED",
    `Cannot encode ${origin}: wanted the prompt with each answer in ${maxLength} tokens (maxLength): received ` +
      `${needed}; tooLong may be "skip" or "truncate"`,
    { origin, needed, maxLength },
  );
}
