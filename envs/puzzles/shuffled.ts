import { below, type Prng } from "../../core/prng.ts";

/** A copy in random order (Fisher and Yates). */
export function shuffled<T>(items: readonly T[], prng: Prng): T[] {
  const order = [...items];
  for (let at = order.length - 1; at > 0; at--) {
    const other = below(prng, at + 1);
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  return order;
}
