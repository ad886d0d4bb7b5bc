/** When a model is promoted, kept or rolled back, and when a run ends. */
import assert from "node:assert/strict";
import { judged } from "./gate.ts";

const OPTIONS = {
  promote: "better",
  measure: "success",
  alpha: 0.05,
  seed: 1,
  enough: undefined,
  leastGain: undefined,
} as const;

/** `n` episodes of which `won` succeeded, the first ones or the last ones. */
const played = (iteration: number, won: number, n = 40, last = false) => ({
  iteration,
  values: Array.from({ length: n }, (_, at) => Number(last ? at >= n - won : at < won)),
});

Deno.test("judged() takes the first model as the incumbent", () => {
  const { decision, metrics, stop } = judged(played(0, 10), null, OPTIONS);
  assert.equal(decision, "promote");
  assert.equal(stop, undefined);
  assert.ok(metrics!["successLow"]! < 0.25 && metrics!["successHigh"]! > 0.25);
});

Deno.test("judged() decides by the paired test and by the option promote", () => {
  const incumbent = played(2, 10);
  const [far, near, worse] = [played(4, 25), played(4, 12), played(4, 1)];
  const by = (promote: "better" | "not_worse" | "highest") =>
    [far, near, worse].map((candidate) => judged(candidate, incumbent, { ...OPTIONS, promote }).decision);
  assert.deepEqual(by("better"), ["promote", "keep", "roll_back"]);
  assert.deepEqual(by("not_worse"), ["promote", "promote", "roll_back"]);
  assert.deepEqual(by("highest"), ["promote", "promote", "keep"]);
});

Deno.test("judged() pairs: the same rates on other episodes are weaker evidence", () => {
  const incumbent = played(2, 10);
  const nested = judged(played(4, 17), incumbent, OPTIONS);
  const disjoint = judged(played(4, 17, 40, true), incumbent, OPTIONS);
  assert.equal(nested.decision, "promote");
  assert.equal(disjoint.decision, "keep");
  assert.ok(nested.metrics!["p"]! < disjoint.metrics!["p"]!);
});

Deno.test("judged() says in a sentence what it found and what follows", () => {
  const { reason, metrics } = judged(played(4, 25), played(2, 10), OPTIONS);
  assert.match(
    reason!,
    /^Iteration 4 succeeded on 25 of 40 held-out episodes and the incumbent \(iteration 2\) on 10; .* It takes the incumbent's place\.$/,
  );
  assert.equal(metrics!["gain"], 0.375);
  assert.deepEqual([metrics!["promoted"], metrics!["rolledBack"]], [1, 0]);
});

Deno.test("judged() ends a run when the interval reaches enough, and when it leaves too little to gain", () => {
  const stopOf = (won: number, n: number, options: { enough?: number; leastGain?: number }) =>
    judged(played(4, won, n), played(2, won, n), { ...OPTIONS, ...options }).stop;
  assert.equal(stopOf(36, 40, { enough: 0.8 }), undefined);
  assert.match(
    stopOf(180, 200, { enough: 0.8 })!,
    /^Enough: the interval of the success on held-out tasks begins at 0\.85\d, at or above 0\.8$/,
  );
  assert.equal(stopOf(36, 40, { leastGain: 0.05 }), undefined);
  assert.match(
    stopOf(360, 400, { leastGain: 0.05 })!,
    /^Little left to gain: the interval of the difference ends at 0\.0\d+, below 0\.05$/,
  );
});

Deno.test("judged() compares rewards where they are the measure", () => {
  const reward = { ...OPTIONS, measure: "reward" } as const;
  const incumbent = { iteration: 0, values: [0.1, 0.4, 0.2, 0.3, 0.2, 0.1, 0.3, 0.2] };
  const candidate = { iteration: 5, values: incumbent.values.map((value) => value + 0.25) };
  const { decision, metrics } = judged(candidate, incumbent, reward);
  assert.equal(decision, "promote");
  assert.ok(Math.abs(metrics!["gain"]! - 0.25) < 1e-12);
  assert.ok(metrics!["rewardLow"]! < 0.475 && metrics!["rewardHigh"]! > 0.475);
  assert.deepEqual(judged(candidate, incumbent, reward), judged(candidate, incumbent, reward));
});

Deno.test("judged() speaks of rewards when these are compared, whatever numbers they are", () => {
  const { reason } = judged(played(4, 3), played(2, 3), { ...OPTIONS, measure: "reward" });
  assert.equal(
    reason,
    "Iteration 4 and the incumbent (iteration 2) are equal on every one of 40 held-out episodes: both have a mean " +
      "reward of 0.075. The incumbent stays, training goes on.",
  );
});
