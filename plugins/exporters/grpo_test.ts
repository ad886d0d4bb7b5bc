import assert from "node:assert/strict";
import fc from "fast-check";
import { type StepTokens, type Trajectory, unknownOutcome } from "../../core/trajectory.ts";
import { sampleStep, sampleTrajectory } from "../chat/_sample.ts";
import { collect } from "./_collect.ts";

const tokens: StepTokens = {
  promptIds: [1, 2],
  completionIds: [3],
  logProbs: [-0.5],
  sampling: { temperature: 1, topK: null, topP: null, minP: null, repetitionPenalty: null, seed: "7" },
  promptTokens: 2,
  completionTokens: 1,
  reencoded: false,
};

const of = (id: string, reward: number | null, task = "t", given: Partial<Trajectory> = {}): Trajectory =>
  sampleTrajectory({
    id,
    reward,
    task: { id: task, description: "Do it" },
    system: null,
    tools: null,
    ...given,
  });

Deno.test("grpo gives a group all its episodes with rewards and recorded tokens", async () => {
  const steps = [sampleStep(0, { reward: 0.5, tokens, thought: "" })];
  const { rows, report } = await collect("knowlyr/grpo", [
    of("a", 1, "t", { steps, outcome: { ...unknownOutcome, truncated: true } }),
    of("b", 0),
  ]);
  const [first, second] = rows[0]!["completions"] as unknown as Record<string, unknown>[];
  assert.deepEqual(first, {
    messages: [
      {
        role: "assistant",
        content: "",
        tool_calls: [{
          id: "call00000",
          type: "function",
          function: { name: "read_file", arguments: { path: "src/f0.ts" } },
        }],
      },
      { role: "tool", content: "line 0", name: "read_file", tool_call_id: "call00000" },
    ],
    reward: 1,
    trajectory_id: "a",
    success: null,
    truncated: true,
    step_rewards: [0.5],
    tokens: [{
      step: 0,
      prompt_ids: [1, 2],
      completion_ids: [3],
      logprobs: [-0.5],
      sampling: { temperature: 1, topK: null, topP: null, minP: null, repetitionPenalty: null, seed: "7" },
      reencoded: false,
    }],
  });
  assert.equal(second?.["tokens"], null);
  const { completions: _, ...rest } = rows[0]!;
  assert.deepEqual(rest, {
    task_id: "t",
    prompt: [{ role: "user", content: "Do it" }],
    tools: null,
    group_size: 2,
    reward_mean: 0.5,
    reward_std: 0.5,
    zero_variance: false,
  });
  assert.deepEqual(report, { read: 2, rows: 1, skipped: {} });
});

Deno.test("grpo takes the tokens of parallel calls once, and none when a call lacks them", async () => {
  const parallel = [
    sampleStep(0, { turn: 0, tokens }),
    sampleStep(1, { turn: 0 }),
    sampleStep(2, { turn: 1, tokens }),
  ];
  const partial = [sampleStep(0, { tokens }), sampleStep(1, { tokens: { ...tokens, completionIds: null } })];
  const { rows } = await collect("knowlyr/grpo", [
    of("a", 1, "t", { steps: parallel }),
    of("b", 0, "t", { steps: partial }),
  ]);
  const [first, second] = rows[0]!["completions"] as unknown as {
    tokens: { step: number }[] | null;
  }[];
  assert.deepEqual(first?.tokens?.map(({ step }) => step), [0, 2]);
  assert.equal(second?.tokens, null);
});

Deno.test("grpo marks groups without variance, and drops them when told", async () => {
  const group = [of("a", 0.1), of("b", 0.1), of("c", 0.1)];
  const { rows } = await collect("knowlyr/grpo", group);
  assert.deepEqual([rows[0]!["reward_mean"], rows[0]!["reward_std"], rows[0]!["zero_variance"]], [
    0.1,
    0,
    true,
  ]);
  assert.deepEqual((await collect("knowlyr/grpo", group, { zeroVariance: "drop" })).report, {
    read: 3,
    rows: 0,
    skipped: { "rewards all equal": 3 },
  });
});

Deno.test("grpo flat rows carry prompts only, of every task", async () => {
  const { rows } = await collect("knowlyr/grpo", [
    of("a", null, "t", { steps: [] }),
    of("b", 1, "u"),
    of("c", 0, "u"),
  ], {
    rows: "flat",
  });
  assert.deepEqual(rows, [
    {
      task_id: "t",
      prompt: [{ role: "user", content: "Do it" }],
      tools: null,
      domain: "coding",
      task: '{"id":"t","description":"Do it"}',
      group_size: 1,
      reward_mean: null,
      reward_std: null,
      zero_variance: null,
    },
    {
      task_id: "u",
      prompt: [{ role: "user", content: "Do it" }],
      tools: null,
      domain: "coding",
      task: '{"id":"u","description":"Do it"}',
      group_size: 2,
      reward_mean: 0.5,
      reward_std: 0.5,
      zero_variance: false,
    },
  ]);
});

Deno.test("grpo partitions the episodes", async () => {
  const draft = fc.record({
    reward: fc.option(fc.constantFrom(0, 0.5, 1)),
    task: fc.constantFrom("x", "y", "z"),
  });
  await fc.assert(fc.asyncProperty(fc.array(draft, { maxLength: 10 }), async (drafts) => {
    const trajectories = drafts.map(({ reward, task }, index) => of(`e${index}`, reward, task));
    const { rows, report } = await collect("knowlyr/grpo", trajectories);
    const ids = rows.flatMap((row) =>
      (row["completions"] as unknown as { trajectory_id: string }[]).map(({ trajectory_id }) => trajectory_id)
    );
    assert.equal(new Set(ids).size, ids.length);
    const skipped = Object.values(report.skipped).reduce((sum, count) => sum + count, 0);
    assert.equal(ids.length + skipped, trajectories.length);
    assert.equal(new Set(rows.map((row) => row["task_id"])).size, rows.length);
  }));
});
