/** Which sequences share a row of a batch, and which rows share a batch. */
import { below, type Prng } from "../../../core/prng.ts";

/** A shuffled copy: Fisher and Yates. */
export function shuffled<T>(items: readonly T[], prng: Prng): T[] {
  const order = [...items];
  for (let at = order.length - 1; at > 0; at--) {
    const other = below(prng, at + 1);
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  return order;
}

/**
 * Packs by first-fit decreasing: the longest first, each into the first row that has room. At most 11/9 of the best
 * possible number of rows and one more (Dósa 2007). O(n log n).
 *
 * @param lengths Length of each item, 1 to `capacity`.
 * @returns Rows of item indices; each index once, lengths in a row add up to `capacity` at most.
 * @throws {RangeError} If an item is longer than `capacity`.
 */
export function packFirstFit(lengths: readonly number[], capacity: number): number[][] {
  const long = lengths.find((length) => !(length <= capacity));
  if (long !== undefined) {
    throw new RangeError(`Cannot pack a sequence: wanted at most ${capacity} tokens: received ${long}`);
  }
  const order = lengths.map((_, at) => at).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const room = new RoomTree(lengths.length, capacity);
  const rows: number[][] = [];
  for (const item of order) {
    const row = room.take(lengths[item]!);
    if (row === rows.length) rows.push([item]);
    else rows[row]!.push(item);
  }
  return rows;
}

/** Finds the first row with enough room in O(log n): each node knows the most room of any row below it. */
class RoomTree {
  readonly #room: Float64Array;
  readonly #leaves: number;

  constructor(rows: number, capacity: number) {
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.max(1, rows)));
    this.#room = new Float64Array(2 * this.#leaves).fill(capacity);
  }

  /** Takes room in the first row that has it and returns the row. There is always an empty row left. */
  take(length: number): number {
    let node = 1;
    while (node < this.#leaves) node = this.#room[2 * node]! >= length ? 2 * node : 2 * node + 1;
    const row = node - this.#leaves;
    this.#room[node]! -= length;
    for (node >>= 1; node >= 1; node >>= 1) {
      this.#room[node] = Math.max(this.#room[2 * node]!, this.#room[2 * node + 1]!);
    }
    return row;
  }
}

/** Cuts a list into pieces of `size`; the last may be shorter. */
export function piecesOf<T>(items: readonly T[], size: number): T[][] {
  const pieces: T[][] = [];
  for (let at = 0; at < items.length; at += size) pieces.push(items.slice(at, at + size));
  return pieces;
}

/**
 * Batches of like lengths, so that little is padding: the given order is cut into windows, each sorted by length and
 * cut into batches.
 *
 * @param order Item indices in random order.
 * @param lengths Length of each item by index.
 */
export function bucketByLength(
  order: readonly number[],
  lengths: readonly number[],
  { batchSize, window }: { readonly batchSize: number; readonly window: number },
): number[][] {
  return piecesOf(order, window).flatMap((piece) =>
    piecesOf(piece.sort((a, b) => lengths[a]! - lengths[b]!), batchSize)
  );
}
