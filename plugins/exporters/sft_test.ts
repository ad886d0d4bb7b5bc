import assert from "node:assert/strict";
import fc from "fast-check";
import { type Trajectory, unknownOutcome } from "../../core/trajectory.ts";
import { sampleStep, sampleTrajectory } from "../chat/_sample.ts";
import { collect } from "./_collect.ts";

type Message = {
  role: string;
  train: boolean;
  weight: number;
  tool_calls?: { function: { arguments: unknown } }[];
};

const rewarded = (...rewards: (number | null)[]): Trajectory =>
  sampleTrajectory({ steps: rewards.map((reward, index) => sampleStep(index, { reward })) });

Deno.test("sft gives messages, flags, weights and what is known of the episode", async () => {
  const { rows, report } = await collect("knowlyr/sft", [rewarded(0.75, 0.25)]);
  assert.deepEqual(report, { read: 1, rows: 1, skipped: {} });
  const call = (id: string, path: string) => ({
    id,
    type: "function",
    function: { name: "read_file", arguments: { path } },
  });
  assert.deepEqual(rows, [{
    messages: [
      { role: "system", content: "You fix code.", train: false, weight: 0 },
      { role: "user", content: "Fix the sort", train: false, weight: 0 },
      {
        role: "assistant",
        content: "Look at file 0.",
        tool_calls: [call("call00000", "src/f0.ts")],
        train: true,
        weight: 1.5,
      },
      {
        role: "tool",
        content: "line 0",
        name: "read_file",
        tool_call_id: "call00000",
        train: false,
        weight: 0,
      },
      {
        role: "assistant",
        content: "Look at file 1.",
        tool_calls: [call("call00001", "src/f1.ts")],
        train: true,
        weight: 0.5,
      },
      {
        role: "tool",
        content: "line 1",
        name: "read_file",
        tool_call_id: "call00001",
        train: false,
        weight: 0,
      },
    ],
    tools:
      '[{"type":"function","function":{"name":"read_file","description":"Reads.","parameters":{"type":"object","properties":{}}}}]',
    task_id: "t1",
    trajectory_id: "sha256:1",
    reward: null,
    success: null,
    domain: "coding",
    metadata: { agent: "agent", model: "model", total_steps: 2, outcome_source: null, reason: null },
  }]);
});

Deno.test("sft trains neither bad steps nor calls that could not be parsed", async () => {
  const steps = [
    sampleStep(0, { reward: 0.4 }),
    sampleStep(1, { reward: -0.4 }),
    sampleStep(2, { reward: 0.9, action: { tool: "edit", params: {}, raw: "{" } }),
    sampleStep(3, { reward: 0.4 }),
  ];
  const { rows } = await collect("knowlyr/sft", [sampleTrajectory({ steps, system: null })]);
  const weights = (rows[0]!["messages"] as unknown as Message[]).map(({ weight }) => weight);
  assert.deepEqual(weights, [0, 1, 0, 0, 0, 0, 0, 1, 0]);
});

Deno.test("sft trains plain text that an environment understood, and no other", async () => {
  const text = (index: number, invalid: boolean) =>
    sampleStep(index, {
      thought: "",
      action: { tool: "", params: {}, raw: `say ${index}` },
      ...(invalid ? { extra: { invalid: true } } : {}),
    });
  const steps = [text(0, false), text(1, true)];
  const env = { id: "a/b-v1", options: {}, wrappers: [], seed: "0" };
  const { rows } = await collect("knowlyr/sft", [sampleTrajectory({ steps, system: null, env })]);
  const messages = rows[0]!["messages"] as unknown as (Message & { content: string })[];
  const said = messages.filter(({ role }) => role === "assistant");
  assert.deepEqual(said.map(({ content, train }) => [content, train]), [["say 0", true], ["say 1", false]]);
  const foreign = await collect("knowlyr/sft", [sampleTrajectory({ steps, system: null })]);
  assert.deepEqual(foreign.report.skipped, { "nothing to train on": 1 });
});

Deno.test("sft weights a turn of parallel calls by the mean of their rewards", async () => {
  const steps = [
    sampleStep(0, { reward: 0.2, turn: 0 }),
    sampleStep(1, { reward: 0.4, turn: 0 }),
    sampleStep(2, { reward: 0.9, turn: 1 }),
  ];
  const { rows } = await collect("knowlyr/sft", [sampleTrajectory({ steps, system: null })]);
  const weights = (rows[0]!["messages"] as unknown as Message[]).map(({ weight }) => weight);
  assert.deepEqual(weights.map((weight) => Number(weight.toFixed(9))), [0, 0.5, 0, 0, 1.5, 0]);
});

Deno.test("sft trains the roles it is told, and writes tools and arguments as it is told", async () => {
  const { rows } = await collect("knowlyr/sft", [rewarded(0.75, 0.25)], {
    trainOn: ["tool", "assistant"],
    toolsAs: "json",
    argumentsAs: "string",
  });
  const messages = rows[0]!["messages"] as unknown as Message[];
  assert.deepEqual(messages.map(({ weight }) => weight), [0, 0, 1.5, 1, 0.5, 1]);
  assert.equal(messages[2]?.tool_calls?.[0]?.function.arguments, '{"path":"src/f0.ts"}');
  assert.ok(Array.isArray(rows[0]!["tools"]));
});

Deno.test("sft counts what it skips by reason", async () => {
  const solved = { ...unknownOutcome, success: true, source: "tests" as const };
  const trajectories = [
    sampleTrajectory({ steps: [] }),
    sampleTrajectory({ outcome: { ...solved, success: false }, reward: 1 }),
    sampleTrajectory({ reward: 1 }),
    sampleTrajectory({ outcome: solved }),
    sampleTrajectory({ outcome: solved, reward: 0.4 }),
    { ...rewarded(-1, -0.5), outcome: solved, reward: 0.5 },
    sampleTrajectory({
      outcome: solved,
      reward: 0.5,
      steps: [sampleStep(0, { action: { tool: "", params: {}, raw: "?" } })],
    }),
    sampleTrajectory({ outcome: solved, reward: 0.5 }),
  ];
  assert.deepEqual(
    (await collect("knowlyr/sft", trajectories, { success: "success", minReward: 0.5 })).report,
    {
      read: 8,
      rows: 1,
      skipped: {
        "no steps": 1,
        "not successful": 1,
        "success unknown": 1,
        "no reward": 1,
        "reward below minReward": 1,
        "no step has a positive reward": 1,
        "nothing to train on": 1,
      },
    },
  );
});

Deno.test("sft gives trained messages a mean weight of one", async () => {
  const rewards = fc.array(fc.option(fc.double({ min: -1, max: 1, noNaN: true })), {
    minLength: 1,
    maxLength: 5,
  });
  await fc.assert(fc.asyncProperty(rewards, async (given) => {
    const { rows } = await collect("knowlyr/sft", [rewarded(...given)]);
    fc.pre(rows.length === 1);
    const trained = (rows[0]!["messages"] as unknown as Message[]).filter(({ train }) => train);
    assert.ok(trained.every(({ role, weight }) => role === "assistant" && weight > 0));
    const mean = trained.reduce((sum, { weight }) => sum + weight, 0) / trained.length;
    assert.ok(Math.abs(mean - 1) < 1e-9);
  }));
});
