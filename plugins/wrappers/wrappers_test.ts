import assert from "node:assert/strict";
import fc from "fast-check";
import type { Env, StepOptions, TimeStep } from "../../core/env.ts";
import { env } from "../../core/env.ts";
import { createKernel } from "../../core/kernel.ts";
import { definePlugin } from "../../core/plugin.ts";
import { rollout } from "../../core/rollout.ts";
import { noOptions } from "../../core/schema.ts";
import { assertConforms, checkEnv, checkPlugin, checkWrapper } from "../../core/testing/mod.ts";
import { idle, roll, say, stop, ToyEnv, toyTask } from "../../core/testing/_toy_env.ts";
import { parseTrajectory } from "../../core/trajectory_schema.ts";
import type { Action, Trajectory } from "../../core/trajectory.ts";
import { makeEnv, pipe, type Wrapper, wrapper } from "../../core/wrapper.ts";
import { maxSteps, maxStepsWrapper } from "./max_steps.ts";
import { order, orderWrapper } from "./order.ts";
import { record, recordWrapper } from "./record.ts";
import { statistics, statisticsWrapper } from "./statistics.ts";
import { type Clock, timeout, timeoutWrapper } from "./timeout.ts";
import { truncateObservation, truncateObservationWrapper } from "./truncate_observation.ts";

const dice = env("testing/dice-v1", { description: "Dice", options: noOptions, create: () => new ToyEnv() });
const own = definePlugin({
  name: "testing/wrappers",
  version: "0.1.0",
  provides: [
    dice,
    maxStepsWrapper,
    orderWrapper,
    recordWrapper,
    statisticsWrapper,
    timeoutWrapper,
    truncateObservationWrapper,
  ],
});
const gym = createKernel({ plugins: [own] });

const made: Readonly<Record<string, () => Wrapper>> = {
  "max-steps": () => maxSteps({ steps: 2 }),
  order,
  record: () => record({ agent: "a", sink: [] }),
  statistics,
  timeout: () => timeout({ timeoutMs: 60_000 }),
  "truncate-observation": () => truncateObservation({ maxChars: 3 }),
};
for (const [name, make] of Object.entries(made)) {
  Deno.test(`${name} conforms, also around a whole environment`, async () => {
    assertConforms(
      await checkWrapper(make, { rebuild: ({ id, options }) => gym.make(wrapper, id, options) }),
    );
    assertConforms(
      await checkEnv(() => make()(new ToyEnv()), { actions: [roll, roll, stop], slowAction: idle }),
    );
  });
}

Deno.test("the contributions conform", async () => assertConforms(await checkPlugin(own)));

Deno.test("a stack describes itself, is made again from that, and does the same", async () => {
  const stack = pipe(new ToyEnv(), ...Object.values(made).map((make) => make()));
  const again = await makeEnv(gym, JSON.parse(JSON.stringify(stack.spec)));
  assert.deepEqual(again.spec, stack.spec);
  assert.deepEqual(stack.spec.wrappers[0], { id: "knowlyr/max-steps-v1", options: { steps: 2 } });
  assert.deepEqual(await again.reset({ seed: 3n }), await stack.reset({ seed: 3n }));
  assert.equal((await again.step(roll)).observation, (await stack.step(roll)).observation);
});

Deno.test("a synchronous environment stays synchronous inside every wrapper", () => {
  const stack = pipe(new ToyEnv(), ...Object.values(made).map((make) => make()));
  assert.ok(!(stack.reset() instanceof Promise));
  assert.ok(!(stack.step(roll) instanceof Promise));
});

Deno.test("maxSteps() truncates exactly at its limit and refuses more", async () => {
  const stack = maxSteps({ steps: 2 })(new ToyEnv());
  await stack.reset();
  assert.equal((await stack.step(roll)).truncated, false);
  const last = await stack.step(roll);
  assert.deepEqual([last.truncated, last.terminated, last.info.reason], [true, false, "max_steps"]);
  assert.throws(() => stack.step(roll), {
    code: "ENV_STATE",
    message:
      `Cannot step env "testing/dice-v1": the episode has ended: wanted a reset first: received a step`,
  });
});

Deno.test("maxSteps() leaves a last step that terminates as it is", async () => {
  const stack = maxSteps({ steps: 1 })(new ToyEnv());
  await stack.reset();
  const last = await stack.step(stop);
  assert.deepEqual([last.truncated, last.terminated, last.info.reason], [false, true, undefined]);
});

Deno.test("maxSteps() refuses a limit below 1", () => {
  assert.throws(() => maxSteps({ steps: 0 }), { code: "INVALID_OPTIONS" });
});

/** Time that moves only when told. */
class HandClock implements Clock {
  #now = 0;
  #timers: { at: number; fire: () => void }[] = [];
  now(): number {
    return this.#now;
  }
  after(ms: number, fire: () => void): () => void {
    const timer = { at: this.#now + ms, fire };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }
  get waiting(): number {
    return this.#timers.length;
  }
  pass(ms: number): void {
    this.#now += ms;
    for (const { at, fire } of [...this.#timers]) if (at <= this.#now) fire();
  }
}

/** Ignores its signal; every step is settled by hand. */
class Deaf extends ToyEnv {
  readonly settle: ((came: TimeStep) => void)[] = [];
  readonly signals: (AbortSignal | undefined)[] = [];
  protected override answer(_: Action, __: unknown, { signal }: StepOptions): Promise<TimeStep> {
    this.signals.push(signal);
    return new Promise((resolve) => this.settle.push(resolve));
  }
}

Deno.test("timeout() aborts the step in flight and returns although the environment ignores it", async () => {
  const [clock, inner] = [new HandClock(), new Deaf()];
  const stack = timeout({ timeoutMs: 100, clock })(inner);
  await stack.reset();
  clock.pass(40);
  const step = stack.step(roll);
  clock.pass(59);
  assert.equal(inner.signals[0]?.aborted, false);
  clock.pass(1);
  const last = await step;
  assert.deepEqual([last.truncated, last.terminated, last.info.reason], [true, false, "timeout"]);
  assert.equal(last.observation, "Stopped: the episode's time of 100 ms is up");
  assert.equal(inner.signals[0]?.aborted, true);
  assert.throws(() => stack.step(roll), { code: "ENV_STATE" });
  assert.equal(clock.waiting, 0);
});

Deno.test("timeout() waits with the next reset for what was left running, within the new time", async () => {
  const [clock, inner] = [new HandClock(), new Deaf()];
  const stack = timeout({ timeoutMs: 100, clock })(inner);
  await stack.reset();
  const step = stack.step(roll);
  clock.pass(100);
  await step;
  const stuck = stack.reset();
  clock.pass(100);
  assert.equal((await stuck).info.reason, "timeout");
  const reset = stack.reset({ seed: 1n });
  inner.settle[0]!(say("late", { terminated: true }));
  assert.deepEqual(await reset, await new ToyEnv().reset({ seed: 1n }));
});

Deno.test("timeout() truncates a synchronous step that came too late, and one that was asked for too late", async () => {
  const clock = new HandClock();
  const slow = new class extends ToyEnv {
    protected override answer(): TimeStep {
      clock.pass(60);
      return say("done");
    }
  }();
  const stack = timeout({ timeoutMs: 100, clock })(slow);
  await stack.reset();
  assert.equal((await stack.step(roll)).truncated, false);
  const late = await stack.step(roll);
  assert.deepEqual([late.observation, late.truncated, late.info.reason], ["done", true, "timeout"]);
  await stack.reset();
  clock.pass(100);
  assert.equal((await stack.step(roll)).info.reason, "timeout");
});

Deno.test("timeout() leaves no timer and rejects with the caller's reason when the caller aborts", async () => {
  const [clock, inner] = [new HandClock(), new Deaf()];
  const stack = timeout({ timeoutMs: 100, clock })(inner);
  await stack.reset();
  const controller = new AbortController();
  const step = stack.step(roll, { signal: controller.signal }) as Promise<TimeStep>;
  const reason = new Error("enough");
  controller.abort(reason);
  await assert.rejects(step, reason);
  assert.equal(clock.waiting, 0);
  assert.equal(inner.signals[0]?.aborted, true);
});

Deno.test("record() gives a valid trajectory at the end of each episode", async () => {
  const list: Trajectory[] = [];
  const stack = pipe(new ToyEnv(), maxSteps({ steps: 2 }), record({ sink: list, agent: "me", now: () => 0 }));
  await stack.reset({ seed: 2n, task: toyTask });
  await stack.step(roll);
  assert.equal(list.length, 0);
  await stack.step(roll);
  await stack.reset();
  await stack.step(stop);
  assert.deepEqual(list.map((t) => [t.steps.length, t.outcome.reason, t.outcome.terminated]), [
    [2, "max_steps", false],
    [1, null, true],
  ]);
  const [first] = list;
  assert.deepEqual(parseTrajectory(JSON.parse(JSON.stringify(first))), first);
  assert.deepEqual([first!.agent, first!.env?.seed, first!.task], ["me", "2", toyTask]);
  assert.deepEqual(first!.env?.wrappers.map(({ id }) => id), ["knowlyr/max-steps-v1", "knowlyr/record-v1"]);
});

Deno.test("record() gives out unfinished episodes as truncated", async () => {
  const reasons: unknown[] = [];
  const sink = ({ outcome, steps }: Trajectory): void =>
    void reasons.push([outcome.reason, outcome.truncated, outcome.error, steps.length]);
  class Breaks extends ToyEnv {
    protected override roll(): TimeStep {
      throw new Error("lost");
    }
  }
  const stack = record({ sink })(new Breaks());
  await stack.reset();
  await stack.step({ tool: "other", params: {} });
  await stack.reset();
  assert.throws(() => stack.step(roll), { message: "lost" });
  await stack.reset();
  const controller = new AbortController();
  const step = stack.step(idle, { signal: controller.signal }) as Promise<TimeStep>;
  controller.abort(new Error("enough"));
  await assert.rejects(step, { message: "enough" });
  await stack.reset();
  await stack[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
  assert.deepEqual(reasons, [
    ["reset", true, null, 1],
    ["error", true, "lost", 0],
    ["interrupted", true, null, 0],
    ["disposed", true, null, 0],
  ]);
});

Deno.test("record() waits for its sink, and a sink that fails fails the step", async () => {
  const stack = record({ sink: () => Promise.reject(new Error("disk full")) })(new ToyEnv());
  await stack.reset();
  await assert.rejects(async () => await stack.step(stop), { message: "disk full" });
});

Deno.test("record() goes on in a fork with the steps so far", async () => {
  const list: Trajectory[] = [];
  const stack = record({ sink: list, now: () => 0 })(new ToyEnv());
  await stack.reset({ seed: 5n });
  await stack.step(roll);
  const copy = await stack.fork!();
  for (const each of [stack, copy]) await each.step(stop);
  assert.equal(list[0]!.steps.length, 2);
  assert.deepEqual(list[1], list[0]);
});

Deno.test("statistics() adds totals to the last step only", async () => {
  let ms = 0;
  const stack = statistics({ now: () => ms++ })(new ToyEnv());
  await stack.reset();
  assert.equal((await stack.step(roll)).info["episode"], undefined);
  assert.deepEqual((await stack.step(stop)).info["episode"], { reward: 1, length: 2, durationMs: 1 });
});

Deno.test("truncateObservation() keeps maxChars code points, never half of one", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: "binary" }),
      fc.integer({ min: 1, max: 9 }),
      async (text, maxChars) => {
        const says = new class extends ToyEnv {
          override reset = (): TimeStep => say(text, { info: { result: { output: text } } });
        }();
        const came = await truncateObservation({ maxChars, suffix: "+" })(says).reset();
        const points = [...text];
        const cut = points.length > maxChars;
        const wanted = cut ? `${points.slice(0, maxChars).join("")}+` : text;
        assert.equal(came.observation, wanted);
        assert.equal(came.info["observationTruncated"], cut ? true : undefined);
        assert.deepEqual(came.info.result, cut ? { output: wanted, truncated: true } : { output: text });
      },
    ),
  );
});

Deno.test("order() refuses calls out of order", async () => {
  const lax = (): Env =>
    new class extends ToyEnv {
      override step({ tool }: Action): TimeStep | Promise<TimeStep> {
        return tool === "wait" ? Promise.resolve(say("waited")) : say("", { terminated: tool === "stop" });
      }
    }();
  const stack = order()(lax());
  const refused = (problem: string, call: () => unknown, method = "step"): void =>
    assert.throws(call, { code: "ENV_STATE", message: `Cannot ${method} env "testing/dice-v1": ${problem}` });
  refused("no episode has started: wanted a reset first: received a step", () => stack.step(roll));
  await stack.reset();
  const waiting = stack.step(idle);
  refused("another call is under way: wanted one at a time: received a step", () => stack.step(roll));
  refused("another call is under way: wanted one at a time: received a reset", () => stack.reset(), "reset");
  await waiting;
  await stack.step(stop);
  refused("the episode has ended: wanted a reset first: received a step", () => stack.step(roll));
  await stack[Symbol.asyncDispose]();
  refused("it was disposed: wanted no further calls: received a step", () => stack.step(roll));
  refused("it was disposed: wanted no further calls: received a reset", () => stack.reset(), "reset");
});

Deno.test("a snapshot of another stack is refused", async () => {
  const stack = maxSteps({ steps: 3 })(new ToyEnv());
  await stack.reset();
  assert.throws(() => stack.restore!([1, 2]), {
    code: "INVALID_DATA",
    message:
      `Cannot restore wrapper "knowlyr/max-steps-v1": wanted a snapshot of the same stack: received [1,2]`,
  });
});

Deno.test("wrappers see the calls of one turn as steps, and end the episode between them", async () => {
  const list: Trajectory[] = [];
  const wrapped = pipe(
    new ToyEnv(),
    order(),
    maxSteps({ steps: 3 }),
    timeout({ timeoutMs: 60_000 }),
    truncateObservation({ maxChars: 9 }),
    statistics(),
    record({ sink: list }),
  );
  const act = () => ({ action: roll, more: [{ tool: "nowhere", params: {} }, roll, roll, stop] });
  const played = await rollout(wrapped, { name: "many", model: null, act }, { seed: 5n, task: toyTask });
  assert.deepEqual([played.outcome.reason, played.outcome.truncated, played.outcome.error], [
    "max_steps",
    true,
    null,
  ]);
  assert.deepEqual(played.steps.map(({ turn }) => turn), [0, 0, 0]);
  assert.deepEqual(played.steps.at(-1)!.extra, { unplayed: 2 });
  assert.equal(list.length, 1);
  const told = (trajectory: Trajectory) =>
    trajectory.steps.map(({ action, result }) => [action, result.output]);
  assert.deepEqual(told(list[0]!), told(played));
});
