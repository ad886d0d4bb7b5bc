import assert from "node:assert/strict";
import type { LogSource, ReadOptions } from "../../core/adapter.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import { fileOf, folderOf, makeAdapter, readAll, realLog } from "./_log_sources_test.ts";
import { sweAgent } from "./swe_agent.ts";

const reader = await makeAdapter(sweAgent);
const CALLS = realLog("swe_agent_function_calling.traj");
const TEXT = realLog("swe_agent_thought_action.traj");
const HISTORY = realLog("swe_agent_simple.traj");

async function one(source: LogSource, options: ReadOptions = {}): Promise<Trajectory> {
  const { trajectories } = await readAll(reader, source, options);
  assert.equal(trajectories.length, 1);
  return trajectories[0]!;
}

const json = (value: unknown) => fileOf("log", JSON.stringify(value));

for (
  const [name, text, count] of [["function calls", CALLS, 11], ["text", TEXT, 12], [
    "history",
    HISTORY,
    5,
  ]] as const
) {
  Deno.test(`read() finds the ${count} steps of the real log of ${name}, with every thought`, async () => {
    const { steps, outcome, system, task } = await one(fileOf("x", text));
    assert.equal(steps.length, count);
    assert.deepEqual(steps.filter(({ thought }) => thought.trim() === ""), []);
    assert.deepEqual(steps.map(({ result }) => result.exitCode).filter((code) => code !== null), []);
    assert.deepEqual([outcome.success, outcome.source], [null, null]);
    assert.ok(system?.startsWith("SETTING: You are an autonomous programmer"));
    assert.ok(task.description.startsWith("We're currently solving the following issue"));
  });
}

Deno.test("read() prefers the arguments that the model wrote", async () => {
  const { steps } = await one(fileOf("x", CALLS));
  assert.deepEqual(steps[5]!.action, {
    tool: "open",
    params: { path: "src/marshmallow/fields.py", line_number: 1474 },
    callId: "call_ahToD2vM0aQWJPkRmy5cumru",
  });
  assert.deepEqual(steps[2]!.action.params, { command: "python reproduce.py" });
  assert.equal(steps[10]!.action.tool, "submit");
});

Deno.test("read() takes task, model, times and patch of the real log", async () => {
  const { task, model, steps, outcome, metadata } = await one(fileOf("x", CALLS));
  assert.deepEqual([task.id, task["baseCommit"], model], [
    "marshmallow-code__marshmallow-1867",
    "bfd2593d4b416122e30cdefe0c72d322ef471611",
    "gpt-4o",
  ]);
  assert.equal(steps[0]!.result.durationMs, 240);
  assert.deepEqual(steps[0]!.extra, {
    state: { open_file: "/testbed/reproduce.py", working_dir: "/testbed" },
  });
  assert.ok(outcome.submission?.includes("diff --git a/src/marshmallow/fields.py"));
  assert.deepEqual([outcome.reason, outcome.terminated, outcome.truncated], ["submitted", true, false]);
  assert.equal(metadata["apiCalls"], 11);
});

Deno.test("read() splits command strings of the real text log and leaves out its demonstration", async () => {
  const { steps, usage, reset } = await one(fileOf("x", TEXT));
  assert.deepEqual(
    steps.map(({ action }) => action.tool).join(" "),
    "create edit bash find_file open edit edit edit edit bash bash submit",
  );
  assert.deepEqual(steps[4]!.action.params, {
    path: "pydicom/pixel_data_handlers/numpy_handler.py",
    line_number: 293,
  });
  assert.deepEqual(steps[0]!.extra, {
    state: { open_file: "n/a", working_dir: "/pydicom__pydicom" },
  });
  assert.deepEqual([usage.promptTokens, usage.completionTokens, usage.costUsd], [122612, 1369, 1.26719]);
  assert.ok(!reset.observation.includes("demonstration of how to correctly accomplish"));
});

Deno.test("read() takes success from a report, by instance or by file name", async () => {
  const report = new Map([["marshmallow-code__marshmallow-1867", false], ["pydicom-1", true]]);
  const named = await one(fileOf("x", CALLS), { report });
  assert.deepEqual([named.outcome.success, named.outcome.source], [false, "harness"]);
  const stem = await one(fileOf("runs/pydicom-1.traj", TEXT), { report });
  assert.equal(stem.outcome.success, true);
});

Deno.test("read() tells limits from submissions", async () => {
  const base = {
    history: [{ role: "user", content: "go" }],
    trajectory: [{ action: "ls", observation: "a", thought: "t" }],
  };
  for (
    const [exit_status, terminated, truncated] of [
      ["submitted", true, false],
      ["submitted (exit_cost)", false, true],
      ["exit_context", false, true],
      [null, null, null],
    ]
  ) {
    const { outcome } = await one(json({ ...base, info: { exit_status } }));
    assert.deepEqual([outcome.terminated, outcome.truncated, outcome.reason, outcome.success], [
      terminated,
      truncated,
      exit_status,
      null,
    ]);
  }
});

Deno.test("read() makes an episode of each attempt and reports only on the chosen one", async () => {
  const attempt = (submission: string) => ({
    trajectory: [{
      action: "submit",
      observation: submission,
      thought: "t",
      query: [{ role: "user", content: "go" }],
    }],
    info: { submission, exit_status: "submitted" },
  });
  const log = {
    attempts: [attempt("a"), attempt("b")],
    ...attempt("b"),
    replay_config: JSON.stringify({
      problem_statement: { id: "i" },
      agent: { agent_configs: [{ model: { name: "m" } }] },
    }),
  };
  const { trajectories } = await readAll(reader, json(log), { report: new Map([["i", true]]) });
  assert.deepEqual(
    trajectories.map((
      { outcome, metadata, model, task },
    ) => [outcome.success, metadata["attempt"], metadata["chosen"], model, task]),
    [
      [null, 0, false, "m", { id: "i", description: "go" }],
      [true, 1, true, "m", { id: "i", description: "go" }],
    ],
  );
});

Deno.test("read() keeps a reply without a command, and the text of arguments that are no JSON", async () => {
  const call = { id: "c", function: { name: "bash", arguments: "{oops" } };
  const { trajectories, issues } = await readAll(
    reader,
    json({
      history: [{ role: "assistant", action: "ls", content: "t", tool_calls: [call] }],
      trajectory: [{ action: "ls", observation: "" }, {
        action: "",
        observation: "",
        response: "Exit due to cost limit",
      }],
    }),
  );
  assert.deepEqual(trajectories[0]!.steps.map(({ action, thought }) => [action, thought]), [
    [{ tool: "bash", params: {}, callId: "c", raw: "{oops" }, "t"],
    [{ tool: "none", params: {}, callId: null }, "Exit due to cost limit"],
  ]);
  assert.deepEqual(issues.map(({ what }) => what), ["unparsed arguments"]);
});

Deno.test("read() reads a folder of logs", async () => {
  const folder = folderOf("d", [
    fileOf("d/a.traj", CALLS),
    fileOf("d/b.traj", TEXT),
    fileOf("d/run.log", "text"),
  ]);
  const { trajectories } = await readAll(reader, folder);
  assert.deepEqual(trajectories.map(({ steps }) => steps.length), [11, 12]);
});

Deno.test("read() refuses what is no log of SWE-agent", async () => {
  await assert.rejects(readAll(reader, json({ a: 1 })), {
    code: "INVALID_DATA",
    message: 'Cannot read SWE-agent log "log": wanted an object with trajectory, history or attempts: ' +
      "received an object with a",
  });
});

Deno.test("detect() goes by structure, whatever the name", () => {
  const sure = (text: string) =>
    reader.detect({
      name: "notes.txt",
      head: text.slice(0, 65536),
      complete: text.length < 65536,
      files: null,
    });
  for (const text of [CALLS, TEXT, HISTORY]) assert.ok(sure(text) > 0.8);
  assert.equal(sure(realLog("openhands_v0_output.jsonl")), 0);
  assert.equal(sure(JSON.stringify({ note: CALLS })), 0);
});

Deno.test("read() gives the same bytes each time", async () => {
  const read = async () => JSON.stringify(await one(fileOf("x", TEXT)));
  assert.equal(await read(), await read());
});
