/**
 * Made-up episodes and logs that kits run on.
 *
 * @module
 */
import type { LogSource } from "../adapter.ts";
import type { Json } from "../schema.ts";
import {
  type Step,
  type Trajectory,
  TRAJECTORY_SCHEMA,
  unknownOutcome,
  unknownUsage,
} from "../trajectory.ts";
import { withId } from "../trajectory_id.ts";

type Call = readonly [
  tool: string,
  params: Readonly<Record<string, Json>>,
  output: string,
  exitCode?: number,
];

const EPISODES: readonly (readonly [success: boolean | null, calls: readonly Call[]])[] = [
  [true, [
    ["read_file", { path: "a.py" }, "def add(a, b):\n    return a - b"],
    ["write_file", { path: "a.py", content: "def add(a, b):\n    return a + b" }, "written"],
    ["bash", { command: "pytest -q" }, "3 passed"],
    ["submit", {}, "done"],
  ]],
  [false, [
    ["read_file", { path: "b.py" }, "x = 1"],
    ["read_file", { path: "b.py" }, "x = 1"],
    ["bash", { command: "pytest" }, "bash: pytest: not found", 127],
    ["bash", { command: "pytest" }, "bash: pytest: not found", 127],
    ["bash", { command: "pytest" }, "bash: pytest: not found", 127],
    ["no_such_tool", { x: 1 }, "unknown tool", 1],
  ]],
  [null, [
    ["bash", { command: "ls" }, "a.py 🙂"],
    ["write_file", { path: "a.py", content: "1" }, "written"],
    ["write_file", { path: "a.py", content: "2" }, "written"],
    ["write_file", { path: "a.py", content: "1" }, "written"],
  ]],
  [true, [["submit", {}, "done"]]],
];

/** A few episodes with what real ones have: repeats, failures, unknown tools, unknown outcomes. New at each call. */
export function sampleTrajectories(): readonly Trajectory[] {
  return EPISODES.map(([success, calls], index) =>
    withId({
      schema: TRAJECTORY_SCHEMA,
      task: { id: `sample-${index % 2}`, description: "Make the tests pass" },
      env: null,
      domain: "coding",
      agent: "sample",
      model: null,
      system: null,
      tools: null,
      reset: { observation: "Make the tests pass", timestamp: null },
      steps: calls.map(stepOf),
      outcome: {
        ...unknownOutcome,
        success,
        source: success === null ? null : "env",
        terminated: success !== null,
        truncated: success === null,
      },
      scores: [],
      reward: [0.9, 0.2, null, 0.4][index]!,
      usage: unknownUsage,
      metadata: {},
    })
  );
}

/** A log in memory. */
export function textSource(name: string, contents: string | Uint8Array<ArrayBuffer>): LogSource {
  const bytes = typeof contents === "string" ? new TextEncoder().encode(contents) : contents;
  return { name, files: null, size: bytes.length, open: () => new Blob([bytes]).stream() };
}

function stepOf([tool, params, output, exitCode = 0]: Call, index: number): Step {
  return {
    index,
    thought: index % 2 === 0 ? "Next" : "",
    action: { tool, params },
    result: {
      output,
      exitCode,
      error: exitCode === 0 ? null : output,
      durationMs: null,
      truncated: false,
    },
    reward: null,
    scores: [],
    timestamp: null,
    tokens: null,
  };
}
