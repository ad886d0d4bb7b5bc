/** Policies whose turns are held to calls, on an untrained model. */
import assert from "node:assert/strict";
import { createKernel } from "../../core/kernel.ts";
import { policy } from "../../core/policy.ts";
import { rollout } from "../../core/rollout.ts";
import { ToyEnv } from "../../core/testing/_toy_env.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import { initModel } from "../models/init.ts";
import policies, { type OnnxModelOptions } from "./mod.ts";

const gym = createKernel({ plugins: [policies] });

/** An episode with a new model of bytes. */
async function played(options: Omit<OnnxModelOptions, "model">, env = new ToyEnv()): Promise<Trajectory> {
  const model = await Deno.makeTempDir();
  try {
    await initModel(model, { seed: 5n });
    const made = await gym.make(policy, "knowlyr/onnx-model-v1", { model, provider: "cpu", ...options });
    try {
      const task = { id: "dice", description: "Roll the die" };
      return await rollout(env, made, { task, maxSteps: 4, now: () => 0 });
    } finally {
      await made[Symbol.asyncDispose]!();
    }
  } finally {
    await Deno.remove(model, { recursive: true });
  }
}

Deno.test("every turn is a call that its tool takes when calls are required", async () => {
  for (const temperature of [0, 1]) {
    const { steps, outcome } = await played({ toolCalls: "required", maxNewTokens: 120, temperature });
    assert.equal(outcome.error, null);
    assert.ok(steps.length > 0);
    for (const { action, thought, tokens, result } of steps) {
      assert.ok(["roll", "stop", "wait"].includes(action.tool), action.raw);
      assert.equal(action.raw, undefined);
      if (action.tool === "roll") assert.ok(Number(action.params["sides"]) >= 2);
      assert.equal(thought.trim(), "");
      assert.equal(tokens!.sampling!.constraint, "required");
      assert.equal(tokens!.logProbs!.length, tokens!.completionIds!.length);
      assert.ok(tokens!.logProbs!.every((value) => value <= 0 && value > -Infinity));
      assert.ok(tokens!.logProbs!.includes(0)); // most of the frame is forced
      assert.notEqual(result.output, "Bad sides");
    }
  }
});

Deno.test("turns are free, but calls that they open are completed when calls are auto", async () => {
  const { steps, outcome } = await played({ toolCalls: "auto", maxNewTokens: 150 });
  assert.equal(outcome.error, null);
  assert.ok(steps.every(({ tokens }) => tokens!.sampling!.constraint === "auto"));
  const [calls, texts] = [true, false].map((called) =>
    steps.filter(({ action }) => (action.tool !== "") === called)
  );
  assert.ok(calls!.length > 0 && texts!.length > 0);
  assert.ok(
    calls!.every(({ action }) => ["roll", "stop", "wait"].includes(action.tool) && action.raw === undefined),
  );
  assert.ok(texts!.every(({ action }) => !action.raw!.includes("<tool_call>")));
  const free = await played({ maxNewTokens: 150 });
  assert.ok(
    free.steps.every(({ action, tokens }) => action.tool === "" && !("constraint" in tokens!.sampling!)),
  );
  assert.ok(free.steps.some(({ action }) => action.raw!.includes("<tool_call>")));
});

Deno.test("an environment without tools leaves auto free and cannot be acted in when calls are required", async () => {
  class Silent extends ToyEnv {
    override readonly tools = [];
  }
  const auto = await played({ toolCalls: "auto", maxNewTokens: 8 }, new Silent());
  assert.equal(auto.outcome.error, null);
  const { outcome } = await played({ toolCalls: "required", maxNewTokens: 8 }, new Silent());
  assert.match(
    String(outcome.error),
    /Cannot constrain tool calls: wanted at least one tool: received none$/,
  );
});
