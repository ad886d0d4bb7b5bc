import assert from "node:assert/strict";
import type { TimeStep } from "./env.ts";
import { PluginError } from "./errors.ts";
import type { Decision, Policy } from "./policy.ts";
import { rollout } from "./rollout.ts";
import { idle, roll, say, stop, ToyEnv, toyTask } from "./testing/_toy_env.ts";
import { parseTrajectory } from "./trajectory_schema.ts";
import type { Action, StepTokens, Trajectory } from "./trajectory.ts";

function plays(actions: readonly Action[], rest: Partial<Decision> = {}): Policy {
  return {
    name: "plays",
    model: null,
    act: ({ history }) => ({ action: actions[history.length]!, ...rest }),
  };
}

/** A clock that moves 10 ms a look. */
function ticking(): () => number {
  let ms = 1_700_000_000_000;
  return () => ms += 10;
}

const tokens: StepTokens = {
  promptIds: [1, 2, 3],
  completionIds: [4],
  logProbs: [-0.5],
  sampling: null,
  promptTokens: null,
  completionTokens: null,
  reencoded: false,
};

Deno.test("rollout() records thought, tokens, result, reward and times", async () => {
  class Exact extends ToyEnv {
    protected override roll(): TimeStep {
      return say("4", {
        reward: 0.5,
        info: { result: { output: "four", exitCode: 0, error: "warn", truncated: true } },
      });
    }
  }
  const t = await rollout(new Exact(), plays([roll, stop], { thought: "hm", tokens }), {
    seed: 3n,
    task: toyTask,
    now: ticking(),
    metadata: { run: "a" },
  });
  assert.deepEqual(parseTrajectory(JSON.parse(JSON.stringify(t))), t);
  assert.deepEqual(t.task, toyTask);
  assert.deepEqual(t.env, { id: "testing/dice-v1", options: {}, wrappers: [], seed: "3" });
  assert.deepEqual(t.metadata, { run: "a" });
  assert.equal(t.agent, "plays");
  assert.equal(t.reset.timestamp, "2023-11-14T22:13:20.010Z");
  assert.deepEqual(t.steps[0], {
    index: 0,
    thought: "hm",
    action: roll,
    result: { output: "four", exitCode: 0, error: "warn", durationMs: 10, truncated: true },
    reward: 0.5,
    scores: [],
    timestamp: "2023-11-14T22:13:20.020Z",
    tokens,
  });
  assert.deepEqual(t.steps[1]!.result, {
    output: "Stopped",
    exitCode: null,
    error: null,
    durationMs: 10,
    truncated: false,
  });
  assert.deepEqual(t.usage, { promptTokens: 6, completionTokens: 2, costUsd: null, durationMs: 50 });
});

Deno.test("rollout() leaves success unknown when a terminated episode does not tell", async () => {
  const { outcome } = await rollout(new ToyEnv(), plays([stop]));
  assert.deepEqual([outcome.success, outcome.source, outcome.terminated, outcome.truncated], [
    null,
    null,
    true,
    false,
  ]);
});

Deno.test("rollout() takes success, its source, tests and submission from info", async () => {
  class Judged extends ToyEnv {
    protected override answer(): TimeStep {
      return say("", {
        terminated: true,
        truncated: true,
        info: {
          success: false,
          successSource: "verifier",
          score: 0.5,
          testsPassed: 1,
          testsFailed: 1,
          submission: "diff",
          reason: "submit",
        },
      });
    }
  }
  assert.deepEqual((await rollout(new Judged(), plays([stop]))).outcome, {
    success: false,
    source: "verifier",
    score: 0.5,
    terminated: true,
    truncated: true,
    reason: "submit",
    testsPassed: 1,
    testsFailed: 1,
    submission: "diff",
    error: null,
  });
});

Deno.test("rollout() sums up what the calls of a policy cost, those without a cost aside", async () => {
  const costs = [0.25, null, 0.5];
  const paid: Policy = {
    name: "paid",
    model: null,
    act: ({ history: { length } }) => ({
      action: length === 2 ? stop : roll,
      extra: costs[length] === null ? {} : { costUsd: costs[length]! },
    }),
  };
  assert.equal((await rollout(new ToyEnv(), paid)).usage.costUsd, 0.75);
});

Deno.test("rollout() gives the same id for the same seed and another for another", async () => {
  const random: Policy = {
    name: "random",
    model: null,
    act: ({ prng, history }) => ({
      action: history.length === 4
        ? stop
        : { tool: "roll", params: { sides: 2 + Math.floor(prng() * 1000) } },
    }),
  };
  const ids = await Promise.all(
    [1n, 1n, 2n].map(async (seed) => (await rollout(new ToyEnv(), random, { seed })).id),
  );
  assert.equal(ids[0], ids[1]);
  assert.notEqual(ids[0], ids[2]);
});

Deno.test("rollout() truncates at maxSteps", async () => {
  const t = await rollout(new ToyEnv(), plays([roll, roll, roll]), { maxSteps: 2 });
  assert.equal(t.steps.length, 2);
  assert.deepEqual([t.outcome.truncated, t.outcome.terminated, t.outcome.reason], [true, false, "max_steps"]);
});

/** An object that holds itself. */
function cyclic(): object {
  const whole: { a?: object } = {};
  return whole.a = whole;
}

type Failing = readonly [what: string, error: string, steps: number, () => Promise<Trajectory>];
const failing: readonly Failing[] = [
  [
    "an environment whose reset throws",
    `Cannot reset env "testing/dice-v1": no dice`,
    0,
    () => {
      class NoReset extends ToyEnv {
        override reset(): TimeStep {
          throw new Error("no dice");
        }
      }
      return rollout(new NoReset(), plays([roll]), { task: toyTask });
    },
  ],
  [
    "an environment whose step rejects",
    `Cannot step env "testing/dice-v1": lost`,
    1,
    () => {
      class Loses extends ToyEnv {
        protected override answer(action: Action): TimeStep | Promise<TimeStep> {
          return action.tool === "stop" ? Promise.reject(new Error("lost")) : say("ok");
        }
      }
      return rollout(new Loses(), plays([roll, stop]));
    },
  ],
  [
    "a reward that is not a number",
    `Cannot step env "testing/dice-v1": wanted a time step with a text, a finite reward, two booleans and info: received {"observation":"","reward":"NaN","terminated":false,"truncated":false,"info":{}}`,
    0,
    () => {
      class NotANumber extends ToyEnv {
        protected override answer(): TimeStep {
          return say("", { reward: NaN });
        }
      }
      return rollout(new NotANumber(), plays([roll]));
    },
  ],
  ["a policy that throws", `Cannot act policy "bad": no idea`, 1, () =>
    rollout(new ToyEnv(), {
      name: "bad",
      model: null,
      act: ({ history }) => {
        if (history.length === 1) throw new Error("no idea");
        return { action: roll };
      },
    })],
  ["a policy whose reset throws", `Cannot reset policy "bad": cold`, 0, () =>
    rollout(new ToyEnv(), {
      name: "bad",
      model: null,
      reset: () => Promise.reject(new Error("cold")),
      act: () => ({ action: roll }),
    })],
  [
    "a policy that decides nothing",
    `Cannot act policy "bad": wanted an action with a tool and params: received undefined`,
    0,
    () => rollout(new ToyEnv(), { name: "bad", model: null, act: () => undefined as unknown as Decision }),
  ],
  [
    "a policy whose arguments are a list",
    'Cannot act policy "plays": wanted an action with a tool and params: received {"action":{"tool":"roll","params":[]}}',
    0,
    () => rollout(new ToyEnv(), plays([{ tool: "roll", params: [] as never }])),
  ],
  ...([
    ["a number that is none", NaN, "expected a JSON value: received NaN"],
    ["a bigint", 7n, "expected a JSON value: received 7"],
    ["levels without end", cyclic(), "expected at most 150 levels: received more"],
  ] as const).map(([what, a, why]): Failing => [
    `a policy whose arguments hold ${what}`,
    `Cannot act policy "plays": wanted an action that is JSON: action.params.a${
      typeof a === "object" ? ".a".repeat(5) : ""
    }: ${why}`,
    0,
    () => rollout(new ToyEnv(), plays([{ tool: "roll", params: { a } as never }])),
  ]),
  [
    "something that already says who threw",
    `Cannot act policy "a/b" of plugin "a/c": x`,
    0,
    () =>
      rollout(new ToyEnv(), {
        name: "bad",
        model: null,
        act: () => {
          throw new PluginError(
            { plugin: "a/c", kind: "policy", id: "a/b", method: "act" },
            new Error("x"),
          );
        },
      }),
  ],
];
for (const [what, error, steps, play] of failing) {
  Deno.test(`rollout() records ${what}`, async () => {
    const t = await play();
    assert.equal(t.outcome.error, error);
    assert.deepEqual([t.outcome.reason, t.outcome.truncated, t.outcome.success], ["error", true, null]);
    assert.equal(t.steps.length, steps);
    assert.deepEqual(parseTrajectory(JSON.parse(JSON.stringify(t))), t);
  });
}

Deno.test("rollout() keeps finished steps when it is interrupted, a prefix of the whole episode", async () => {
  const actions = [roll, roll, idle, stop];
  const controller = new AbortController();
  const policy: Policy = {
    ...plays(actions),
    act: ({ history }) => {
      if (history.length === 2) setTimeout(() => controller.abort(), 0);
      return { action: actions[history.length]! };
    },
  };
  const cut = await rollout(new ToyEnv(), policy, { seed: 4n, signal: controller.signal, now: () => 0 });
  assert.deepEqual([cut.outcome.reason, cut.outcome.truncated, cut.outcome.error], [
    "interrupted",
    true,
    null,
  ]);
  const whole = await rollout(new ToyEnv(), plays([roll, roll, stop]), { seed: 4n, now: () => 0 });
  assert.equal(cut.steps.length, 2);
  assert.deepEqual(cut.steps, whole.steps.slice(0, 2));
});

Deno.test("rollout() is interrupted although the environment ignores the signal", async () => {
  class Deaf extends ToyEnv {
    protected override answer(): Promise<TimeStep> {
      return new Promise(() => {});
    }
  }
  const controller = new AbortController();
  const playing = rollout(new Deaf(), plays([roll]), { signal: controller.signal });
  setTimeout(() => controller.abort(), 0);
  assert.equal((await playing).outcome.reason, "interrupted");
});

Deno.test("rollout() does not start when it is aborted beforehand", async () => {
  const t = await rollout(new ToyEnv(), plays([roll]), { signal: AbortSignal.abort() });
  assert.deepEqual([t.outcome.reason, t.steps.length, t.reset.observation], ["interrupted", 0, ""]);
});

Deno.test("rollout() takes a reset that already ended", async () => {
  class Stillborn extends ToyEnv {
    override reset(): TimeStep {
      return say("over", { truncated: true, info: { reason: "timeout" } });
    }
  }
  const t = await rollout(new Stillborn(), plays([]));
  assert.deepEqual([t.steps.length, t.outcome.reason, t.outcome.truncated], [0, "timeout", true]);
});
