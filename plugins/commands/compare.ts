/**
 * `compare`: whether a policy is better than another, or whether that may be chance.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { z } from "zod";
import type { Command, CommandContext, CommandResult } from "../../core/command.ts";
import { GymError } from "../../core/errors.ts";
import type { Contribution } from "../../core/kind.ts";
import { seeded } from "../../core/prng.ts";
import type { Json } from "../../core/schema.ts";
import { compareResults } from "./_evaluation/comparison.ts";
import { type Episode, episodeOf } from "./_evaluation/episode.ts";
import { measureOf, type Result } from "./_evaluation/pairing.ts";
import { formatField, trajectoriesOf } from "./_input.ts";
import { verb } from "./_verb.ts";

const input = z.strictObject({
  results: z.array(z.string()).min(2).describe(
    "Folders of evaluate or files of trajectories; every later one is compared with the first",
  ),
  measure: z.enum(["success", "reward", "steps"]).optional().describe(
    "What is compared; success when any is known, else reward",
  ),
  by: z.enum(["episode", "task"]).default("episode").describe(
    "What a pair is: an episode (which is better on these tasks) or a task (on tasks like these)",
  ),
  alpha: z.number().gt(0).lt(1).default(0.05).describe("Chance of a false alarm that is accepted"),
  seed: z.int().min(0).default(0).describe("Randomness of intervals and of large permutation tests"),
  format: formatField,
});

type Given = z.output<typeof input>;

async function run(given: Given, context: CommandContext): Promise<CommandResult> {
  checkEachOnce(given.results, context.cwd);
  const results: Result[] = [];
  for (const name of given.results) results.push(await resultOf(name, given.format, context));
  const named = withNames(results);
  const measure = given.measure ?? measureOf(named);
  const comparisons = compareResults(named, { ...given, measure, prng: seeded(given.seed) });
  const text = comparisons.map(({ comparison, notes }) => [comparison.sentence, ...notes].join("\n"));
  const data = {
    baseline: named[0]!.name,
    measure,
    comparisons: comparisons.map(({ comparison }) => comparison),
  };
  return { data: data as unknown as Json, text: text.join("\n\n") };
}

/** A result beside itself differs in nothing, and would be said to be as good. */
function checkEachOnce(names: readonly string[], cwd: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    const path = name === "-" ? name : resolve(cwd, name);
    if (seen.has(path)) {
      throw new GymError(
        "INVALID_OPTIONS",
        `Cannot run "compare": RESULTS: wanted each result once: received ${JSON.stringify(name)} twice`,
        { command: "compare", result: name },
      );
    }
    seen.add(path);
  }
}

async function resultOf(name: string, format: string | undefined, context: CommandContext): Promise<Result> {
  const own = join(name, "trajectories.jsonl");
  const isFolder = name !== "-" &&
    await Deno.stat(resolve(context.cwd, own)).then((found) => found.isFile, () => false);
  const episodes: Episode[] = [];
  for await (const trajectory of trajectoriesOf([isFolder ? own : name], context, { format })) {
    episodes.push(episodeOf(trajectory));
  }
  if (episodes.length === 0) {
    throw new GymError("INVALID_DATA", `Cannot compare ${name}: wanted at least one episode: received none`, {
      input: name,
    });
  }
  return { name, input: name, episodes };
}

/** Agents' names where they tell the results apart, else the inputs as they were typed. */
function withNames(results: readonly Result[]): Result[] {
  const agents = results.map(({ episodes }) => new Set(episodes.map(({ agent }) => agent)));
  const names = agents.map((all) => all.size === 1 ? [...all][0]! : "");
  const telling = !names.includes("") && new Set(names).size === names.length;
  return results.map((result, i) => telling ? { ...result, name: names[i]! } : result);
}

/** `compare`: whether a policy is better than another, or whether that may be chance. */
export const compare: Contribution<Command> = verb("knowlyr/compare-v1", {
  path: ["compare"],
  summary: "Tell whether policies differ by more than chance, on the same tasks and seeds",
  input,
  positionals: ["results"],
  short: { format: "f" },
  examples: [{
    line: "compare clumsy expert",
    does: "Says in a sentence whether the second is better than the first",
  }, {
    line: "compare base run-1 run-2 --measure reward --by task --json",
    does: "Compares two runs with the first, corrected for both questions, as JSON",
  }],
  run,
});
