/**
 * Episodes and tokens a second of 1, 8 and 64 environments on one policy: what batching across environments is worth.
 *
 *     deno run -A bench/environments.ts [MODEL_FOLDER] [EPISODES] [PROVIDER]
 *
 * Without a folder it makes a tiny model with random weights. The same episodes are played each time, on the same
 * session; only how many are in flight differs, so the trajectories are the same, which is checked.
 */
import { cpus } from "node:os";
import { env } from "../core/env.ts";
import { createKernel } from "../core/kernel.ts";
import { policy } from "../core/policy.ts";
import { rollout } from "../core/rollout.ts";
import type { Trajectory } from "../core/trajectory.ts";
import envs from "../envs/mod.ts";
import { inOrder } from "../plugins/commands/_episodes/ordered.ts";
import { initModel } from "../plugins/models/init.ts";
import policies from "../plugins/policies/mod.ts";

const WIDTHS = [1, 8, 64];
const ENV = { id: "knowlyr/lookup-v1", options: { compact: true } };
const POLICY = "knowlyr/onnx-model-v1";

const [given, episodes = "64", provider = "cpu"] = Deno.args;
const made = given === undefined ? await Deno.makeTempDir() : null;
const model = made ?? given!;
if (made !== null) await initModel(made, { size: "tiny", template: "bare", seed: 1n });

const gym = createKernel({ plugins: [envs, policies] });
const options = { model, provider, maxBatch: Math.max(...WIDTHS), maxNewTokens: 32, temperature: 1 };

async function play(seed: number): Promise<Trajectory> {
  await using place = await gym.make(env, ENV.id, ENV.options);
  const actor = await gym.make(policy, POLICY, options);
  try {
    return await rollout(place, actor, { seed: BigInt(seed), maxSteps: 8, now: () => 0 });
  } finally {
    await actor[Symbol.asyncDispose]?.();
  }
}

const held = await gym.make(policy, POLICY, options); // keeps the session open
const seeds = Array.from({ length: Number(episodes) }, (_, at) => at);
await Array.fromAsync(inOrder(seeds.slice(0, Math.max(...WIDTHS)), 8, play)); // warm

const command = ["deno run -A bench/environments.ts", ...Deno.args].join(" ");
console.log(
  `machine   ${cpus()[0]?.model ?? "unknown"}, ${cpus().length} cores, ${Deno.build.os}, ${provider}`,
);
console.log(`versions  Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`);
console.log(`command   ${command}   (${seeds.length} episodes of ${ENV.id}, at most 32 tokens a turn)\n`);
console.log("at once  episodes/s  steps/s  sampled tokens/s  prompt tokens/s  × one");
let first: { readonly text: string; readonly seconds: number } | null = null;
for (const width of WIDTHS) {
  const start = performance.now();
  const all = await Array.fromAsync(inOrder(seeds, width, play));
  const seconds = (performance.now() - start) / 1000;
  const text = JSON.stringify(all);
  first ??= { text, seconds };
  if (text !== first.text) throw new Error(`wanted the same episodes: ${width} at once gave others`);
  const steps = all.flatMap((one) => one.steps);
  const total = (count: "promptTokens" | "completionTokens"): number =>
    steps.reduce((sum, { tokens }) => sum + (tokens?.[count] ?? 0), 0);
  const per = (count: number, places = 0): string => (count / seconds).toFixed(places);
  console.log([
    String(width).padStart(7),
    per(all.length, 1).padStart(10),
    per(steps.length, 1).padStart(7),
    per(total("completionTokens")).padStart(16),
    per(total("promptTokens")).padStart(15),
    (first.seconds / seconds).toFixed(2).padStart(5),
  ].join("  "));
}

await held[Symbol.asyncDispose]?.();
if (made !== null) await Deno.remove(made, { recursive: true });
