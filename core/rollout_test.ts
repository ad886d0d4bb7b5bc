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

/** Decides the turns in order. */
function decides(turns: readonly Decision[]): Policy {
  let turn = 0;
  return { name: "decides", model: null, reset: () => void (turn = 0), act: () => turns[turn++]! };
}

Deno.test("rollout() carries out all calls of a turn in order, counted as one call of the model", async () => {
  const sides = (count: number): Action => ({ tool: "roll", params: { sides: count } });
  const said = { thought: "hm", tokens, extra: { costUsd: 0.25 } };
  const turns = [{ action: sides(2), ...said }, { action: sides(3), more: [sides(4), sides(5)], ...said }, {
    action: stop,
    more: [],
    ...said,
  }];
  const t = await rollout(new ToyEnv(), decides(turns), { seed: 3n, now: ticking() });
  assert.deepEqual(t.steps.map(({ action }) => action), [sides(2), sides(3), sides(4), sides(5), stop]);
  assert.deepEqual(t.steps.map(({ turn }) => turn), [undefined, 1, 1, 1, undefined]);
  assert.deepEqual(t.steps.map(({ thought }) => thought), ["hm", "hm", "", "", "hm"]);
  assert.deepEqual(t.steps.map((step) => step.tokens), [tokens, tokens, null, null, tokens]);
  assert.deepEqual(t.steps.map(({ extra }) => extra), [
    { costUsd: 0.25 },
    { costUsd: 0.25 },
    undefined,
    undefined,
    { costUsd: 0.25 },
  ]);
  assert.equal(t.steps.some((step) => "turn" in step && step.turn === undefined), false);
  assert.deepEqual([t.usage.promptTokens, t.usage.completionTokens, t.usage.costUsd], [9, 3, 0.75]);
  assert.deepEqual(parseTrajectory(JSON.parse(JSON.stringify(t))), t);
  // The environment does not see turns.
  const apart = await rollout(new ToyEnv(), plays([sides(2), sides(3), sides(4), sides(5), stop]), {
    seed: 3n,
    now: ticking(),
  });
  assert.deepEqual(t.steps.map(({ result }) => result), apart.steps.map(({ result }) => result));
});

Deno.test("rollout() shows a policy every step of the turn before", async () => {
  const seen: [string, number][] = [];
  const policy: Policy = {
    name: "looks",
    model: null,
    act: ({ observation, history }) => {
      seen.push([observation, history.length]);
      return history.length === 0 ? { action: roll, more: [{ tool: "none", params: {} }] } : { action: stop };
    },
  };
  await rollout(new ToyEnv(), policy);
  assert.deepEqual(seen.map(([, count]) => count), [0, 2]);
  assert.equal(seen[1]![0], 'No tool "none"');
});

const unplayed: readonly (readonly [
  what: string,
  more: readonly Action[],
  options: { maxSteps?: number },
  steps: number,
  reason: string | null,
])[] = [
  ["ends in the middle", [stop, roll, roll], {}, 2, null],
  ["reaches its limit of steps", [roll, roll, roll], { maxSteps: 2 }, 2, "max_steps"],
  ["fails", [roll, { tool: "fail", params: {} }, roll], {}, 2, "error"],
  ["is interrupted", [roll, idle, roll], {}, 2, "interrupted"],
];
for (const [what, more, options, steps, reason] of unplayed) {
  Deno.test(`rollout() notes in the last step what was not carried out when the episode ${what}`, async () => {
    const controller = new AbortController();
    class Ending extends ToyEnv {
      protected override answer(...given: Parameters<ToyEnv["answer"]>): TimeStep | Promise<TimeStep> {
        if (given[0].tool === "fail") throw new Error("lost");
        if (given[0].tool === "wait") setTimeout(() => controller.abort(), 0);
        return super.answer(...given);
      }
    }
    const policy = decides([{ action: roll, more, extra: { costUsd: 1 } }, { action: stop }]);
    const t = await rollout(new Ending(), policy, { ...options, signal: controller.signal });
    assert.equal(t.steps.length, steps);
    assert.equal(t.outcome.reason, reason);
    assert.deepEqual(t.steps.map(({ extra }) => extra), [{ costUsd: 1 }, { unplayed: 2 }]);
    assert.deepEqual(t.steps.map(({ turn }) => turn), [0, 0]);
    assert.deepEqual(parseTrajectory(JSON.parse(JSON.stringify(t))), t);
  });
}

Deno.test("rollout() notes what was not carried out beside what the only step of the turn says", async () => {
  const policy = decides([{ action: stop, more: [roll], thought: "hm", tokens, extra: { cut: true } }]);
  const { steps } = await rollout(new ToyEnv(), policy);
  assert.equal(steps.length, 1);
  assert.deepEqual(steps[0]!.extra, { cut: true, unplayed: 1 });
  assert.deepEqual([steps[0]!.turn, steps[0]!.thought, steps[0]!.tokens], [0, "hm", tokens]);
});

Deno.test("rollout() notes nothing when already the first call of a turn fails", async () => {
  class Loses extends ToyEnv {
    protected override answer(action: Action): TimeStep {
      if (action.tool === "stop") throw new Error("lost");
      return say("ok");
    }
  }
  const { steps } = await rollout(new Loses(), decides([{ action: roll }, { action: stop, more: [roll] }]));
  assert.deepEqual(steps.map(({ extra }) => extra), [undefined]);
});

for (
  const [what, more, error] of [
    ["are no list", { tool: "roll" }, 'wanted a list of further actions: received {"tool":"roll"}'],
    [
      "lack a tool",
      [{ params: {} }],
      'wanted an action with a tool and params: received {"action":{"tool":"roll","params":{"sides":"6"}},"more":[{"params":{}}]}',
    ],
    [
      "hold what is no JSON",
      [{ tool: "roll", params: { a: NaN } }],
      "wanted an action that is JSON: action.params.a: expected a JSON value: received NaN",
    ],
  ] as const
) {
  Deno.test(`rollout() refuses further calls that ${what}, and carries out none`, async () => {
    const policy = decides([{ action: roll, more: more as unknown as readonly Action[] }]);
    const { outcome, steps } = await rollout(new ToyEnv(), policy);
    assert.equal(outcome.error, `Cannot act policy "decides": ${error}`);
    assert.equal(steps.length, 0);
  });
}
