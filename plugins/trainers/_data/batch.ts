/** One micro-batch as the tensors that a training graph takes. */
import type { MicroBatch } from "./plan.ts";
import type { Sequence } from "./sequence.ts";

/** Tensors of a micro-batch of B rows, each T tokens long after padding on the right. */
export interface Batch {
  /** B. */
  readonly batch: number;
  /** T. */
  readonly length: number;
  /** Token ids, `[B, T]`. */
  readonly ids: BigInt64Array;
  /** Position of each token in its sequence, `[B, T]`; it restarts with each packed sequence and is 0 for padding. */
  readonly positions: BigInt64Array;
  /**
   * Which sequence of its row a token belongs to, `[B, T]`: 1, 2, …, and 0 for padding. A token may attend to earlier
   * tokens of its own segment only. Null when no row holds two sequences: the causal mask is enough.
   */
  readonly segments: BigInt64Array | null;
  /** Flat indices `b * T + t`, ascending, of the tokens whose *next* token is trained, `[N]`, N ≥ 1. */
  readonly rows: BigInt64Array;
  /** The next token of each, `[N]`. */
  readonly targets: BigInt64Array;
  /** Its loss weight, above 0, `[N]`. */
  readonly weights: Float32Array;
}

/** What {@linkcode batchOf} takes beside the sequences. */
export interface BatchOptions {
  /** Id to fill up with; masked by position, never by value, so it may be the end token as well. */
  readonly padId: number;
}

/** Lays the sequences of a planned micro-batch out. @throws {RangeError} If nothing in it is trained. */
export function batchOf(
  sequences: readonly Pick<Sequence, "ids" | "weights">[],
  micro: MicroBatch,
  { padId }: BatchOptions,
): Batch {
  const { rows: layout, length } = micro;
  const cells = layout.length * length;
  const ids = new BigInt64Array(cells).fill(BigInt(padId));
  const positions = new BigInt64Array(cells);
  const segments = layout.some((row) => row.length > 1) ? new BigInt64Array(cells) : null;
  const [rows, targets, weights]: [bigint[], bigint[], number[]] = [[], [], []];
  for (const [b, row] of layout.entries()) {
    let start = b * length;
    for (const [order, index] of row.entries()) {
      const sequence = sequences[index]!;
      for (let t = 0; t < sequence.ids.length; t++) {
        const id = BigInt(sequence.ids[t]!);
        ids[start + t] = id;
        positions[start + t] = BigInt(t);
        if (segments !== null) segments[start + t] = BigInt(order + 1);
        const weight = sequence.weights[t]!;
        if (t === 0 || weight === 0) continue; // a first token has no context in its own segment
        rows.push(BigInt(start + t - 1));
        targets.push(id);
        weights.push(weight);
      }
      start += sequence.ids.length;
    }
  }
  if (rows.length === 0) {
    throw new RangeError(
      "Cannot make a batch: wanted at least one trained token: received sequences without any",
    );
  }
  return {
    batch: layout.length,
    length,
    ids,
    positions,
    segments,
    rows: BigInt64Array.from(rows),
    targets: BigInt64Array.from(targets),
    weights: Float32Array.from(weights),
  };
}
