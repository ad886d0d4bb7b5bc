import assert from "node:assert/strict";
import { createKernel } from "../../core/kernel.ts";
import { type Policy, policy } from "../../core/policy.ts";
import { rollout } from "../../core/rollout.ts";
import { assertConforms, checkPlugin } from "../../core/testing/mod.ts";
import type { StepOptions } from "../../core/env.ts";
import type { SeededPrng } from "../../core/prng.ts";
import type { Action, Task, Trajectory } from "../../core/trajectory.ts";
import { roll, stop, ToyEnv } from "../../core/testing/_toy_env.ts";
import { pipe } from "../../core/wrapper.ts";
import { maxSteps } from "../wrappers/max_steps.ts";
import policies, { clumsyPolicy, expertPolicy, randomPolicy, scriptedPolicy } from "./mod.ts";

const gym = createKernel({ plugins: [policies] });
const read: Action = { tool: "read_die", params: {} };
const task: Task = {
  id: "t",
  description: "",
  solution: [read, { tool: "broken", params: {} }, { ...roll, thought: "now" }, stop] as never,
};

/** Dice with a tool to read and one that always fails. */
class Desk extends ToyEnv {
  protected override answer(...[action, prng, options]: [Action, SeededPrng, StepOptions]) {
    if (action.tool !== "broken") return super.answer(action, prng, options);
    const observation = "broken";
    return { observation, reward: 0, terminated: false, truncated: false, info: { result: { exitCode: 1 } } };
  }
}

async function play(acting: Policy, seed = 0n): Promise<Trajectory> {
  return await rollout(pipe(new Desk(), maxSteps({ steps: 40 })), acting, { seed, task, now: () => 0 });
}

Deno.test("the plugin conforms", async () => assertConforms(await checkPlugin(policies)));

Deno.test("scripted plays its list by id and then fails where nothing can be handed in", async () => {
  const scripted = await gym.make(policy, "knowlyr/scripted", { actions: [{ tool: "x" }, roll] });
  const t = await play(scripted);
  assert.deepEqual(t.steps.map(({ action }) => action), [{ tool: "x", params: {} }, roll]);
  assert.equal(
    t.outcome.error,
    `Cannot act policy "scripted": Cannot play a script: wanted entry 3: received a script of 2`,
  );
});

Deno.test("scripted hands in when its list is over and there is a tool for it", async () => {
  const { act } = await gym.make(scriptedPolicy, { actions: [] });
  const tools = [{ name: "finish", description: "", parameters: {} }];
  assert.deepEqual(await act({ history: [], tools } as never), { action: { tool: "finish", params: {} } });
});

Deno.test("expert plays the task's solution with its thoughts", async () => {
  const t = await play(await gym.make(expertPolicy, {}));
  assert.deepEqual(t.steps.map(({ action }) => action.tool), ["read_die", "broken", "roll", "stop"]);
  assert.deepEqual(t.steps.map(({ thought }) => thought), ["", "", "now", ""]);
  assert.ok(t.outcome.terminated);
});

Deno.test("expert says which task has no solution, or a wrong one", async () => {
  const expert = await gym.make(expertPolicy, {});
  const error = async (solution: unknown): Promise<string | null> => {
    const broken = { id: "t1", description: "", solution } as Task;
    return (await rollout(new ToyEnv(), expert, { task: broken })).outcome.error;
  };
  const wanted =
    'Cannot act policy "expert": Cannot play task "t1": wanted a solution, a list of {tool, params, thought?}: ';
  assert.equal(await error(undefined), `${wanted}expected array: received nothing`);
  assert.equal(await error([{ params: {} }]), `${wanted}0.tool: expected string: received nothing`);
});

Deno.test("clumsy does the expert's work in order with every kind of slip between, the same for the same seed", async () => {
  const clumsy = await gym.make(clumsyPolicy, { slips: 0.7, earlySubmit: 0 });
  const seen = new Set<string>();
  for (let seed = 0n; seed < 20n; seed++) {
    const t = await play(clumsy, seed);
    assert.equal(t.id, (await play(clumsy, seed)).id);
    assert.ok(t.outcome.terminated, "it comes to an end");
    const calls = t.steps.map(({ action }) => action.tool);
    let found = 0;
    for (const call of calls) if (call === ["read_die", "broken", "roll", "stop"][found]) found++;
    assert.equal(found, 4);
    for (const { thought } of t.steps) seen.add(thought);
  }
  assert.deepEqual([...seen].sort(), [
    "",
    "Let me look at that again",
    "Maybe it works this time",
    "There should be a tool for all of it",
    "now",
  ]);
});

Deno.test("clumsy without slips is the expert", async () => {
  const clumsy = await gym.make(clumsyPolicy, { slips: 0, earlySubmit: 0 });
  const tools = (t: Trajectory) => t.steps.map(({ action }) => action.tool);
  assert.deepEqual(tools(await play(clumsy)), tools(await play(await gym.make(expertPolicy, {}))));
});

Deno.test("clumsy hands in early where that is possible", async () => {
  const clumsy = await gym.make(clumsyPolicy, { slips: 0, earlySubmit: 1 });
  clumsy.reset?.({} as never);
  const tools = [{ name: "submit", description: "", parameters: {} }];
  const view = { task, tools, history: [], prng: () => 0.5 } as never;
  await clumsy.act(view);
  assert.deepEqual(await clumsy.act(view), {
    action: { tool: "submit", params: {} },
    thought: "This should do",
  });
});

Deno.test("random calls offered tools with what their schemas want, the same for the same seed", async () => {
  const random = await gym.make(randomPolicy, {});
  class NoWaiting extends ToyEnv {
    override readonly tools = new ToyEnv().tools.slice(0, 1);
  }
  const run = (seed: bigint) => rollout(new NoWaiting(), random, { seed, maxSteps: 20 });
  const t = await run(1n);
  assert.ok(
    t.steps.every(({ action }) => action.tool === "roll" && Number.isInteger(action.params["sides"])),
  );
  assert.equal(t.id, (await run(1n)).id);
  assert.notEqual(t.id, (await run(2n)).id);
});

Deno.test("random says that there is nothing to choose from", async () => {
  class NoTools extends ToyEnv {
    override readonly tools = [];
  }
  const { outcome } = await rollout(new NoTools(), await gym.make(randomPolicy, {}));
  assert.equal(
    outcome.error,
    `Cannot act policy "random": Cannot act at random: wanted at least one tool: received none`,
  );
});
