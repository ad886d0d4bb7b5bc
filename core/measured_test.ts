import assert from "node:assert/strict";
import { measuredIn } from "./measured.ts";

Deno.test("measuredIn() takes bounds for the interval of what they bound, and bounds of nothing for numbers", () => {
  assert.deepEqual(measuredIn({ loss: 2, lossLow: 1, lossHigh: 3, pitchHigh: 4, Low: 5, tokens: 6 }), [
    { name: "loss", value: 2, interval: { low: 1, high: 3 } },
    { name: "pitchHigh", value: 4, interval: null },
    { name: "Low", value: 5, interval: null },
    { name: "tokens", value: 6, interval: null },
  ]);
});

Deno.test("measuredIn() tells success and reward alone of an evaluation by acting", () => {
  assert.deepEqual(
    measuredIn({ loss: 0.5, success: 0.5, reward: 1, rewardLow: 0, rewardHigh: 2, promoted: 1 }),
    [
      { name: "success", value: 0.5, interval: null },
      { name: "reward", value: 1, interval: { low: 0, high: 2 } },
    ],
  );
});
