/** Natural order of names: `step-2` before `step-10`. @module */

const collator = new Intl.Collator("en", { numeric: true });

/** Compares names the way people count; names that only look alike go by code units, so the order is total. */
export function naturalOrder(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}
