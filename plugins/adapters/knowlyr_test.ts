import { deepEqual, equal, rejects } from "node:assert/strict";
import fc from "fast-check";
import type { LogIssue, LogSample, LogSource } from "../../core/adapter.ts";
import { createKernel } from "../../core/kernel.ts";
import { definePlugin } from "../../core/plugin.ts";
import { detectAdapter, readLogs, sampleOf } from "../../core/logs.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import { parseTrajectory } from "../../core/trajectory_schema.ts";
import { trajectories } from "../../core/trajectory_arbitrary_test.ts";
import { knowlyrRecorder } from "../exporters/knowlyr_recorder.ts";
import { firstValue } from "./_first_value.ts";
import { gymTrajectory } from "./gym_trajectory.ts";
import { knowlyr } from "./knowlyr.ts";

const kernel = createKernel({
  plugins: [definePlugin({ name: "test/logs", version: "0.1.0", provides: [gymTrajectory, knowlyr] })],
});

function logOf(text: string, name = "log.jsonl"): LogSource {
  const bytes = new TextEncoder().encode(text);
  return { name, files: null, size: bytes.length, open: () => ReadableStream.from([bytes]) };
}

const read = (text: string, onIssue?: (issue: LogIssue) => void): Promise<Trajectory[]> =>
  Array.fromAsync(readLogs(kernel, [logOf(text)], onIssue === undefined ? {} : { onIssue }));

async function write(list: readonly Trajectory[]): Promise<unknown[]> {
  const exporter = await kernel.make(knowlyrRecorder, {});
  return await Array.fromAsync(exporter.export(ReadableStream.from(list)));
}

const detected = async (text: string): Promise<string> =>
  (await detectAdapter(kernel, await sampleOf(logOf(text)))).name;

interface Golden {
  readonly case: string;
  readonly input: { readonly trajectory: unknown };
  readonly expected: { valid: boolean; normalized?: never; errors?: { loc: (string | number)[] }[] };
}

async function golden(name: string): Promise<Golden> {
  return JSON.parse(
    await Deno.readTextFile(new URL(`../../tests/data/knowlyr/${name}.json`, import.meta.url)),
  );
}

for (const name of ["minimal_ok", "missing_task_ok_empty", "lax_coercions"]) {
  Deno.test(`knowlyr adapter and exporter give what the recorder package makes of ${name}`, async () => {
    const { input, expected } = await golden(name);
    const rows = await write(await read(JSON.stringify(input.trajectory))) as never[];
    // Known and wanted differences: totals are counted, times have milliseconds, a score outside [0, 1] is none.
    const wanted = structuredClone(expected.normalized!) as Record<string, Record<string, unknown>>;
    Object.assign(wanted["outcome"]!, {
      total_steps: 1,
      score: 0,
      outcome_metadata: { gym: { source: rows[0]!["outcome"]["tests_passed"] > 0 ? "tests" : "finish" } },
    });
    Object.assign((wanted["steps"] as unknown as object[])[0]!, { timestamp: "2026-03-02T09:00:00.000Z" });
    wanted["task"]!["domain"] = rows[0]!["outcome"]["tests_passed"] > 0 ? "coding" : "generic";
    equal(JSON.stringify(rows[0]), JSON.stringify(wanted)); // text: key order counts
  });
}

for (const name of ["bad_types", "missing_outcome", "outcome_without_success"]) {
  Deno.test(`knowlyr adapter finds the errors that the recorder package finds in ${name}`, async () => {
    const { input, expected } = await golden(name);
    await rejects(read(JSON.stringify(input.trajectory)), (error: { code?: string; data?: unknown }) => {
      equal(error.code, "INVALID_DATA");
      const { file, line, issues } = error.data as { file: string; line: number; issues: string[] };
      deepEqual([file, line], ["log.jsonl", 1]);
      deepEqual(
        issues.map((issue) => issue.split(": ")[0]).sort(),
        expected.errors!.map(({ loc }) => loc.join(".")).sort(),
      );
      return true;
    });
  });
}

Deno.test("knowlyr adapter names file, line and field", async () => {
  const line = JSON.stringify((await golden("minimal_ok")).input.trajectory);
  await rejects(read(`${line}\n${line.replace('"success":true', '"success":"maybe"')}\n`), {
    code: "INVALID_DATA",
    message: 'Cannot read trajectory log.jsonl:2: outcome.success: expected boolean: received "maybe"',
  });
});

Deno.test("knowlyr adapter numbers steps without gaps and tells so", async () => {
  const issues: LogIssue[] = [];
  const [t] = await read(
    JSON.stringify((await golden("step_ids_unordered_ok")).input.trajectory),
    (one) => issues.push(one),
  );
  deepEqual(t!.steps.map(({ index, action, extra }) => [index, action.tool, extra]), [[0, "a", {
    step_id: 5,
  }], [1, "b", { step_id: 5 }]]);
  deepEqual(issues, [{
    what: "renumbered steps",
    detail: "ids of steps had gaps or another order",
    file: "log.jsonl",
    line: 1,
  }]);
});

Deno.test("knowlyr adapter reads the flat shape of the wrapper, with rewards", async () => {
  const [t] = await read(JSON.stringify({
    task: { task_id: "t1", description: "fix" },
    agent: "a",
    model: "m",
    steps: [{
      step_id: 0,
      thought: "look",
      tool: "bash",
      params: { command: "ls" },
      output: "x",
      exit_code: 2,
      reward: 0.5,
      timestamp: "2026-01-02T03:04:05.678901",
    }],
    outcome: {
      success: true,
      total_steps: 1,
      terminated: true,
      truncated: false,
      tests_passed: 3,
      tests_total: 4,
    },
    metadata: { start_time: "2026-01-02T03:04:05", domain: "coding" },
  }));
  parseTrajectory(t);
  deepEqual(t!.steps[0]!.action, { tool: "bash", params: { command: "ls" } });
  deepEqual([t!.steps[0]!.reward, t!.steps[0]!.result.exitCode, t!.steps[0]!.timestamp], [
    0.5,
    2,
    "2026-01-02T03:04:05.678Z",
  ]);
  deepEqual([t!.outcome.testsPassed, t!.outcome.testsFailed, t!.outcome.source, t!.outcome.terminated], [
    3,
    1,
    "tests",
    true,
  ]);
  equal(t!.domain, "coding");
});

Deno.test("knowlyr adapter does not believe the failure of an episode that finished on its last step", async () => {
  const [t] = await read(JSON.stringify({
    task: { task_id: "" },
    agent: "a",
    steps: [{ tool: "submit", params: {}, output: "" }],
    outcome: { success: false, terminated: true, truncated: true },
  }));
  deepEqual([t!.outcome.success, t!.outcome.source], [null, null]);
});

Deno.test("knowlyr adapter reads the replay shape", async () => {
  const [t] = await read(JSON.stringify({
    steps: [{ tool_name: "shell", params: { command: "pwd" }, expected_output: "/w" }, {
      tool_name: "git",
      params: {},
    }],
    metadata: { task_id: "t" },
  }));
  deepEqual(t!.steps.map(({ action, result }) => [action.tool, result.output, result.exitCode]), [[
    "shell",
    "/w",
    null,
  ], ["git", "", null]]);
  deepEqual([t!.task.id, t!.outcome.success], ["t", null]);
});

Deno.test("knowlyr adapter reads the hub shape and its three dialects of steps", async () => {
  const [t] = await read(JSON.stringify({
    content_hash: "h",
    task_id: "t1",
    agent_framework: "openhands",
    agent_model: "m1",
    steps: [
      { thought: "look", action: 'read_file({"path": "/a.py"})', observation: "def f" },
      { tool: "bash", params: { command: "ls" }, output: "a" },
      {
        tool_call: { name: "submit", parameters: {} },
        tool_result: { output: "done", exit_code: 0, error: null },
      },
      { action: "think hard", observation: "" },
    ],
    total_steps: 4,
    success: true,
    reward: 0.9,
    step_rewards: [0.2, 0.4, 0.6, 0.8],
    duration_seconds: 1.5,
    metadata: { task_description: "Fix sort", repo: "o/r" },
  }));
  parseTrajectory(t);
  deepEqual(t!.steps.map(({ action }) => action), [
    { tool: "read_file", params: { path: "/a.py" } },
    { tool: "bash", params: { command: "ls" } },
    { tool: "submit", params: {} },
    { tool: "", params: {}, raw: "think hard" },
  ]);
  deepEqual(t!.steps.map(({ reward }) => reward), [0.2, 0.4, 0.6, 0.8]);
  deepEqual([t!.reward, t!.usage.durationMs, t!.agent, t!.model, t!.domain], [
    0.9,
    1500,
    "openhands",
    "m1",
    "coding",
  ]);
  deepEqual([t!.task.description, t!.task["repo"], t!.metadata["content_hash"]], ["Fix sort", "o/r", "h"]);
});

Deno.test("knowlyr exporter and adapter keep what the recorder shape can hold", async () => {
  await fc.assert(fc.asyncProperty(trajectories, async (t) => {
    const [row] = await write([t]);
    deepEqual(row, JSON.parse(JSON.stringify(row)));
    const [back] = await read(JSON.stringify(row));
    deepEqual(held(back!), held(t));
    deepEqual(await write([back!]), [row]); // and nothing is lost going round again
  }));
});

/** What the recorder shape has a place for. No tests and unknown tests, no score and score 0, are one to it. */
function held({ task, domain, agent, model, steps, outcome, metadata }: Trajectory): unknown {
  const { testsPassed, testsFailed, score, ...ended } = outcome;
  return {
    task: { id: task.id, description: task.description, repo: task["repo"] ?? "" },
    domain,
    agent,
    model,
    steps: steps.map(({ index, thought, action, result, timestamp }) => [
      index,
      thought,
      action,
      result.output,
      result.exitCode ?? 0,
      result.error,
      timestamp,
    ]),
    outcome: { ...ended, tests: [testsPassed ?? 0, testsFailed ?? 0], score: score ?? 0 },
    metadata: Object.entries(metadata).filter(([key]) => key !== "total_tokens"),
  };
}

Deno.test("gym adapter reads back what was written, one a line and as one document", async () => {
  await fc.assert(fc.asyncProperty(fc.array(trajectories, { minLength: 1, maxLength: 3 }), async (list) => {
    const lines = list.map((t) => `${JSON.stringify(t)}\n`).join("");
    deepEqual(await read(lines), list);
    deepEqual(await read(JSON.stringify(list, null, 2)), list);
    deepEqual(await read(`\n${JSON.stringify(list[0], null, 2)}\n`), [list[0]]);
  }));
});

const [sample] = fc.sample(trajectories.filter((t) => t.steps.length > 1), { numRuns: 1, seed: 5 }) as [
  Trajectory,
];

Deno.test("gym adapter names file, line and field of a bad record", async () => {
  const bad = JSON.stringify({ ...sample, domain: 3 });
  await rejects(read(`${JSON.stringify(sample)}\n${bad}\n`), {
    code: "INVALID_DATA",
    message: "Cannot read trajectory log.jsonl:2: domain: expected string: received 3",
  });
  await rejects(read(`[${bad}]`), {
    message: "Cannot read trajectory log.jsonl:1: 0.domain: expected string: received 3",
  });
});

Deno.test("gym adapter reports a torn last line and refuses a torn line elsewhere", async () => {
  const line = JSON.stringify(sample);
  const issues: LogIssue[] = [];
  equal((await read(`${line}\n${line.slice(0, 50)}`, (one) => issues.push(one))).length, 1);
  deepEqual(issues, [{ what: "torn line", detail: "the last line was cut off", file: "log.jsonl", line: 2 }]);
  for (const at of [1, 2]) {
    const lines = [line, line, line];
    lines[at - 1] = line.slice(0, 50);
    await rejects(read(`${lines.join("\n")}\n`), (error: { code?: string; data?: { line?: number } }) => {
      deepEqual([error.code, error.data!.line], ["INVALID_DATA", at]);
      return true;
    });
  }
});

Deno.test("detection goes by structure, also when the head is cut anywhere in a long first line", async () => {
  const long = { ...sample, steps: sample.steps.map((step) => ({ ...step, thought: "x".repeat(70_000) })) };
  equal(await detected(JSON.stringify(long)), "gym");
  equal(await detected(`${JSON.stringify(sample)}\n`), "gym");
  const [row] = await write([long]);
  equal(await detected(JSON.stringify(row)), "knowlyr");
  equal(await detected(JSON.stringify([row])), "knowlyr");
  await rejects(detected(JSON.stringify({ note: '{"schema":"gym.trajectory/1"}' })), {
    code: "UNKNOWN_FORMAT",
    message: 'Cannot read log "log.jsonl": no adapter recognises it: known are gym, knowlyr',
  });
});

Deno.test("firstValue() gives the members before any cut", () => {
  fc.assert(fc.property(fc.jsonValue().map((value) => ({ value, last: [value] })), fc.nat(), (value, cut) => {
    const text = JSON.stringify(value);
    deepEqual(firstValue(`${text}\n{"next": 1}`), JSON.parse(text));
    equal(typeof firstValue(text.slice(0, 1 + cut % text.length)), "object");
  }));
});

const knowledge: LogSample = {
  name: "a",
  head: '{"task": {"task_id": "t"}, "agent": "x", "steps": [',
  complete: false,
  files: null,
};

Deno.test("knowlyr adapter takes a record whose steps are not in sight, less surely", async () => {
  equal((await kernel.make(knowlyr, {})).detect(knowledge), 0.6);
});
