/** Preference pairs inside one task: which two episodes are compared, and which pairs are refused. */
import { z } from "zod";

/** How pairs are chosen from episodes sorted by reward, best first. */
export const STRATEGIES = ["outside_in", "best_vs_rest", "all_pairs", "adjacent"] as const;

/** One of {@linkcode STRATEGIES}. */
export type PairStrategy = (typeof STRATEGIES)[number];

/** Options of exporters of pairs. */
export interface PairOptions {
  /**
   * `outside_in`: best with worst, second with second worst …, each episode at most once. `best_vs_rest`: best with each other.
   * `all_pairs`: everyone with everyone below. `adjacent`: neighbours.
   *
   * @default "outside_in"
   */
  readonly strategy?: PairStrategy | undefined;
  /** Least difference of rewards; the chosen reward is greater even at 0. @default 0.05 */
  readonly minMargin?: number | undefined;
}

/** Fields of the schema of {@linkcode PairOptions}. */
export const pairFields = {
  strategy: z.enum(STRATEGIES).default("outside_in").describe("Which episodes of a task are compared"),
  minMargin: z.number().min(0).default(0.05).describe("Least difference of rewards"),
};

/** What of an episode decides over its pairs. */
export interface Candidate {
  readonly reward: number;
  readonly success: boolean | null;
}

/** A chosen and a rejected episode. */
export interface Pair<C> {
  readonly chosen: C;
  readonly rejected: C;
  /** Chosen reward less rejected reward, to 12 digits. */
  readonly margin: number;
}

/** Rewards closer than this are the same: 0.15 − 0.1 is a margin of 0.05. */
const EPSILON = 1e-9;

/**
 * Pairs of one task. Refused are margins under `minMargin`, and a failure chosen over a success. Of episodes with the
 * same content only the first takes part: the pair would say that a text is better than itself.
 *
 * @param contentOf Text of an episode; equal texts are the same episode.
 * @param skip Counts episodes that are in no pair, with the reason that held last.
 */
export function pairsOf<C extends Candidate>(
  group: readonly C[],
  { strategy, minMargin }: { readonly strategy: PairStrategy; readonly minMargin: number },
  contentOf: (candidate: C) => string,
  skip: (reason: string, count?: number) => void,
): readonly Pair<C>[] {
  if (group.length === 1) {
    skip("only one episode of its task");
    return [];
  }
  const sorted = unique(group, contentOf).sort((a, b) => b.reward - a.reward);
  skip("duplicate of another episode", group.length - sorted.length);
  const reasons = new Map<C, string>();
  const paired = new Set<C>();
  const pairs: Pair<C>[] = [];
  for (const [first, second] of STRATEGY_INDICES[strategy](sorted.length)) {
    const chosen = sorted[first]!, rejected = sorted[second]!;
    const margin = chosen.reward - rejected.reward;
    const refusal = refusalOf(chosen, rejected, margin, minMargin);
    for (const candidate of [chosen, rejected]) {
      if (refusal === null) paired.add(candidate);
      else reasons.set(candidate, refusal);
    }
    if (refusal === null) pairs.push({ chosen, rejected, margin: Number(margin.toPrecision(12)) });
  }
  for (const candidate of sorted) {
    if (!paired.has(candidate)) skip(reasons.get(candidate) ?? "no partner left");
  }
  return pairs;
}

function refusalOf(chosen: Candidate, rejected: Candidate, margin: number, minMargin: number): string | null {
  if (margin <= EPSILON || margin < minMargin - EPSILON) return "margin too small";
  if (chosen.success === false && rejected.success === true) return "reward contradicts outcome";
  return null;
}

function unique<C>(group: readonly C[], contentOf: (candidate: C) => string): C[] {
  const byContent = new Map<string, C>();
  for (const candidate of group) {
    const content = contentOf(candidate);
    if (!byContent.has(content)) byContent.set(content, candidate);
  }
  return [...byContent.values()];
}

type Indices = Iterable<readonly [number, number]>;

const STRATEGY_INDICES: Readonly<Record<PairStrategy, (count: number) => Indices>> = {
  *outside_in(count) {
    for (let i = 0; i < count - 1 - i; i++) yield [i, count - 1 - i];
  },
  *best_vs_rest(count) {
    for (let i = 1; i < count; i++) yield [0, i];
  },
  *all_pairs(count) {
    for (let i = 0; i < count; i++) for (let j = i + 1; j < count; j++) yield [i, j];
  },
  *adjacent(count) {
    for (let i = 1; i < count; i++) yield [i - 1, i];
  },
};
