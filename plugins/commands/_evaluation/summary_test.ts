import assert from "node:assert/strict";
import { seeded } from "../../../core/prng.ts";
import type { Episode } from "./episode.ts";
import { summarise, summaryText } from "./summary.ts";

function episode(task: string, given: Partial<Episode> = {}): Episode {
  return { task, seed: "1", agent: "me", success: true, reward: 1, steps: 2, broken: false, ...given };
}

Deno.test("summarise() counts unknown outcomes as not succeeded, and says so", () => {
  const broken = episode("y", { success: null, reward: null, broken: true });
  const summary = summarise([episode("x"), episode("x", { success: false, reward: 0 }), broken], seeded(1));
  assert.deepEqual([summary.succeeded, summary.unknown, summary.errors, summary.reward], [1, 1, 1, null]);
  assert.deepEqual(summary.tasks, [
    { task: "x", episodes: 2, succeeded: 1 },
    { task: "y", episodes: 1, succeeded: 0 },
  ]);
  assert.equal(
    summaryText(summary),
    `me succeeded in 1 of 3 episodes of 2 tasks; 1 of unknown outcome count as not succeeded; 1 ended by an error

              mean   95 % from  to
success rate  0.333  0.061      0.792
steps         2.000  2.000      2.000`,
  );
});

Deno.test("summarise() gives no success rate where no outcome is known", () => {
  const summary = summarise([1, 2].map(() => episode("x", { success: null })), seeded(1));
  assert.equal(summary.success, null);
  assert.match(summaryText(summary), /^me played 2 episodes of 1 task, of unknown outcome\n/);
});

Deno.test("summaryText() leaves the table out when there is no number to show", () => {
  const broken = episode("x", { success: null, reward: null, steps: 0, broken: true });
  assert.equal(
    summaryText(summarise([broken], seeded(1))),
    "me played 1 episode of 1 task, of unknown outcome; 1 ended by an error",
  );
});
