/** How often each sum occurs: index is twice the rank sum, which is whole even where ties share half ranks. */
export type SumCounts = Float64Array;

/** Counts the sums of all 2ⁿ subsets of ranks, exact up to 53 ranks. */
export function subsetSums(ranks: readonly number[]): SumCounts {
  const counts = new Float64Array(Math.round(2 * ranks.reduce((sum, r) => sum + r, 0)) + 1);
  counts[0] = 1;
  let top = 0;
  for (const r of ranks) {
    const step = 2 * r;
    for (let s = top; s >= 0; s--) counts[s + step]! += counts[s]!;
    top += step;
  }
  return counts;
}

/** Counts the sums of all subsets of `size` ranks, exact while there are fewer than 2⁵³ subsets. */
export function sumsOfSize(ranks: readonly number[], size: number): SumCounts {
  const total = Math.round(2 * ranks.reduce((sum, r) => sum + r, 0));
  const bySize = Array.from({ length: size + 1 }, () => new Float64Array(total + 1));
  bySize[0]![0] = 1;
  let top = 0;
  for (const [index, r] of ranks.entries()) {
    const step = 2 * r;
    for (let k = Math.min(index + 1, size); k >= 1; k--) {
      const [from, to] = [bySize[k - 1]!, bySize[k]!];
      for (let s = top; s >= 0; s--) to[s + step]! += from[s]!;
    }
    top += step;
  }
  return bySize[size]!;
}

/** The probabilities of a sum of at most, and of at least, `sum`. */
export function tailsOf(counts: SumCounts, sum: number): [below: number, above: number] {
  const at = Math.round(2 * sum);
  let [all, below, above] = [0, 0, 0];
  for (const [s, count] of counts.entries()) {
    all += count;
    if (s <= at) below += count;
    if (s >= at) above += count;
  }
  return [below / all, above / all];
}

/** The smallest two-sided p that counts allow: twice the rarer end, at most 1. */
export function smallestOf(counts: SumCounts): number {
  const first = counts.findIndex((count) => count > 0);
  const last = counts.findLastIndex((count) => count > 0);
  const ends = Math.min(tailsOf(counts, first / 2)[0], tailsOf(counts, last / 2)[1]);
  return Math.min(1, 2 * ends);
}
