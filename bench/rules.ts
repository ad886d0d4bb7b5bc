/**
 * How long the rules take, beside the predecessor's (knowlyr-reward 0.1.2 with its LLM judge off) on the same steps.
 *
 * deno run -A bench/rules.ts
 *
 * The peer needs bench/.venv, which bench/setup_peer.sh makes; without it only our own figures are printed.
 */
import { cpus } from "node:os";
import { createDomain } from "../core/domain.ts";
import type { Env, TimeStep } from "../core/env.ts";
import { scoreTrajectory, startScoring } from "../core/scoring.ts";
import { type Step, type Trajectory, unknownOutcome, unknownUsage } from "../core/trajectory.ts";
import { coding } from "../domains/coding.ts";
import { rules } from "../plugins/rubrics/mod.ts";
import { reward } from "../plugins/wrappers/reward.ts";

const SIZES = [10, 100, 1000, 5000];
const domain = createDomain(coding);

/** An agent that reads, greps, edits, tests and now and then repeats itself; some 60 characters an output. */
function step(index: number): Step {
  const file = `src/module_${index % 97}.py`;
  const kinds: readonly [string, Record<string, string>, string][] = [
    [
      "read_file",
      { file_path: file },
      `def handle_${index}(request):\n    return load_item(request, ${index})`,
    ],
    ["grep", { pattern: `handle_${index % 211}`, path: "src" }, `${file}:12: handle_${index % 211}(request)`],
    ["edit_file", { file_path: file, old_string: `x_${index}`, new_string: `y_${index}` }, `edited ${file}`],
    ["bash", { command: `python -m pytest tests/test_${index % 31}.py` }, "1 failed, 3 passed in 0.12s"],
  ];
  const [tool, params, output] = kinds[index % 4]!;
  return {
    index,
    thought: "",
    action: { tool, params },
    result: { output, exitCode: 0, error: null, durationMs: null, truncated: false },
    reward: null,
    scores: [],
    timestamp: null,
    tokens: null,
  };
}

function episode(length: number): Trajectory {
  return {
    schema: "gym.trajectory/1",
    id: "sha256:0",
    task: { id: "", description: "" },
    env: null,
    domain: "coding",
    agent: "",
    model: null,
    system: null,
    tools: null,
    reset: { observation: "", timestamp: null },
    steps: Array.from({ length }, (_, index) => step(index)),
    outcome: { ...unknownOutcome, success: true, source: "tests" },
    scores: [],
    reward: null,
    usage: unknownUsage,
    metadata: {},
  };
}

async function median(runs: number, work: () => unknown): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[runs >> 1]!;
}

function scoreSteps({ steps, task }: Trajectory): void {
  const scoring = startScoring({ rubrics: rules, domain, task, tools: null, resetObservation: "" });
  for (const one of steps) scoring.step(one);
}

function playback({ steps }: Trajectory): Env {
  let at = 0;
  const quiet = { reward: 0, terminated: false, truncated: false, info: {} };
  return {
    spec: { id: "bench/playback-v0", options: {}, wrappers: [] },
    domain: "coding",
    tools: [],
    reset: () => ({ ...quiet, observation: "" }),
    step: () => ({ ...quiet, observation: steps[at++]!.result.output }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function play(t: Trajectory, wrap: boolean): void {
  const env = wrap ? reward({ rubrics: rules, domain })(playback(t)) : playback(t);
  env.reset();
  for (const { action } of t.steps) env.step(action) as TimeStep;
}

/** Milliseconds by number of steps, and the time of a 300-step episode with a reward after each step. */
async function peer(): Promise<{ batch: Record<string, number>; prefixes: number; versions: string } | null> {
  const python = new URL(".venv/bin/python", import.meta.url).pathname;
  const script = new URL("peer_rules.py", import.meta.url).pathname;
  try {
    const input = JSON.stringify(
      episode(Math.max(...SIZES)).steps.map(({ action, result }) => ({ ...action, output: result.output })),
    );
    const child = new Deno.Command(python, {
      args: [script, ...SIZES.map(String)],
      stdin: "piped",
      stdout: "piped",
    })
      .spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
    return JSON.parse(new TextDecoder().decode((await child.output()).stdout));
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    return null;
  }
}

/** Milliseconds of the first call in a process of its own, where nothing is compiled yet. */
async function firstCall(size: number): Promise<number> {
  const script = new URL(import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), { args: ["run", "-A", script, "--first", String(size)] });
  return Number(new TextDecoder().decode((await child.output()).stdout));
}

if (import.meta.main && Deno.args[0] === "--first") {
  const t = episode(Number(Deno.args[1]));
  console.log(await median(1, () => scoreSteps(t)));
} else if (import.meta.main) {
  const other = await peer();
  console.log(
    `${cpus()[0]?.model ?? "unknown CPU"}, ${cpus().length} cores; deno ${Deno.version.deno}; ${
      other?.versions ?? "peer skipped: no bench/.venv, run bench/setup_peer.sh"
    }`,
  );
  console.log("command: deno run -A bench/rules.ts");
  console.log(
    "steps | step scores, first call of a process ms | step scores, median ms | whole record, median ms | peer ms",
  );
  const shown = (ms: number | undefined): string => ms === undefined ? "-" : ms.toFixed(ms < 10 ? 2 : 0);
  for (const size of SIZES) {
    const t = episode(size);
    const cold = await firstCall(size);
    const warm = await median(31, () => scoreSteps(t));
    const whole = await median(31, () => scoreTrajectory(t, { rubrics: rules, domain }));
    console.log([size, shown(cold), shown(warm), shown(whole), shown(other?.batch[size])].join(" | "));
  }
  const t = episode(300);
  const bare = await median(31, () => play(t, false));
  const wrapped = await median(31, () => play(t, true));
  console.log(
    `300 steps with a reward after each: ${shown(wrapped)} ms (without the wrapper ${shown(bare)} ms), peer ${
      shown(other?.prefixes)
    } ms`,
  );
}
