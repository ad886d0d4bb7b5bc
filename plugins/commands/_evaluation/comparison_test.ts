import assert from "node:assert/strict";
import { seeded } from "../../../core/prng.ts";
import { compareResults } from "./comparison.ts";
import type { Episode } from "./episode.ts";
import type { Result } from "./pairing.ts";

function resultOf(name: string, successes: readonly (boolean | null)[]): Result {
  const episodes = successes.map((success, seed): Episode => ({
    task: `task ${seed}`,
    seed: String(seed),
    agent: name,
    success,
    reward: null,
    steps: 1,
    broken: false,
  }));
  return { name, input: name, episodes };
}

const OPTIONS = { measure: "success", by: "episode", alpha: 0.05 } as const;
const none = Array<boolean>(12).fill(false);
const all = Array<boolean>(12).fill(true);

Deno.test("compareResults() compares each later result with the first, corrected for their number", () => {
  const results = [resultOf("a", none), resultOf("b", all), resultOf("c", none)];
  const [better, same] = compareResults(results, { ...OPTIONS, prng: seeded(0) });
  assert.deepEqual([better?.comparison.names, better?.comparison.decided], [["a", "b"], "better"]);
  assert.deepEqual([same?.comparison.names, same?.comparison.decided], [["a", "c"], "not decided"]);
  assert.equal(better?.comparison.comparisons, 2);
  assert.equal(better?.comparison.adjustedP, 2 * better!.comparison.p);
});

Deno.test("compareResults() notes what was left out and what nobody knows", () => {
  const results = [resultOf("a", [...none, null]), resultOf("b", all)];
  const [compared] = compareResults(results, { ...OPTIONS, prng: seeded(0) });
  assert.deepEqual(compared?.notes, [
    "Episodes without a counterpart, left out: 1",
    "Episodes of unknown outcome, counted as not succeeded: 1",
  ]);
});

Deno.test("compareResults() notes repeats that are counted once, but not where tasks were asked for", () => {
  const twice = (name: string, success: boolean): Result => {
    const { episodes, ...result } = resultOf(name, Array<boolean>(6).fill(success));
    const again = episodes.slice(0, 2).map((episode) => ({ ...episode, seed: `${episode.seed} again` }));
    return { ...result, episodes: [...episodes, ...again] };
  };
  const results = [twice("a", false), twice("b", true)];
  const notes = (by: "episode" | "task") =>
    compareResults(results, { ...OPTIONS, by, prng: seeded(0) })[0]?.notes;
  assert.deepEqual(notes("episode"), [
    "4 episodes of tasks that came more than once are counted once a task",
  ]);
  assert.deepEqual(notes("task"), []);
});

Deno.test("compareResults() compares nothing where there are fewer than two", () => {
  assert.deepEqual(compareResults([], { ...OPTIONS, prng: seeded(0) }), []);
  assert.deepEqual(compareResults([resultOf("a", none)], { ...OPTIONS, prng: seeded(0) }), []);
});

Deno.test("compareResults() speaks of successes by success alone: one step is no success", () => {
  const results = [resultOf("a", none), resultOf("b", all)];
  const [compared] = compareResults(results, { ...OPTIONS, measure: "steps", prng: seeded(0) });
  assert.equal(
    compared?.comparison.sentence,
    "b and a are equal on every one of 12 tasks: both have a mean number of steps of 1.",
  );
});
