/**
 * A whole run planned before it starts: which sequences meet in which optimiser step. So the number of steps is exact,
 * a learning-rate schedule ends with the run, and going on from step k needs nothing but k.
 */
import { type Prng, seeded } from "../../../core/prng.ts";
import { competence, type CurriculumOptions, difficulties, easiest } from "./curriculum.ts";
import { bucketByLength, packFirstFit, piecesOf, shuffled } from "./pack.ts";
import { type RowFeatures, type Sequence, trainedTokens, weightOf } from "./sequence.ts";

/** What stays together: a sequence, or several that one loss compares. */
export interface PlannedItem {
  /** Tokens of its longest row. */
  readonly length: number;
  /** Tokens of all its rows. */
  readonly tokens: number;
  /** Tokens with a weight. */
  readonly trained: number;
  /** What it adds to the weight of its step. */
  readonly weight: number;
  /** What a curriculum orders by. */
  readonly features: RowFeatures;
}

/** What {@linkcode planRun} takes beside the sequences. */
export interface PlanOptions {
  /** Passes over the data, at least 1. */
  readonly epochs: number;
  /** Rows of a micro-batch, at least 1. */
  readonly batchSize: number;
  /** Micro-batches of an optimiser step, at least 1. @default 1 */
  readonly accumulation?: number | undefined;
  /** Most tokens of a row. */
  readonly maxLength: number;
  /** Whether short sequences share a row. @default false */
  readonly packing?: boolean | undefined;
  /** Decides every order. */
  readonly seed: number | bigint;
  /** Whether to shuffle; false keeps the order of the data, for evaluation. @default true */
  readonly shuffle?: boolean | undefined;
  /** From easy to hard; null takes all data in every epoch. @default null */
  readonly curriculum?: CurriculumOptions | null | undefined;
  /** Rows are padded to a multiple of this, though not beyond `maxLength`. @default 8 */
  readonly multipleOf?: number | undefined;
}

/** What is computed at once. */
export interface MicroBatch {
  /** Rows of indices into the sequences; more than one index in a row only with packing. */
  readonly rows: readonly (readonly number[])[];
  /** Tokens of a row after padding. */
  readonly length: number;
}

/** One update of the parameters. */
export interface PlannedStep {
  /** Epoch it belongs to, from 0. */
  readonly epoch: number;
  /** 1 to `accumulation`; fewer only in the last step of an epoch. */
  readonly microBatches: readonly MicroBatch[];
  /** Sum of loss weights over all micro-batches: what the summed loss is divided by. */
  readonly totalWeight: number;
  /** Tokens, padding left out. */
  readonly tokens: number;
  /** Tokens with a weight. */
  readonly trainedTokens: number;
}

/** One pass. */
export interface PlannedEpoch {
  /** From 0. */
  readonly epoch: number;
  /** Sequences it draws from. */
  readonly sequences: number;
  /** Index of its first step. */
  readonly firstStep: number;
  /** Its optimiser steps. */
  readonly steps: number;
}

/** A whole run. */
export interface Plan {
  /** Every optimiser step, in order. */
  readonly steps: readonly PlannedStep[];
  /** Every epoch, in order. */
  readonly epochs: readonly PlannedEpoch[];
}

const WINDOW = 64; // batches that are sorted by length together: little padding, yet another mix each epoch
const PACK_WINDOW = 4096; // sequences that are packed together, for the same reason

/**
 * Plans a run. Every epoch holds each sequence it draws from exactly once; what is left at its end makes a smaller last
 * step, so nothing is carried into the next epoch. Same sequences and options, same plan.
 *
 * @throws {RangeError} If there is no sequence, one is longer than `maxLength` or trains nothing, or a count is below 1.
 */
export function planRun(sequences: readonly Sequence[], options: PlanOptions): Plan {
  return planItems(sequences.map(itemOf), options);
}

/** The same for items of several rows: a micro-batch has `batchSize` items, and names them where it names sequences. */
export function planItems(sizes: readonly PlannedItem[], options: PlanOptions): Plan {
  const { epochs, seed, curriculum = null } = options;
  check(sizes, options);
  const prng = seeded(seed);
  const difficulty = curriculum === null
    ? null
    : difficulties(sizes.map(({ features }) => features), curriculum.weights);
  const steps: PlannedStep[] = [];
  const planned: PlannedEpoch[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const drawn = difficulty === null || curriculum === null
      ? sizes.map((_, at) => at)
      : easiest(difficulty, competence(epoch, curriculum));
    const firstStep = steps.length;
    // A stream of its own for each epoch: a later epoch does not depend on how many numbers an earlier one drew.
    const micro = microBatches(drawn, sizes, options, prng.fork(epoch));
    for (const microBatches of piecesOf(micro, options.accumulation ?? 1)) {
      steps.push(stepOf(epoch, microBatches, sizes));
    }
    planned.push({ epoch, sequences: drawn.length, firstStep, steps: steps.length - firstStep });
  }
  return { steps, epochs: planned };
}

function itemOf(sequence: Sequence): PlannedItem {
  const { ids: { length }, features } = sequence;
  return { length, tokens: length, trained: trainedTokens(sequence), weight: weightOf(sequence), features };
}

function check(sizes: readonly PlannedItem[], options: PlanOptions): void {
  const refuse = (wanted: string, received: unknown): never => {
    throw new RangeError(`Cannot plan a run: wanted ${wanted}: received ${received}`);
  };
  if (sizes.length === 0) refuse("at least one sequence", "none");
  for (const name of ["epochs", "batchSize", "accumulation", "maxLength", "multipleOf"] as const) {
    const value = options[name] ?? 1;
    if (!Number.isInteger(value) || value < 1) refuse(`${name} of at least 1`, value);
  }
  for (const [at, { length, trained }] of sizes.entries()) {
    if (length > options.maxLength) refuse(`at most ${options.maxLength} tokens in sequence ${at}`, length);
    if (trained === 0) refuse(`a trained token in sequence ${at}`, "none");
  }
}

function microBatches(
  drawn: readonly number[],
  sizes: readonly PlannedItem[],
  { batchSize, maxLength, packing = false, shuffle = true, multipleOf = 8 }: PlanOptions,
  prng: Prng,
): MicroBatch[] {
  const lengths = sizes.map((size) => size.length);
  const order = shuffle ? shuffled(drawn, prng) : drawn;
  const mixed = <T>(items: readonly T[]): readonly T[] => shuffle ? shuffled(items, prng) : items;
  const batches: readonly (readonly number[])[][] = packing
    ? piecesOf(mixed(packed(order, lengths, maxLength)), batchSize)
    : mixed(bucketed(order, lengths, batchSize, shuffle)).map((batch) => batch.map((index) => [index]));
  return batches.map((rows) => {
    const longest = Math.max(...rows.map((row) => row.reduce((sum, index) => sum + lengths[index]!, 0)));
    return { rows, length: Math.min(Math.ceil(longest / multipleOf) * multipleOf, maxLength) };
  });
}

function packed(order: readonly number[], lengths: readonly number[], capacity: number): number[][] {
  return piecesOf(order, PACK_WINDOW).flatMap((piece) =>
    packFirstFit(piece.map((index) => lengths[index]!), capacity).map((row) => row.map((at) => piece[at]!))
  );
}

function bucketed(
  order: readonly number[],
  lengths: readonly number[],
  batchSize: number,
  sort: boolean,
): number[][] {
  return sort
    ? bucketByLength(order, lengths, { batchSize, window: WINDOW * batchSize })
    : piecesOf(order, batchSize);
}

function stepOf(
  epoch: number,
  microBatches: readonly MicroBatch[],
  sizes: readonly PlannedItem[],
): PlannedStep {
  let [totalWeight, tokens, trained] = [0, 0, 0];
  for (const index of microBatches.flatMap(({ rows }) => rows.flat())) {
    const size = sizes[index]!;
    totalWeight += size.weight;
    tokens += size.tokens;
    trained += size.trained;
  }
  return { epoch, microBatches, totalWeight, tokens, trainedTokens: trained };
}
