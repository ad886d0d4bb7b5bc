/** Ranks of a sample, ties sharing the mean of their ranks. */
export interface Ranks {
  /** Rank of each value, from 1, in the order of the values; a half where ties share. */
  readonly ranks: readonly number[];
  /** Σ (t³ − t) over groups of t equal values: 0 without ties. */
  readonly ties: number;
}

/** Ranks values; equal numbers tie. */
export function rank(values: readonly number[]): Ranks {
  const order = values.map((_, i) => i).sort((i, j) => values[i]! - values[j]!);
  const ranks = new Array<number>(values.length);
  let ties = 0;
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let i = start; i < end; i++) ranks[order[i]!] = (start + 1 + end) / 2;
    const t = end - start;
    ties += t ** 3 - t;
  }
  return { ranks, ties };
}
