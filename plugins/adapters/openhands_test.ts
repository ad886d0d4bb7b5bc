import assert from "node:assert/strict";
import type { LogSource, ReadOptions } from "../../core/adapter.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import { fileOf, folderOf, linesOf, makeAdapter, readAll, realLog } from "./_log_sources_test.ts";
import { openhands } from "./openhands.ts";

type Event = Record<string, unknown>;

const reader = await makeAdapter(openhands);
const ROW = realLog("openhands_v0_output.jsonl");
const EVENTS: readonly Event[] = JSON.parse(ROW).history;

async function one(source: LogSource, options: ReadOptions = {}): Promise<Trajectory> {
  const { trajectories } = await readAll(reader, source, options);
  assert.equal(trajectories.length, 1);
  return trajectories[0]!;
}

const lines = (events: readonly unknown[]) => fileOf("log", linesOf(events));
const user = (content: string): Event => ({ id: 0, source: "user", action: "message", args: { content } });
const run = (id: number, command: string, args: Event = {}): Event => ({
  id,
  source: "agent",
  action: "run",
  args: { command, thought: `t${id}`, ...args },
});
const ran = (id: number, cause: number | undefined, content: string, exitCode = 0): Event => ({
  id,
  source: "agent",
  ...(cause === undefined ? {} : { cause }),
  observation: "run",
  content,
  extras: { metadata: { exit_code: exitCode } },
});

Deno.test("read() finds the 23 steps of the real row, with every thought", async () => {
  const { steps } = await one(fileOf("x", ROW));
  assert.equal(steps.length, 23);
  assert.deepEqual(steps.filter(({ thought }) => thought === ""), []);
});

Deno.test("read() keeps the names and arguments of the model's own calls", async () => {
  const { steps } = await one(fileOf("x", ROW));
  assert.deepEqual(steps[0]!.action, {
    tool: "execute_bash",
    params: { command: "ls -l /workspace/ponylang__ponyc__0.1" },
    callId: "toolu_01",
  });
  assert.deepEqual([steps[4]!.action.tool, steps[4]!.action.params["command"]], [
    "str_replace_editor",
    "view",
  ]);
  assert.deepEqual(steps.slice(-2).map(({ action }) => action.tool), ["think", "finish"]);
});

Deno.test("read() takes real exit codes, and null where the log has none", async () => {
  const { steps } = await one(fileOf("x", ROW));
  const codes = steps.map(({ result }) => result.exitCode);
  assert.deepEqual(codes.slice(14), [0, 127, 2, 2, 127, 0, 127, null, null]);
  assert.equal(codes.filter((code) => code === null).length, 10);
});

Deno.test("read() takes task, model, tokens, cost and patch from the real row", async () => {
  const trajectory = await one(fileOf("x", ROW));
  assert.equal(trajectory.task.id, "ponylang__ponyc-4595");
  assert.equal(trajectory.task["baseCommit"], "f8a2feebba3aea298bde89d445ad35ca48602ca7");
  assert.ok(trajectory.task.description.startsWith("<uploaded_files>\n/workspace/ponylang__ponyc__0.1\n"));
  assert.equal(trajectory.agent, "openhands/CodeActAgent");
  assert.equal(trajectory.model, "openai/openrouter-llama-4-maverick");
  assert.equal(trajectory.tools?.length, 4);
  assert.ok(trajectory.system?.startsWith("You are OpenHands agent"));
  assert.deepEqual(trajectory.usage, {
    promptTokens: 565158,
    completionTokens: 2558,
    costUsd: 0,
    durationMs: 88241,
  });
  assert.deepEqual(
    [trajectory.steps[0]!.tokens?.promptTokens, trajectory.steps[0]!.tokens?.completionTokens],
    [5920, 128],
  );
  assert.equal(trajectory.steps[0]!.timestamp, "2025-04-30T16:32:57.821Z");
  assert.ok(trajectory.outcome.submission?.startsWith("diff --git a/src/libponyc/ast/parser.c"));
  assert.deepEqual([trajectory.outcome.success, trajectory.outcome.source, trajectory.outcome.reason], [
    null,
    null,
    "finish",
  ]);
});

Deno.test("read() gives a failed edit its error and no exit code", async () => {
  const { steps } = await one(fileOf("x", ROW));
  assert.ok(steps[11]!.result.error?.startsWith("No replacement was performed"));
  assert.equal(steps[11]!.result.exitCode, null);
});

Deno.test("read() finds the same steps in every container of V0", async () => {
  const { steps } = await one(fileOf("x", ROW));
  const pairs = EVENTS.slice(0, 3).map((event) => [event, { observation: "null", content: "", extras: {} }]);
  for (let at = 4; at < EVENTS.length; at += 2) pairs.push([EVENTS[at]!, EVENTS[at + 1] ?? pairs[0]![1]!]);
  const events = EVENTS.map((event, index) => fileOf(`s/events/${index}.json`, JSON.stringify(event)));
  const containers = {
    array: fileOf("x", JSON.stringify(EVENTS)),
    "pretty array": fileOf("x", JSON.stringify(EVENTS, null, 2)),
    lines: lines(EVENTS),
    "pretty row": fileOf("x", JSON.stringify(JSON.parse(ROW), null, 1)),
    trajectory: fileOf("x", JSON.stringify({ trajectory: EVENTS })),
    folder: folderOf("s", events),
    pairs: lines([{ instance_id: "i", history: pairs }]),
  };
  for (const [name, source] of Object.entries(containers)) {
    assert.deepEqual((await one(source)).steps, steps, name);
  }
});

Deno.test("read() starts an episode where the ids start again", async () => {
  const { trajectories } = await readAll(reader, lines([...EVENTS, ...EVENTS]));
  assert.deepEqual(trajectories.map(({ steps }) => steps.length), [23, 23]);
});

Deno.test("read() does not take a change of state for the result", async () => {
  const state = {
    id: 2,
    source: "environment",
    observation: "agent_state_changed",
    content: "",
    extras: { agent_state: "running" },
  };
  const { steps } = await one(lines([user("go"), run(1, "ls"), state, ran(3, 1, "a.py")]));
  assert.deepEqual(steps.map(({ result }) => [result.output, result.exitCode]), [["a.py", 0]]);
});

Deno.test("read() keeps an error observation as an error without exit code", async () => {
  const error = {
    id: 2,
    source: "agent",
    cause: 1,
    observation: "error",
    content: "no such tool",
    extras: {},
  };
  const { steps } = await one(lines([user("go"), run(1, "ls"), error]));
  const { output, exitCode, error: why } = steps[0]!.result;
  assert.deepEqual([output, exitCode, why], ["no such tool", null, "no such tool"]);
});

Deno.test("read() reads old places of thought and exit code, and pairs without ids", async () => {
  const { steps, agent, model } = await one(lines([
    { action: "message", source: "user", args: { content: "go", task_id: "t" } },
    { action: "run", args: { command: "ls" }, thought: "look" },
    { observation: "run", content: "a", extras: { exit_code: 3, model: "gpt", agent_class: "CodeActAgent" } },
  ]));
  assert.deepEqual([steps[0]!.action.tool, steps[0]!.action.params], ["run", { command: "ls" }]);
  assert.deepEqual([steps[0]!.thought, steps[0]!.result.exitCode, agent, model], [
    "look",
    3,
    "openhands/CodeActAgent",
    "gpt",
  ]);
});

Deno.test("read() falls back to the model's message for a thought", async () => {
  const meta = {
    function_name: "execute_bash",
    tool_call_id: "c",
    model_response: {
      id: "r",
      choices: [{ message: { content: [{ type: "text", text: "I look" }], tool_calls: [] } }],
    },
  };
  const { steps } = await one(
    lines([user("go"), { ...run(1, "ls", { thought: "" }), tool_call_metadata: meta }, ran(2, 1, "")]),
  );
  assert.deepEqual([steps[0]!.thought, steps[0]!.action.tool], ["I look", "execute_bash"]);
});

Deno.test("read() gives parallel calls one turn and counts their tokens once", async () => {
  const response = (id: string) => ({
    id,
    model: "m",
    usage: { prompt_tokens: 10, completion_tokens: 2 },
    choices: [{
      message: {
        content: "both",
        tool_calls: ["a", "b"].map((call) => ({
          id: call,
          function: { name: "execute_bash", arguments: `{"command":"${call}"}` },
        })),
      },
    }],
  });
  const call = (id: number, callId: string, responseId: string) => ({
    ...run(id, callId),
    tool_call_metadata: {
      function_name: "execute_bash",
      tool_call_id: callId,
      model_response: response(responseId),
      total_calls_in_response: 2,
    },
  });
  const { steps, usage } = await one(lines([
    user("go"),
    call(1, "a", "r1"),
    call(2, "b", "r1"),
    ran(3, 2, "of b"),
    { ...ran(4, undefined, "of a"), tool_call_metadata: { tool_call_id: "a" } },
    call(5, "a", "r2"),
    ran(6, 5, "again"),
  ]));
  assert.deepEqual(steps.map(({ result }) => result.output), ["of a", "of b", "again"]);
  assert.deepEqual(steps.map(({ turn }) => turn), [0, 0, 1]);
  assert.deepEqual(steps.map(({ tokens }) => tokens?.promptTokens ?? null), [10, null, 10]);
  assert.deepEqual([usage.promptTokens, usage.completionTokens], [20, 4]);
});

Deno.test("read() keeps the text of arguments that are no JSON", async () => {
  const meta = {
    function_name: "execute_bash",
    tool_call_id: "c",
    model_response: {
      choices: [{ message: { tool_calls: [{ id: "c", function: { arguments: "{oops" } }] } }],
    },
  };
  const { trajectories, issues } = await readAll(
    reader,
    lines([user("go"), { ...run(1, "ls"), tool_call_metadata: meta }, ran(2, 1, "")]),
  );
  assert.deepEqual(trajectories[0]!.steps[0]!.action, {
    tool: "execute_bash",
    params: {},
    callId: "c",
    raw: "{oops",
  });
  assert.deepEqual(issues.map(({ what }) => what), ["unparsed arguments"]);
});

Deno.test("read() reports corrupt lines, unknown events and unpaired ones, and goes on", async () => {
  const text = linesOf([user("go"), run(1, "ls"), ran(2, 1, "a"), run(3, "pwd"), ran(4, 99, "lost"), {
    id: 5,
    source: "agent",
    observation: "telepathy",
    cause: 77,
  }]);
  const broken = `${text.slice(0, text.indexOf("\n"))}\n{"id": 1, "act\n${
    text.slice(text.indexOf("\n") + 1)
  }`;
  const { trajectories, issues } = await readAll(reader, fileOf("log", broken));
  assert.deepEqual(trajectories[0]!.steps.map(({ action }) => action.params["command"]), ["ls", "pwd"]);
  assert.deepEqual(trajectories[0]!.steps[1]!.extra, { unpaired: true });
  assert.deepEqual(issues.map(({ what, line }) => [what, line]), [
    ["corrupt line", 2],
    ["unpaired observation", 6],
    ["unknown event", 7],
    ["unpaired action", undefined],
  ]);
});

Deno.test("read() takes the answer of the user for the result of a message", async () => {
  const asked = {
    id: 1,
    source: "agent",
    action: "message",
    args: { content: "Which file?", wait_for_response: true },
  };
  const { steps } = await one(
    lines([user("go"), asked, { ...user("a.py"), id: 2 }, run(3, "cat a.py"), ran(4, 3, "x")]),
  );
  assert.deepEqual(steps.map(({ action }) => action.tool), ["message", "run"]);
  assert.deepEqual([steps[0]!.action.params, steps[0]!.result.output], [{ content: "Which file?" }, "a.py"]);
});

Deno.test("read() refuses what is no log of OpenHands", async () => {
  await assert.rejects(readAll(reader, lines([{ role: "user", content: "hi" }])), {
    code: "INVALID_DATA",
    message:
      'Cannot read OpenHands log "log": wanted events with action, observation or kind, or rows with history: ' +
      "received an object with role, content",
  });
  await assert.rejects(readAll(reader, fileOf("empty", "")), {
    message:
      'Cannot read OpenHands log "empty": wanted events with action, observation or kind, or rows with ' +
      "history: received nothing",
  });
});

const finish = (args: Event): Event => ({ id: 9, source: "agent", action: "finish", args });
const outcomes: readonly (readonly [string, readonly Event[], Event, readonly unknown[]])[] = [
  ["words that only look like a result", [run(1, "cat pw.log"), ran(2, 1, "password passed over")], {}, [
    null,
    null,
    null,
    null,
  ]],
  ["the summary of another command", [run(1, "grep pytest log"), ran(2, 1, "== 3 passed in 0.1s ==")], {}, [
    null,
    null,
    null,
    null,
  ]],
  ["a run of tests", [run(1, "cd x && python -m pytest -q"), ran(2, 1, "3 passed in 0.1s")], {}, [
    true,
    "tests",
    3,
    0,
  ]],
  [
    "the last run of tests",
    [
      run(1, "pytest"),
      ran(2, 1, "=== 3 passed in 0.1s ==="),
      run(3, "pytest"),
      ran(4, 3, "=== 1 failed, 2 passed in 0.1s ===", 1),
    ],
    {},
    [false, "tests", 2, 1],
  ],
  [
    "tests before the claim",
    [run(1, "pytest"), ran(2, 1, "1 failed in 0.1s", 1), finish({ task_completed: "true" })],
    {},
    [false, "tests", 0, 1],
  ],
  ["the claim", [finish({ task_completed: "true" })], {}, [true, "finish", null, null]],
  ["a claim in part", [finish({ task_completed: "partial" })], {}, [null, null, null, null]],
  ["the word false", [finish({ outputs: { success: "false" } })], {}, [false, "finish", null, null]],
  ["the harness before tests", [run(1, "pytest"), ran(2, 1, "1 passed in 0.1s")], {
    report: { resolved: false },
  }, [false, "harness", 1, 0]],
  ["the harness in the test result", [finish({})], {
    test_result: { git_patch: "d", report: { resolved: true } },
  }, [true, "harness", null, null]],
];
for (const [name, events, row, expected] of outcomes) {
  Deno.test(`read() judges success by ${name}`, async () => {
    const { outcome } = await one(lines([{ instance_id: "i", history: [user("go"), ...events], ...row }]));
    assert.deepEqual([outcome.success, outcome.source, outcome.testsPassed, outcome.testsFailed], expected);
  });
}

Deno.test("read() takes success from a report by instance", async () => {
  const { outcome } = await one(fileOf("x", ROW), { report: new Map([["ponylang__ponyc-4595", true]]) });
  assert.deepEqual([outcome.success, outcome.source], [true, "harness"]);
});

Deno.test("read() tells a limit from an end of the task", async () => {
  const error = "RuntimeError: Agent reached maximum iteration in headless mode";
  const cut = await one(
    lines([{ instance_id: "i", history: [user("go"), run(1, "ls"), ran(2, 1, "")], error }]),
  );
  assert.deepEqual([cut.outcome.terminated, cut.outcome.truncated, cut.outcome.reason, cut.outcome.error], [
    false,
    true,
    "max_steps",
    error,
  ]);
  const open = await one(lines([user("go"), run(1, "ls"), ran(2, 1, "")]));
  assert.deepEqual([open.outcome.terminated, open.outcome.truncated, open.outcome.reason], [
    null,
    null,
    null,
  ]);
});

const V1: readonly Event[] = [
  {
    id: "s",
    kind: "SystemPromptEvent",
    source: "agent",
    timestamp: "2025-11-01T10:00:00.000001",
    system_prompt: { type: "text", text: "Be good" },
    tools: [{
      type: "function",
      function: { name: "terminal", description: "d", parameters: { type: "object" } },
    }],
  },
  {
    id: "u",
    kind: "MessageEvent",
    source: "user",
    timestamp: "2025-11-01T10:00:01",
    llm_message: { role: "user", content: [{ type: "text", text: "Fix it" }] },
  },
  {
    id: "a",
    kind: "ActionEvent",
    source: "agent",
    timestamp: "2025-11-01T10:00:02",
    thought: [{ type: "text", text: "I look" }],
    action: { kind: "TerminalAction", command: "ls" },
    tool_name: "terminal",
    tool_call_id: "c1",
    tool_call: { id: "c1", name: "terminal", arguments: '{"command":"ls"}' },
    llm_response_id: "r1",
  },
  {
    id: "b",
    kind: "ActionEvent",
    source: "agent",
    timestamp: "2025-11-01T10:00:02",
    thought: [],
    reasoning_content: "and edit",
    action: { kind: "FileEditorAction", path: "a" },
    tool_name: "file_editor",
    tool_call_id: "c2",
    llm_response_id: "r1",
  },
  {
    id: "e",
    kind: "AgentErrorEvent",
    source: "agent",
    timestamp: "2025-11-01T10:00:03",
    tool_name: "file_editor",
    tool_call_id: "c2",
    error: "no such file",
  },
  {
    id: "o",
    kind: "ObservationEvent",
    source: "environment",
    timestamp: "2025-11-01T10:00:04",
    tool_name: "terminal",
    tool_call_id: "c1",
    action_id: "a",
    observation: { kind: "TerminalObservation", content: [{ type: "text", text: "a.py" }], exit_code: 0 },
  },
  {
    id: "f",
    kind: "ActionEvent",
    source: "agent",
    timestamp: "2025-11-01T10:00:05",
    thought: [],
    action: { kind: "FinishAction", message: "Done" },
    tool_name: "finish",
    tool_call_id: "c3",
    llm_response_id: "r2",
  },
];
const STATE = {
  id: "x",
  agent: { kind: "Agent", llm: { model: "claude" } },
  execution_status: "finished",
  stats: {
    usage_to_metrics: {
      agent: {
        model_name: "claude-x",
        accumulated_cost: 0.5,
        accumulated_token_usage: { prompt_tokens: 30, completion_tokens: 4 },
        token_usages: [{ response_id: "r1", prompt_tokens: 10, completion_tokens: 1 }],
      },
    },
  },
};

Deno.test("read() reads a folder of the SDK with its state", async () => {
  const events = V1.map((event, index) =>
    fileOf(`c/events/event-0000${index}-${event["id"]}.json`, JSON.stringify(event))
  );
  const trajectory = await one(
    folderOf("c", [fileOf("c/base_state.json", JSON.stringify(STATE)), ...events]),
  );
  const { steps, usage, outcome } = trajectory;
  assert.deepEqual(steps.map(({ action }) => action), [
    { tool: "terminal", params: { command: "ls" }, callId: "c1" },
    { tool: "file_editor", params: { path: "a" }, callId: "c2" },
    { tool: "finish", params: { message: "Done" }, callId: "c3" },
  ]);
  assert.deepEqual(steps.map(({ thought }) => thought), ["I look", "and edit", ""]);
  assert.deepEqual(steps.map(({ turn }) => turn), [0, 0, 1]);
  assert.deepEqual(
    steps.map(({ result }) => [result.output, result.exitCode, result.error, result.durationMs]),
    [
      ["a.py", 0, null, 2000],
      ["no such file", null, "no such file", 1000],
      ["", null, null, null],
    ],
  );
  assert.deepEqual(steps.map(({ tokens }) => tokens?.promptTokens ?? null), [10, null, null]);
  assert.deepEqual(usage, { promptTokens: 30, completionTokens: 4, costUsd: 0.5, durationMs: 5000 });
  assert.deepEqual([trajectory.model, trajectory.system, trajectory.tools?.length], [
    "claude-x",
    "Be good",
    1,
  ]);
  assert.deepEqual([outcome.success, outcome.terminated, outcome.reason], [null, true, "finish"]);
  assert.equal(trajectory.task.description, "Fix it");
});

Deno.test("read() reads SDK events as lines with the same steps but tokens", async () => {
  const { steps, usage } = await one(lines(V1));
  assert.deepEqual(steps.map(({ result }) => result.output), ["a.py", "no such file", ""]);
  assert.equal(usage.promptTokens, null);
});

Deno.test("detect() goes by structure, whatever the name", async () => {
  const sure = (text: string) =>
    reader.detect({
      name: "notes.txt",
      head: text.slice(0, 65536),
      complete: text.length < 65536,
      files: null,
    });
  for (const text of [ROW, linesOf(EVENTS), JSON.stringify(EVENTS, null, 2), linesOf(V1)]) {
    assert.ok(sure(text) >= 0.9);
  }
  assert.equal(sure(realLog("swe_agent_function_calling.traj")), 0);
  assert.equal(sure(linesOf([{ note: ROW }])), 0);
  const source = fileOf("notes.txt", linesOf(EVENTS));
  assert.equal((await one(source)).steps.length, 23);
});

Deno.test("read() gives the same bytes each time", async () => {
  const read = async () => JSON.stringify(await one(fileOf("x", ROW)));
  assert.equal(await read(), await read());
});
