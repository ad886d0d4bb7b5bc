/** Every contribution of every built-in plugin through the kit of its kind, as third parties run it on theirs. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { parse } from "yaml";
import { adapter, type LogSource } from "../core/adapter.ts";
import { domain, findDomain } from "../core/domain.ts";
import { env } from "../core/env.ts";
import { exporter, type ExportRow } from "../core/exporter.ts";
import { createKernel } from "../core/kernel.ts";
import { policy } from "../core/policy.ts";
import { rollout } from "../core/rollout.ts";
import { rubric } from "../core/rubric.ts";
import { scoreTrajectory } from "../core/scoring.ts";
import { type Sink, sink } from "../core/sink.ts";
import {
  assertConforms,
  checkAdapter,
  checkEnv,
  type CheckEnvOptions,
  checkExporter,
  checkPlugin,
  checkRubric,
  checkSink,
  checkTrainer,
  checkWrapper,
  sampleTrajectories,
  textSource,
} from "../core/testing/mod.ts";
import { trainer } from "../core/trainer.ts";
import { parseTrajectory } from "../core/trajectory_schema.ts";
import type { Action, Task, Trajectory } from "../core/trajectory.ts";
import { makeEnv, wrapper } from "../core/wrapper.ts";
import { initModel } from "../plugins/models/mod.ts";
import { builtins } from "../plugins/mod.ts";
import { ProgressSink } from "../plugins/sinks/mod.ts";

const gym = createKernel({ plugins: builtins });
const ids = (
  kind:
    | typeof env
    | typeof wrapper
    | typeof rubric
    | typeof adapter
    | typeof exporter
    | typeof sink
    | typeof trainer,
): string[] => gym.listNamed(kind.kindName).map(({ contribution }) => contribution.id);

for (const plugin of builtins) {
  Deno.test(`plugin ${plugin.name} conforms`, async () => assertConforms(await checkPlugin(plugin)));
}

const here = new URL("../examples/", import.meta.url);
const tasks: readonly Task[] = [...Deno.readDirSync(new URL("tasks/", here))].map(({ name }) => name).sort()
  .flatMap((name) => {
    const data = parse(Deno.readTextFileSync(new URL(`tasks/${name}`, here))) as Task & { tasks?: Task[] };
    return data.tasks ?? [data];
  });
const task = tasks[0]!;

/** What the kit plays on each environment; one without an entry gets random calls. */
const playedOn: Readonly<Record<string, CheckEnvOptions>> = {
  "knowlyr/sandbox-v1": {
    task,
    actions: task["solution"] as unknown as Action[],
    slowAction: { tool: "shell", params: { command: "sleep 60" } },
  },
};
for (const id of ids(env)) {
  Deno.test(`env ${id} conforms`, async () => {
    assertConforms(await checkEnv(() => gym.make(env, id), playedOn[id]));
  });
}

/** Options that a wrapper cannot do without. */
const wrapperOptions: Readonly<Record<string, unknown>> = {
  "knowlyr/max-steps-v1": { steps: 2 },
  "knowlyr/timeout-v1": { timeoutMs: 60_000 },
};
for (const id of ids(wrapper)) {
  Deno.test(`wrapper ${id} conforms`, async () => {
    const rebuild = (spec: { id: string; options: unknown }) => gym.make(wrapper, spec.id, spec.options);
    assertConforms(await checkWrapper(() => gym.make(wrapper, id, wrapperOptions[id] ?? {}), { rebuild }));
  });
}

Deno.test("all wrappers around the sandbox make an environment that conforms and is made again from its spec", async () => {
  const wrappers = ids(wrapper).map((id) => ({ id, options: (wrapperOptions[id] ?? {}) as never }));
  const make = () => makeEnv(gym, { id: "knowlyr/sandbox-v1", wrappers });
  assertConforms(await checkEnv(make, playedOn["knowlyr/sandbox-v1"]));
  await using stack = await make();
  await using again = await makeEnv(gym, JSON.parse(JSON.stringify(stack.spec)));
  assert.deepEqual(again.spec, stack.spec);
});

/** Episodes of the example tasks, well and badly played, and the kit's own. */
async function episodes(): Promise<readonly Trajectory[]> {
  const played: Trajectory[] = [];
  for (const acting of ["knowlyr/expert-v1", "knowlyr/clumsy-v1"]) {
    await using sandbox = await makeEnv(gym, { id: "knowlyr/sandbox-v1" });
    const agent = await gym.make(policy, acting);
    for (const each of tasks) {
      played.push(await rollout(sandbox, agent, { seed: 1n, task: each, maxSteps: 40 }));
    }
  }
  return [...sampleTrajectories(), ...played];
}
let played: Promise<readonly Trajectory[]> | undefined;
const trajectories = (): Promise<readonly Trajectory[]> => played ??= episodes();

Deno.test("the expert solves every example task and its episodes are valid", async () => {
  for (const t of await trajectories()) {
    assert.deepEqual(parseTrajectory(JSON.parse(JSON.stringify(t))), t);
    if (t.agent === "expert") assert.deepEqual([t.task.id, t.outcome.success], [t.task.id, true]);
  }
});

for (const id of ids(rubric)) {
  Deno.test(`rubric ${id} conforms`, async () => {
    const coding = await findDomain(gym, "coding");
    const report = await checkRubric(await gym.make(rubric, id), {
      trajectories: await trajectories(),
      domain: coding,
    });
    assertConforms(report);
    assert.deepEqual(report.checks.filter(({ status }) => status === "skipped"), []);
  });
}

function fileSource(path: string): LogSource {
  return textSource(path, Deno.readFileSync(new URL(path, here)));
}

/** A log as knowlyr's own recorder writes it, made by the exporter of that format. */
async function knowlyrLog(): Promise<LogSource> {
  const recorder = await gym.make(exporter, "knowlyr/knowlyr-recorder-v1");
  const lines: string[] = [];
  async function* all(): AsyncIterable<Trajectory> {
    yield* sampleTrajectories();
  }
  for await (const row of recorder.export(all())) lines.push(JSON.stringify(row));
  return textSource("knowlyr.jsonl", `${lines.join("\n")}\n`);
}

/** Logs of each format. */
const logs: Readonly<Record<string, () => LogSource[] | Promise<LogSource[]>>> = {
  "knowlyr/gym-trajectory-v1": () => [
    textSource("gym.jsonl", `${sampleTrajectories().map((t) => JSON.stringify(t)).join("\n")}\n`),
  ],
  "knowlyr/knowlyr-v1": async () => [await knowlyrLog()],
  "knowlyr/openhands-v1": () => [fileSource("logs/openhands_v0_output.jsonl")],
  "knowlyr/swe-agent-v1": () =>
    ["simple", "function_calling", "thought_action"].map((name) => fileSource(`logs/swe_agent_${name}.traj`)),
};
for (const id of ids(adapter)) {
  Deno.test(`adapter ${id} conforms`, async () => {
    const samples = await logs[id]?.();
    assert.ok(samples !== undefined, `no sample log for ${id}: add one to this table`);
    const others = Object.entries(logs).filter(([other]) => other !== id);
    const foreign = (await Promise.all(others.map(([, make]) => make()))).flat();
    assertConforms(await checkAdapter(await gym.make(adapter, id), { samples, foreign }));
  });
}

for (const id of ids(exporter)) {
  Deno.test(`exporter ${id} conforms`, async () => {
    const coding = await findDomain(gym, "coding");
    const rubrics = await Promise.all(ids(rubric).map((name) => gym.make(rubric, name)));
    const scored: Trajectory[] = [];
    for (const t of await trajectories()) scored.push(await scoreTrajectory(t, { rubrics, domain: coding }));
    const report = await checkExporter(await gym.make(exporter, id), { trajectories: scored });
    assertConforms(report);
    assert.deepEqual(report.checks.filter(({ status }) => status === "skipped"), []);
  });
}

const silent = { write: () => {}, isTerminal: true, columns: () => 80, color: true };
/** Sinks that need options, or that would draw on the screen of the tests. */
const sinks: Readonly<Record<string, (folder: string) => Sink | Promise<Sink>>> = {
  "knowlyr/jsonl-v1": (folder) => gym.make(sink, "knowlyr/jsonl-v1", { folder }),
  "knowlyr/progress-v1": () => new ProgressSink({ stream: silent, now: () => 0 }),
  "knowlyr/tensorboard-v1": (folder) => gym.make(sink, "knowlyr/tensorboard-v1", { folder }),
};
for (const id of ids(sink)) {
  Deno.test(`sink ${id} conforms`, async () => {
    const folder = await Deno.makeTempDir();
    let made = 0;
    try {
      const make = sinks[id] ?? (() => gym.make(sink, id));
      assertConforms(await checkSink(() => make(`${folder}/${made++}`)));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Options and rows for each trainer, on a model of two layers. */
const trainers: Readonly<Record<string, { options: Record<string, unknown>; rows: ExportRow[] }>> = {
  "knowlyr/sft-v1": {
    options: { epochs: 3, batchSize: 2, maxLength: 256, loraRank: 4, provider: "cpu" },
    rows: ["red", "green", "blue", "black"].map((colour) => ({
      messages: [{ role: "user", content: "Say a colour" }, {
        role: "assistant",
        content: `It is ${colour}.`,
      }],
    })),
  },
  "knowlyr/dpo-v1": {
    options: { epochs: 3, batchSize: 2, maxLength: 256, loraRank: 4, provider: "cpu" },
    rows: ["red", "green", "blue", "black"].map((colour) => ({
      prompt: [{ role: "user", content: "Say a colour" }],
      chosen: [{ role: "assistant", content: `It is ${colour}.` }],
      rejected: [{ role: "assistant", content: colour }],
    })),
  },
  "knowlyr/online-v1": {
    options: {
      env: "knowlyr/lookup-v1",
      envOptions: { compact: true, questions: 2 },
      iterations: 4,
      tasks: 3,
      groupSize: 4,
      maxNewTokens: 2,
      maxLength: 64,
      evalEpisodes: 0,
      loraRank: 4,
      provider: "cpu",
    },
    rows: [],
  },
  "knowlyr/grpo-v1": {
    options: { epochs: 3, groupsPerStep: 2, maxLength: 32, loraRank: 4, provider: "cpu" },
    rows: [3, 4, 5, 6].map((task) => ({
      completions: [0, 1, 2].map((at) => ({
        reward: at / 2,
        step_rewards: [at / 2],
        truncated: false,
        tokens: [{
          step: 0,
          prompt_ids: [task, 8, 9],
          completion_ids: [20 + at, 30],
          logprobs: [-6, -6],
          sampling: {
            temperature: 1,
            topK: null,
            topP: null,
            minP: null,
            repetitionPenalty: null,
            seed: null,
          },
          reencoded: false,
        }],
      })),
    })),
  },
};
for (const id of ids(trainer)) {
  Deno.test(`trainer ${id} conforms`, async () => {
    const given = trainers[id];
    assert.ok(given !== undefined, `no rows for ${id}: add them to this table`);
    const folder = await Deno.makeTempDir();
    let made = 0;
    try {
      const model = `${folder}/model`;
      await initModel(model, { seed: 7n });
      const report = await checkTrainer(() => gym.make(trainer, id, { ...given.options, model }), {
        rows: given.rows,
        folder: () => `${folder}/${made++}`,
        resultOf: async (run) => {
          const bytes = await Deno.readFile(`${run}/final/adapter_model.safetensors`);
          return createHash("sha256").update(bytes).digest("hex");
        },
      });
      assertConforms(report);
      assert.deepEqual(report.checks.filter(({ status }) => status === "skipped"), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("every domain can be made and found by its short name", async () => {
  for (const { contribution } of gym.list(domain)) {
    const made = await gym.make(domain, contribution.id);
    assert.deepEqual((await findDomain(gym, made.profile.name)).profile, made.profile);
  }
});
