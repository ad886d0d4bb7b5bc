/** Real logs of foreign agents through adapters and exporters. */
import assert from "node:assert/strict";
import type { Adapter, LogSource } from "../core/adapter.ts";
import { createKernel } from "../core/kernel.ts";
import type { Contribution } from "../core/kind.ts";
import type { Trajectory } from "../core/trajectory.ts";
import { openhands } from "../plugins/adapters/openhands.ts";
import { sweAgent } from "../plugins/adapters/swe_agent.ts";
import { type ChatMessage, fromOpenAi, messagesOf, toOpenAi } from "../plugins/chat/mod.ts";
import { collect } from "../plugins/exporters/_collect.ts";

const LOGS: Readonly<Record<string, { adapter: Contribution<Adapter>; steps: number }>> = {
  "openhands_v0_output.jsonl": { adapter: openhands, steps: 23 },
  "swe_agent_function_calling.traj": { adapter: sweAgent, steps: 11 },
  "swe_agent_thought_action.traj": { adapter: sweAgent, steps: 12 },
  "swe_agent_simple.traj": { adapter: sweAgent, steps: 5 },
};

async function readLog(file: string, adapter: Contribution<Adapter>): Promise<Trajectory> {
  const bytes = await Deno.readFile(new URL(`../examples/logs/${file}`, import.meta.url));
  const source: LogSource = {
    name: file,
    files: null,
    size: bytes.length,
    open: () => new Blob([bytes]).stream(),
  };
  for await (const trajectory of (await createKernel({ plugins: [] }).make(adapter, {})).read(source)) {
    return trajectory;
  }
  throw new Error(`Cannot read "${file}": wanted a trajectory: received none`);
}

for (const [file, { adapter, steps }] of Object.entries(LOGS)) {
  Deno.test(`${file} exports as conversations, pairs and groups`, async () => {
    const trajectory = await readLog(file, adapter);
    assert.equal(trajectory.steps.length, steps);

    const { messages } = messagesOf(trajectory);
    assert.deepEqual(fromOpenAi(toOpenAi(messages)), messages);

    const { rows, report } = await collect("knowlyr/sft", [trajectory]);
    assert.deepEqual(report, { read: 1, rows: 1, skipped: {} });
    const exported = rows[0]!["messages"] as unknown as readonly (ChatMessage & { train: boolean })[];
    assert.ok(exported.some(({ train }) => train));
    const calls = new Set(exported.flatMap(({ tool_calls }) => tool_calls ?? []).map(({ id }) => id));
    const answered = exported.flatMap(({ tool_call_id }) => tool_call_id ?? []);
    assert.deepEqual([...calls], answered); // every call answered once, in order: one call a turn in these logs

    const good = { ...trajectory, id: "good", reward: 1 };
    const bad = { ...trajectory, id: "bad", reward: 0, steps: trajectory.steps.slice(0, -1) };
    const pairs = await collect("knowlyr/dpo", [bad, good]);
    assert.equal(pairs.rows[0]?.["chosen_id"], "good");
    assert.equal(pairs.rows[0]?.["divergence_turn"], steps - 2);
    assert.equal((await collect("knowlyr/grpo", [bad, good])).rows[0]?.["group_size"], 2);
    for (const id of ["sft", "dpo", "grpo"]) {
      assert.equal((await collect(`knowlyr/knowlyr-${id}`, [bad, good])).rows.length, id === "sft" ? 2 : 1);
    }
  });
}
