import assert from "node:assert/strict";
import { createDomain, domain, type DomainProfile } from "../../core/domain.ts";
import type { Env, TimeStep } from "../../core/env.ts";
import { createKernel } from "../../core/kernel.ts";
import { definePlugin } from "../../core/plugin.ts";
import { type Rubric, rubric } from "../../core/rubric.ts";
import { noOptions } from "../../core/schema.ts";
import type { Action } from "../../core/trajectory.ts";
import { reward, rewardWrapper } from "./reward.ts";

/** An environment whose observation is the tool's name; it says 10 for each step. */
function echo(): Env {
  const at = (observation: string, reward: number): TimeStep => ({
    observation,
    reward,
    terminated: false,
    truncated: false,
    info: {},
  });
  return {
    spec: { id: "acme/echo-v0", options: {}, wrappers: [] },
    domain: "test",
    tools: [],
    reset: () => at("start", 0),
    step: ({ tool }) => at(tool, 10),
    snapshot: () => 0,
    restore: () => {},
    fork: () => echo(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** 1 for a tool not called before in the episode, else 0. */
const fresh: Rubric = {
  id: "acme/fresh-v1",
  name: "fresh",
  description: "",
  source: "rule",
  start: () => {
    const seen = new Map<string, number>();
    return {
      step: ({ action: { tool }, index }) => {
        const before = seen.get(tool);
        seen.set(tool, index);
        return { value: before === undefined ? 1 : 0, reason: "", refersTo: before ?? null };
      },
    };
  },
};
const profile: DomainProfile = {
  name: "test",
  title: "",
  description: "",
  tools: [],
  outcome: [],
  taskFields: {},
  rubricWeights: { fresh: 1 },
};
const call = (tool: string): Action => ({ tool, params: {} });
const made = (mode: "replace" | "add" = "replace"): Env =>
  reward({ rubrics: [fresh], domain: createDomain(profile), mode })(echo());

Deno.test("reward() replaces the reward at once and leaves the scores in info", () => {
  const env = made();
  env.reset();
  assert.equal((env.step(call("a")) as TimeStep).reward, 1);
  const came = env.step(call("a")) as TimeStep;
  assert.equal(came.reward, 0);
  assert.deepEqual(came.info["scores"], [
    { rubric: "acme/fresh-v1", value: 0, source: "rule", reason: "", refersTo: 0 },
  ]);
});

Deno.test("reward() adds to the environment's reward in mode add", () => {
  const env = made("add");
  env.reset();
  assert.equal((env.step(call("a")) as TimeStep).reward, 11);
});

Deno.test("reward() starts afresh at reset", () => {
  const env = made();
  for (let episode = 0; episode < 2; episode++) {
    env.reset();
    assert.equal((env.step(call("a")) as TimeStep).reward, 1);
  }
});

Deno.test("reward() goes on where it was in forks and restored snapshots", async () => {
  const env = made();
  await env.reset();
  await env.step(call("a"));
  const snapshot = await env.snapshot!();
  const fork = await env.fork!();
  await env.step(call("b"));
  assert.equal((await fork.step(call("a"))).reward, 0);
  assert.equal((await fork.step(call("b"))).reward, 1);
  await env.restore!(snapshot);
  assert.equal((await env.step(call("b"))).reward, 1);
  assert.equal((await env.step(call("a"))).reward, 0);
});

Deno.test("reward() refuses a step before reset", () => {
  assert.throws(() => made().step(call("a")), {
    code: "ENV_STATE",
    message: 'Cannot step env "acme/echo-v0": wanted a reset first: received a step',
  });
});

Deno.test("rewardWrapper asks the kernel for rubrics and the environment's domain", async () => {
  const kernel = createKernel({
    plugins: [definePlugin({
      name: "acme/test",
      version: "0.0.0",
      provides: [
        rubric(fresh.id, { description: "", options: noOptions, create: () => fresh }),
        domain("acme/test-v1", { description: "", options: noOptions, create: () => createDomain(profile) }),
      ],
    })],
  });
  const env = (await kernel.make(rewardWrapper, { rubrics: ["acme/fresh"] }))(echo());
  await env.reset();
  assert.deepEqual([(await env.step(call("a"))).reward, (await env.step(call("a"))).reward], [1, 0]);
  assert.deepEqual(env.spec.wrappers, [{
    id: "knowlyr/reward-v1",
    options: { rubrics: ["acme/fresh"], mode: "replace", weights: {} },
  }]);
});
