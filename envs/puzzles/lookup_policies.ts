/**
 * Two ends of a scale for `knowlyr/lookup-v1`: one policy that reads the context, one that guesses.
 *
 * @module
 */
import { z } from "zod";
import type { Contribution } from "../../core/kind.ts";
import { type Policy, policy } from "../../core/policy.ts";
import { below } from "../../core/prng.ts";
import { noOptions } from "../../core/schema.ts";
import { linesOf, saying } from "./acting.ts";

/** Options of {@linkcode lookupSolver}. */
export interface LookupSolverOptions {
  /** Whether answers repeat their key: `b7` instead of `7`. @default false */
  readonly echo?: boolean | undefined;
}

/** Reads the pairs and the question from what it is shown, and answers right. */
export const lookupSolver: Contribution<Policy, LookupSolverOptions> = policy("knowlyr/lookup-solver-v1", {
  description: "Solves knowlyr/lookup-v1 by reading the context",
  options: z.strictObject({ echo: z.boolean().default(false).describe("Whether answers repeat their key") }),
  create: ({ echo }): Policy => ({
    name: "lookup-solver",
    model: null,
    act: (view) => {
      const key = keyOf(view.observation);
      const value = pairsOf(view.resetObservation).get(key) ?? "?";
      return saying(view, "answer", echo ? `${key}${value}` : value);
    },
  }),
});

/** Answers with one of the values it is shown, at random. */
export const lookupGuesser: Contribution<Policy, Record<string, never>> = policy(
  "knowlyr/lookup-guesser-v1",
  {
    description: "Answers knowlyr/lookup-v1 with a random value of the context",
    options: noOptions,
    create: (): Policy => ({
      name: "lookup-guesser",
      model: null,
      act: (view) => {
        const values = [...pairsOf(view.resetObservation).values()];
        return saying(view, "answer", values[below(view.prng, values.length)] ?? "?");
      },
    }),
  },
);

/** The key that a question asks for: the last word before the frame. */
function keyOf(observation: string): string {
  const asked = /what is the value of (\S+)\?/.exec(observation);
  return asked?.[1] ?? linesOf(observation).at(-1)?.split(" ").at(-1) ?? "";
}

function pairsOf(context: string): ReadonlyMap<string, string> {
  const readable = /^Values by key: (.*)$/m.exec(context)?.[1];
  if (readable !== undefined) {
    return new Map(readable.split(", ").map((pair) => pair.split(" ") as [string, string]));
  }
  const packed = linesOf(context)[0]?.split(" ")[0] ?? "";
  // Keys are one character, and all values have the same length.
  const values = VALUE_LENGTHS.find((length) => isRegular([...packed], length + 1)) ?? 1;
  const all = [...packed];
  const pairs = new Map<string, string>();
  for (let at = 0; at < all.length; at += values + 1) {
    pairs.set(all[at]!, all.slice(at + 1, at + 1 + values).join(""));
  }
  return pairs;
}

const VALUE_LENGTHS = [1, 2] as const;

/** Whether no character at the start of a period stands elsewhere. */
function isRegular(all: readonly string[], period: number): boolean {
  if (all.length % period !== 0) return false;
  const keys = new Set(all.filter((_, at) => at % period === 0));
  return keys.size === all.length / period && !all.some((one, at) => at % period !== 0 && keys.has(one));
}
