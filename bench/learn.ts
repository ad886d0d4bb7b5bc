/**
 * Whether the example learns with any seed: `examples/learn.ts` with five of them, success on held-out episodes before,
 * after being shown and after practice, with intervals.
 *
 *   deno run -A bench/learn.ts [--seeds 1,2,3,4,5] [--output runs/bench-learn]
 *
 * Intervals of a seed are over its 200 episodes, those of the last row over the seeds. What is done is not done again.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { readJsonl } from "../core/jsonl.ts";
import { seeded } from "../core/prng.ts";
import type { Trajectory } from "../core/trajectory.ts";
import { comparePaired, meanInterval, wilsonInterval } from "../plugins/statistics/mod.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1,2,3,4,5" },
    output: { type: "string", default: "runs/bench-learn" },
  },
});
const root = fileURLToPath(new URL("..", import.meta.url));
const STAGES = ["before", "after-teaching", "after-practice"] as const;

/** Whether each held-out episode succeeded, in the order of its seeds. */
async function successes(folder: string): Promise<readonly number[]> {
  const file = join(folder, "trajectories.jsonl");
  const found: [string, number][] = [];
  for await (const { value } of readJsonl((await Deno.open(file)).readable, { file })) {
    const { env, outcome } = value as Trajectory; // written by evaluate
    found.push([env!.seed ?? "", outcome.success === true ? 1 : 0]);
  }
  return found.sort(([a], [b]) => a < b ? -1 : 1).map(([, success]) => success);
}

async function learn(seed: string, folder: string): Promise<number | null> {
  const done = join(folder, "after-practice", "evaluation.json");
  if (await Deno.stat(done).then(() => true, () => false)) return null;
  const began = performance.now();
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--config",
      join(root, "deno.json"),
      join(root, "examples/learn.ts"),
      "--seed",
      seed,
      "--output",
      folder,
    ],
    stdout: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot measure: examples/learn.ts --seed ${seed} failed`);
  return (performance.now() - began) / 1000;
}

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const within = ({ low, high }: { low: number; high: number }) =>
  `${(100 * low).toFixed(0)} to ${(100 * high).toFixed(0)}`;

console.log(
  `Deno ${Deno.version.deno}, ${Deno.build.os} ${Deno.build.arch}, ${navigator.hardwareConcurrency} cores\n`,
);
console.log("| seed | before | shown | practised | gain of practice | p | seconds |");
console.log("| --- | --- | --- | --- | --- | --- | --- |");
const rates: number[][] = STAGES.map(() => []);
const gains: number[] = [];
for (const seed of values.seeds!.split(",")) {
  const folder = join(values.output!, seed);
  const seconds = await learn(seed, folder);
  const played = await Promise.all(STAGES.map((stage) => successes(join(folder, stage))));
  const sums = played.map((each) => each.reduce((sum, value) => sum + value, 0));
  for (const [at, each] of played.entries()) rates[at]!.push(sums[at]! / each.length);
  const { difference, interval, p } = comparePaired(played[1]!, played[2]!, { prng: seeded(1) });
  gains.push(difference);
  const cells = sums.map((sum, at) =>
    `${percent(sum / played[at]!.length)} (${within(wilsonInterval(sum, played[at]!.length))})`
  );
  const gain = `${(100 * difference).toFixed(1)} points (${within(interval!)})`;
  console.log(
    `| ${
      [seed, ...cells, gain, p < 0.001 ? "< 0.001" : p.toFixed(3), seconds?.toFixed(0) ?? "-"].join(" | ")
    } |`,
  );
}
if (gains.length > 1) {
  const all = rates.map((each) => meanInterval(each));
  const gain = meanInterval(gains);
  const cells = all.map((interval) => `${percent(interval.estimate)} (${within(interval)})`);
  console.log(
    `| mean | ${cells.join(" | ")} | ${(100 * gain.estimate).toFixed(1)} points (${within(gain)}) | | |`,
  );
}
