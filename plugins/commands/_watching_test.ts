import assert from "node:assert/strict";
import type { Policy } from "../../core/policy.ts";
import { rollout } from "../../core/rollout.ts";
import { roll, stop, ToyEnv } from "../../core/testing/_toy_env.ts";
import { showResults, watched } from "./_watching.ts";

Deno.test("watched() shows every call of a turn, and then what came of each", async () => {
  const shown: string[] = [];
  const options = { lines: 0, colour: false, show: (text: string) => void shown.push(text) };
  const policy: Policy = {
    name: "two",
    model: null,
    act: ({ history }) =>
      history.length === 0
        ? { action: roll, more: [{ tool: "none", params: {} }], thought: "Both" }
        : { action: stop },
  };
  const task = { id: "t", description: "Roll" };
  const { steps } = await rollout(new ToyEnv(), watched(policy, options), { task });
  showResults(steps, options);
  assert.deepEqual(shown.map((line) => line.trim()).slice(2), [
    "step 1",
    "Both",
    'roll {"sides":6}',
    "none {}",
    steps[0]!.result.output,
    "reward 0",
    'No tool "none"',
    "reward 0",
    "step 3",
    "stop {}",
    "Stopped",
    "reward 1",
  ]);
});
