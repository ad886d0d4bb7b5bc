import assert from "node:assert/strict";
import type { Episode } from "./episode.ts";
import { pairEpisodes, type Result } from "./pairing.ts";

/** Episodes written as `task seed success`. */
function result(name: string, ...texts: string[]): Result {
  const episodes = texts.map((text): Episode => {
    const [task, seed, success] = text.split(" ") as [string, string, string];
    const known = success === "?" ? null : success === "1";
    return {
      task,
      seed: seed === "-" ? null : seed,
      agent: name,
      success: known,
      reward: null,
      steps: 3,
      broken: false,
    };
  });
  return { name, input: name, episodes };
}

Deno.test("pairEpisodes() pairs by task and seed whatever the order, and counts what is left", () => {
  const a = result("a", "x 1 0", "x 2 1", "y 1 0", "z 1 1");
  const b = result("b", "y 1 1", "x 2 0", "x 1 1", "y 9 1");
  assert.deepEqual(pairEpisodes(a, b, "success", "episode"), {
    a: [0, 1, 0],
    b: [1, 0, 1],
    unit: "episode",
    unpaired: 2,
    merged: 0,
  });
});

Deno.test("pairEpisodes() averages the episodes of a task when a pair is a task", () => {
  const a = result("a", "x 1 0", "x 2 1", "y 1 0", "y 2 0");
  const b = result("b", "x 1 1", "x 2 1", "y 1 ?", "y 2 1");
  assert.deepEqual(pairEpisodes(a, b, "success", "task"), {
    a: [0.5, 0],
    b: [1, 0.5],
    unit: "task",
    unpaired: 0,
    merged: 0,
  });
});

Deno.test("pairEpisodes() takes repeats that never differ for one pair a task: copies are no evidence", () => {
  const a = result("a", "x 1 0", "x 2 0", "y 1 1", "y 2 1");
  const b = result("b", "x 1 1", "x 2 1", "y 1 1", "y 2 1");
  assert.deepEqual(pairEpisodes(a, b, "success", "episode"), {
    a: [0, 1],
    b: [1, 1],
    unit: "task",
    unpaired: 0,
    merged: 4,
  });
});

Deno.test("pairEpisodes() pairs logs without seeds by position", () => {
  const pairs = pairEpisodes(
    result("a", "x - 0", "x - 1"),
    result("b", "x - 1", "x - 1"),
    "success",
    "episode",
  );
  assert.deepEqual([pairs.a, pairs.b], [[0, 1], [1, 1]]);
});

Deno.test("pairEpisodes() refuses results that cannot be paired", () => {
  const a = result("a", "x 1 0");
  assert.throws(() => pairEpisodes(a, result("b", "x 2 0"), "success", "episode"), {
    code: "INVALID_DATA",
    message: "Cannot compare b with a: wanted episodes of the same tasks and seeds: received none in common",
  });
  assert.throws(() => pairEpisodes(a, result("b", "x 1 0", "x 1 1"), "success", "episode"), {
    code: "INVALID_DATA",
    message:
      'Cannot compare b: wanted one episode for each task and seed: received two of task "x" with seed 1',
  });
  assert.throws(() => pairEpisodes(a, a, "reward", "episode"), {
    code: "INVALID_DATA",
    message: 'Cannot compare a by reward: wanted a reward for every episode: received none for task "x"',
  });
});
