import assert from "node:assert/strict";
import { type Trajectory, unknownOutcome } from "../../core/trajectory.ts";
import { sampleStep, sampleTrajectory } from "../chat/_sample.ts";
import { collect } from "./_collect.ts";

const of = (
  id: string,
  reward: number | null,
  thought: string,
  given: Partial<Trajectory> = {},
): Trajectory => sampleTrajectory({ id, reward, steps: [sampleStep(0, { thought, reward: 0.5 })], ...given });

const response = (thought: string) =>
  `Step 1:\nThought: ${thought}\nAction: read_file({"path":"src/f0.ts"})\nObservation: line 0`;

Deno.test("knowlyr-sft gives instruction, input, response and steps", async () => {
  const task = { id: "t1", description: "Fix sort", repo: "o/r", baseCommit: "abc", testCommand: "pytest" };
  const { rows } = await collect("knowlyr/knowlyr-sft", [of("a", 0.6, "look", { task })]);
  assert.deepEqual(rows, [{
    instruction: "Fix sort",
    input: '{"repo":"o/r","base_commit":"abc","test_command":"pytest"}',
    response: response("look"),
    task_id: "t1",
    reward: 0.6,
    metadata: { agent_framework: "agent", agent_model: "model", total_steps: 1 },
    steps: [{
      thought: "look",
      action: 'read_file({"path":"src/f0.ts"})',
      observation: "line 0",
      reward: 0.5,
    }],
  }]);
});

Deno.test("knowlyr-sft separates steps by a blank line and leaves empty parts out", async () => {
  const bare = { ...sampleStep(0).result, output: "" };
  const steps = [
    sampleStep(0, { thought: "", action: { tool: "submit", params: {} }, result: bare }),
    sampleStep(1, { thought: "hm", action: { tool: "edit", params: {}, raw: "{" }, result: bare }),
    sampleStep(2, { thought: "hm", action: { tool: "", params: {} } }),
  ];
  const { rows } = await collect("knowlyr/knowlyr-sft", [
    sampleTrajectory({ steps, task: { id: "t9", description: "" }, model: null }),
  ], { steps: false });
  assert.deepEqual(rows, [{
    instruction: "Solve task: t9",
    input: "",
    response:
      "Step 1:\nAction: submit\n\nStep 2:\nThought: hm\nAction: edit({)\n\nStep 3:\nThought: hm\nObservation: line 2",
    task_id: "t9",
    reward: null,
    metadata: { agent_framework: "agent", agent_model: "", total_steps: 3 },
  }]);
});

Deno.test("knowlyr-sft counts what it skips by reason", async () => {
  const failed = { ...unknownOutcome, success: false, source: "tests" as const };
  const trajectories = [sampleTrajectory({ steps: [] }), of("a", 1, ""), of("b", 1, "", { outcome: failed })];
  assert.deepEqual((await collect("knowlyr/knowlyr-sft", trajectories, { success: "success" })).report, {
    read: 3,
    rows: 0,
    skipped: { "no steps": 1, "success unknown": 1, "not successful": 1 },
  });
});

Deno.test("knowlyr-dpo gives texts and the margin of rewards", async () => {
  const trajectories = [of("a", 0.6, "bad"), of("b", 0.9, "good", { model: "m2" })];
  assert.deepEqual(await collect("knowlyr/knowlyr-dpo", trajectories), {
    rows: [{
      prompt: "Fix the sort",
      chosen: response("good"),
      rejected: response("bad"),
      task_id: "t1",
      reward_margin: 0.3,
      metadata: { chosen_model: "m2", rejected_model: "model", chosen_reward: 0.9, rejected_reward: 0.6 },
    }],
    report: { read: 2, rows: 1, skipped: {} },
  });
});

Deno.test("knowlyr-grpo gives all episodes of a task in the order they came", async () => {
  const trajectories = [
    of("a", 0.6, "bad"),
    of("b", 0.9, "good"),
    of("c", 1, "x", { task: { id: "t2", description: "" } }),
  ];
  assert.deepEqual(await collect("knowlyr/knowlyr-grpo", trajectories), {
    rows: [{
      task_id: "t1",
      prompt: "Fix the sort",
      trajectories: [
        { response: response("bad"), reward: 0.6, step_rewards: [0.5] },
        { response: response("good"), reward: 0.9, step_rewards: [0.5] },
      ],
    }],
    report: { read: 3, rows: 1, skipped: { "too few episodes of its task": 1 } },
  });
});
