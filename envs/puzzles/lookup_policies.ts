/**
 * Two ends of a scale for `knowlyr/lookup-v1`: one policy that reads the context, one that guesses.
 *
 * @module
 */
import { z } from "zod";
import type { Contribution } from "../../core/kind.ts";
import { type Policy, policy } from "../../core/policy.ts";
import { below } from "../../core/prng.ts";
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
      const values = pairsOf(view.resetObservation);
      const answers = keysOf(view.observation).map((key) => `${echo ? key : ""}${values.get(key) ?? "?"}`);
      return saying(view, "answer", answers.join(""));
    },
  }),
});

/** Options of {@linkcode lookupGuesser}. */
export interface LookupGuesserOptions {
  /** Names a value at random, or always the first one, as a careless agent would. @default "random" */
  readonly pick?: "random" | "first" | undefined;
}

/** Answers with one of the values it is shown, whatever was asked. */
export const lookupGuesser: Contribution<Policy, LookupGuesserOptions> = policy(
  "knowlyr/lookup-guesser-v1",
  {
    description: "Answers knowlyr/lookup-v1 with a value of the context, whatever was asked",
    options: z.strictObject({
      pick: z.enum(["random", "first"]).default("random").describe(
        "Names a value at random, or the first one",
      ),
    }),
    create: ({ pick }): Policy => ({
      name: "lookup-guesser",
      model: null,
      act: (view) => {
        const values = [...pairsOf(view.resetObservation).values()];
        const place = () => pick === "first" ? 0 : below(view.prng, values.length);
        const guesses = keysOf(view.observation).map(() => values[place()] ?? "?");
        return saying(view, "answer", guesses.join(""));
      },
    }),
  },
);

/** The keys that are asked for. */
function keysOf(observation: string): readonly string[] {
  const one = /what is the value of (\S+)\?/.exec(observation)?.[1];
  if (one !== undefined) return [one];
  const many = /what are the values of (.+), in a row\?/.exec(observation)?.[1];
  return many?.split(" ") ?? [...linesOf(observation).at(-1)?.split(" ").at(-1) ?? ""];
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

/** Whether what stands at the start of each period stands nowhere else, and is all letters or has none. */
function isRegular(all: readonly string[], period: number): boolean {
  if (all.length % period !== 0) return false;
  const starts = all.filter((_, at) => at % period === 0);
  const keys = new Set(starts);
  const letters = starts.filter((key) => /\p{L}/u.test(key)).length;
  return keys.size === starts.length && (letters === 0 || letters === starts.length) &&
    !all.some((one, at) => at % period !== 0 && keys.has(one));
}
