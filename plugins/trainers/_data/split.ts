/** Data set apart for evaluation. */
import { createHash } from "node:crypto";

/** What {@linkcode splitByGroup} takes beside the items. */
export interface SplitOptions {
  /** Share to set apart, above 0 and below 1. */
  readonly share: number;
  /** Another seed sets other groups apart. @default "" */
  readonly seed?: string | number | bigint | undefined;
}

/** Both sides, each in the order of the items. */
export interface Split<T> {
  /** To train on. */
  readonly train: readonly T[];
  /** Set apart. */
  readonly evaluation: readonly T[];
}

/**
 * Sets whole groups apart: a group goes where a hash of its name falls, whatever else is in the data, so a task seen in
 * training is never evaluated on and a grown data set keeps its split. The share is met on average; when one side would
 * be empty and there are two groups, the group nearest to it goes there. One group alone is trained on.
 *
 * @throws {RangeError} If `share` is not between 0 and 1.
 */
export function splitByGroup<T extends { readonly group: string }>(
  items: readonly T[],
  { share, seed = "" }: SplitOptions,
): Split<T> {
  if (!(share > 0 && share < 1)) {
    throw new RangeError(`Cannot split data: wanted a share between 0 and 1: received ${share}`);
  }
  const places = new Map<string, number>();
  for (const { group } of items) if (!places.has(group)) places.set(group, placeOf(group, seed));
  const sorted = [...places.values()].sort((a, b) => a - b);
  // Between the first and the last place, so that both sides have a group.
  const border = sorted.length < 2 ? 0 : Math.min(Math.max(share, above(sorted[0]!)), sorted.at(-1)!);
  const apart = (item: T) => places.get(item.group)! < border;
  return { train: items.filter((item) => !apart(item)), evaluation: items.filter(apart) };
}

/** Uniform in [0, 1). */
function placeOf(group: string, seed: string | number | bigint): number {
  return createHash("sha256").update(`${seed}\0${group}`).digest().readUIntBE(0, 6) / 2 ** 48;
}

/** A little more, less than the grain of places. */
function above(place: number): number {
  return place + 2 ** -49;
}
