/** The policy over `@huggingface/transformers` beside our own engine; run by clients_test.ts. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { createKernel } from "../../core/kernel.ts";
import type { Policy } from "../../core/policy.ts";
import { rollout } from "../../core/rollout.ts";
import { ToyEnv } from "../../core/testing/_toy_env.ts";
import { parseTrajectory } from "../../core/trajectory_schema.ts";
import { exportOnnx, initModel, openModelFolder } from "../../plugins/models/mod.ts";
import policies, { onnxModelPolicy, transformersPolicy } from "../../plugins/policies/mod.ts";

const gym = createKernel({ plugins: [policies] });

/** Makes a model of bytes, and exports it. */
async function inFolders(test: (own: string, exported: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const [own, exported] = [join(folder, "own"), join(folder, "exported")];
    await initModel(own, { seed: 11n, contextLength: 2048 });
    await exportOnnx(await openModelFolder(own), exported);
    await test(own, exported);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function played(actor: Policy, signal?: AbortSignal) {
  const task = { id: "dice", description: "Roll the die" };
  const given = { seed: 5n, task, maxSteps: 3, now: () => 0 };
  return rollout(new ToyEnv(), actor, { ...given, ...(signal === undefined ? {} : { signal }) });
}

const sampled = { maxNewTokens: 24, temperature: 0.8, topP: 0.9, repetitionPenalty: 1.1 };

Deno.test("transformers draws what our own engine draws from the same weights and seed, and records it", async () => {
  await inFolders(async (own, exported) => {
    await using ours = await gym.make(onnxModelPolicy, { model: own, provider: "cpu", ...sampled }) as
      & Policy
      & AsyncDisposable;
    await using theirs = await gym.make(transformersPolicy, { model: exported, ...sampled }) as
      & Policy
      & AsyncDisposable;
    assert.deepEqual([theirs.name, theirs.model], ["transformers", "exported"]);
    const [a, b] = [await played(ours), await played(theirs)];
    assert.equal(b.outcome.error, null);
    assert.equal(b.steps.length, 3);
    parseTrajectory(JSON.parse(JSON.stringify(b)));
    for (const [at, { tokens }] of b.steps.entries()) {
      const wanted = a.steps[at]!.tokens!;
      assert.deepEqual(tokens!.completionIds, wanted.completionIds);
      assert.deepEqual(tokens!.promptIds, wanted.promptIds);
      const far = Math.max(...tokens!.logProbs!.map((value, t) => Math.abs(value - wanted.logProbs![t]!)));
      assert.ok(far < 1e-3, `${far}`);
    }
  });
});

Deno.test("transformers computes for several policies of one model, each by its own seed", async () => {
  await inFolders(async (_, exported) => {
    const make = () => gym.make(transformersPolicy, { model: exported, ...sampled });
    const actors = await Promise.all([make(), make()]);
    const both = await Promise.all(actors.map((actor) => played(actor)));
    assert.equal(both[0]!.id, both[1]!.id);
    await actors[0]![Symbol.asyncDispose]!();
    assert.equal((await played(actors[1]!)).id, both[0]!.id, "the other one still acts");
    await actors[1]![Symbol.asyncDispose]!();
  });
});

Deno.test("transformers stops when its episode is aborted", async () => {
  await inFolders(async (_, exported) => {
    await using actor = await gym.make(transformersPolicy, { model: exported, maxNewTokens: 2000 }) as
      & Policy
      & AsyncDisposable;
    const { outcome } = await played(actor, AbortSignal.timeout(300));
    assert.deepEqual([outcome.truncated, outcome.reason], [true, "interrupted"]);
  });
});

Deno.test("transformers says which file is missing", async () => {
  await inFolders(async (own, exported) => {
    const failure = async (options: { model: string; dtype?: "q4" }) =>
      await gym.make(transformersPolicy, options).then(() => assert.fail("it opened"), (thrown) => thrown);
    const noOnnx = await failure({ model: own });
    assert.equal(noOnnx.code, "ENGINE_FAILED");
    assert.ok(noOnnx.message.startsWith(`Cannot open model "${own}" as fp32: `), noOnnx.message);
    assert.match(noOnnx.message, /onnx\/model\.onnx/);
    assert.match((await failure({ model: exported, dtype: "q4" })).message, /onnx\/model_q4\.onnx/);
    assert.equal((await failure({ model: join(own, "nowhere") })).code, "FILE_ACCESS");
  });
});
