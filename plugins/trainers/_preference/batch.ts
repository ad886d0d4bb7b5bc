/**
 * Items as the inputs of the graph.
 *
 * @module
 */
import type { Feed } from "../../onnx/session.ts";
import { batchOf, type MicroBatch, packFirstFit, type Sequence, trainedTokens } from "../_data/mod.ts";
import { inChunks, scoringFeeds } from "../_feeds.ts";

/** A batch of items beside their answers. */
export interface ItemBatch {
  /** Answers of an item. */
  readonly sides: number;
  /** Items, in order. */
  readonly items: readonly number[];
  /** All answers: side s of item i is i · sides + s. */
  readonly sequences: readonly Sequence[];
  /** Log-probability of each answer under the reference. */
  readonly reference: ArrayLike<number>;
  /** What each item adds to the loss. */
  readonly weights: readonly number[];
  /** For `kto`: which items are wanted, and how far the policy is from the reference. */
  readonly judged: { readonly good: readonly boolean[]; readonly shift: number } | null;
}

/** Indices of the answers of a batch: all chosen ones, then all rejected ones. */
export function answersOf({ sides, items }: Pick<ItemBatch, "sides" | "items">): readonly number[] {
  return Array.from({ length: sides }, (_, side) => items.map((item) => item * sides + side)).flat();
}

/** What the objective reads beside the log-probabilities of the answers. */
export function objectiveFeeds(batch: ItemBatch): Record<string, Feed> {
  const answers = answersOf(batch);
  const shape = [batch.sides, batch.items.length];
  const each = (value: (index: number) => number): Feed => ({
    data: Float32Array.from(answers, value),
    shape,
  });
  const numbers = (data: readonly number[]): Feed => ({
    data: Float32Array.from(data),
    shape: [data.length],
  });
  const { judged } = batch;
  return {
    reference: each((index) => batch.reference[index]!),
    lengths: each((index) => trainedTokens(batch.sequences[index]!)),
    item_weights: numbers(batch.weights),
    ...judged === null ? {} : {
      signs: numbers(judged.good.map((good) => good ? 1 : -1)),
      shift: { data: Float32Array.of(judged.shift), shape: [] },
    },
  };
}

/** How a batch is laid out. */
export interface LayoutOptions {
  readonly padId: number;
  /** Whether short answers share a row. */
  readonly packing: boolean;
  /** As the graph was built. */
  readonly headChunk: number | undefined;
}

const BY_TARGET = ["rows", "targets", "token_weights", "owners"] as const;

/** Inputs of the training graph, but for those of {@linkcode objectiveFeeds}. @param length Tokens of a row. */
export function answerFeeds(
  batch: ItemBatch,
  length: number,
  { padId, packing, headChunk }: LayoutOptions,
): Record<string, Feed> {
  const answers = answersOf(batch);
  const rows = packing
    ? packFirstFit(answers.map((index) => batch.sequences[index]!.ids.length), length)
      .map((row) => row.map((at) => answers[at]!))
    : answers.map((index) => [index]);
  const laidOut = batchOf(batch.sequences, { rows, length }, { padId });
  const place = new Map(answers.map((index, at) => [index, at]));
  const owners = ownersOf(batch.sequences, { rows }).map((index) => BigInt(place.get(index)!));
  const feeds = {
    ...scoringFeeds(laidOut, packing),
    token_weights: { data: laidOut.weights, shape: [laidOut.weights.length] },
    owners: { data: BigInt64Array.from(owners), shape: [owners.length] },
  };
  return headChunk === undefined ? feeds : inChunks(feeds, headChunk, BY_TARGET);
}

/** The sequence that each target of a batch belongs to. */
export function ownersOf(
  sequences: readonly Sequence[],
  { rows }: Pick<MicroBatch, "rows">,
): readonly number[] {
  return rows.flat().flatMap((index) => new Array<number>(trainedTokens(sequences[index]!)).fill(index));
}
