/**
 * Which prompts are computed together, and in which parts.
 *
 * Padding changes how sums round, so it must follow from a request alone: prompts share a run only when the numbers of
 * their tokens that are new call for the same parts.
 *
 * @module
 */
import type { Parameters } from "./lane.ts";
import type { Sequence } from "./sequence.ts";

/** A prompt to compute. */
export interface PromptMember {
  readonly sequence: Sequence;
  /** Tokens that its state covers. */
  readonly covered: number;
}

/** Prompts that are computed together. */
export interface PromptGroup {
  /** Tokens of each run, one after the other. */
  readonly chunks: readonly number[];
  /** Whether nothing of them is covered. */
  readonly fresh: boolean;
  readonly members: readonly PromptMember[];
  /** Sequences with the very prompt of a member, by its index: it is computed once. */
  readonly copies: readonly { readonly sequence: Sequence; readonly of: number }[];
}

/** Fewest tokens of a prompt that are computed at once. */
const LEAST_CHUNK = 16;

/** Divides prompts. @param promptChunk Most tokens at once. */
export function promptGroups(
  sequences: readonly Sequence[],
  parameters: Parameters,
  promptChunk: number,
): readonly PromptGroup[] {
  const planned = sequences.map((sequence) => {
    const { promptIds, state } = sequence.request;
    const covered = state?.covered(promptIds, parameters) ?? 0;
    return { sequence, covered, chunks: chunksOf(promptIds.length - covered, promptChunk) };
  });
  const groups = Map.groupBy(planned, ({ covered, chunks }) => `${covered === 0} ${chunks}`);
  return [...groups.values()].map((alike) => {
    const [{ chunks, covered }] = alike as [typeof alike[number]]; // sound: groups are not empty
    return { chunks, fresh: covered === 0, ...withoutRepeats(alike) };
  });
}

/** Two requests for one prompt, without states, get the same keys and values. */
function withoutRepeats(alike: readonly PromptMember[]): Pick<PromptGroup, "members" | "copies"> {
  const members: PromptMember[] = [];
  const copies: { sequence: Sequence; of: number }[] = [];
  const places = new Map<string, number>();
  for (const { sequence, covered } of alike) {
    const name = covered > 0 ? null : sequence.request.promptIds.join();
    const of = name === null ? undefined : places.get(name);
    if (of !== undefined) copies.push({ sequence, of });
    else {
      if (name !== null) places.set(name, members.length);
      members.push({ sequence, covered });
    }
  }
  return { members, copies };
}

/** Tokens of each run: whole chunks, then the least power of two that holds the rest. */
function chunksOf(count: number, promptChunk: number): readonly number[] {
  const rest = count % promptChunk;
  const chunks = Array<number>(Math.floor(count / promptChunk)).fill(promptChunk);
  if (rest === 0) return chunks;
  const least = 2 ** Math.ceil(Math.log2(Math.max(rest, LEAST_CHUNK)));
  return [...chunks, Math.min(least, promptChunk)];
}
