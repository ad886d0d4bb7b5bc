/**
 * GRPO on SmolLM2-135M-Instruct in the lookup environment, by the commands a user types, and a paired test on tasks that it
 * never trained on.
 *
 * deno run -A bench/smollm2_grpo.ts [MODEL] [--seed 7] [--iterations 20] [--threads 2] [--output runs/smollm2-grpo]
 *
 * MODEL is a folder that bench/smollm2.py wrote, bench/.models/smollm2 when left out. `c3q1m7x0 m` holds four pairs of a key and a
 * value and asks for the value of m; `m7` and `7` are right. As it comes, the model answers in sentences and never succeeds,
 * so 64 demonstrations show it the form of an answer, too few to get form and content right reliably. From there it learns by
 * its own tries alone. Exits with 1 when practice did not help with p below 0.01. Took 16 minutes and
 * 5 GB on two cores that other programs used as well.
 */
import { cpus, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { readJsonl } from "../core/jsonl.ts";
import type { Trajectory } from "../core/trajectory.ts";

const ALPHA = 0.01;
const here = (name: string): string => new URL(name, import.meta.url).pathname;

const { values: flags, positionals: [model = here(".models/smollm2")] } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string", default: "7" },
    iterations: { type: "string", default: "20" },
    threads: { type: "string", default: "2" },
    output: { type: "string", default: "runs/smollm2-grpo" },
  },
});
const out = flags.output;
const began = performance.now();

/** Runs a command of the project's own and shows what it prints; returns that. */
async function gym(...args: readonly string[]): Promise<string> {
  console.log(`\n$ gym ${args.join(" ")}`);
  const start = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", here("../deno.json"), here("../cli.ts"), ...args],
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stdout, stderr } = await child.output();
  const printed = new TextDecoder().decode(stdout).trim();
  if (!success) {
    throw new Error(
      `Cannot run gym ${args[0]}: ${new TextDecoder().decode(stderr).trim().split("\n").at(-1)}`,
    );
  }
  console.log(`${args.includes("--json") ? "" : `${printed}\n`}  ${seconds(start)} s`);
  return printed;
}

function seconds(start: number): string {
  return ((performance.now() - start) / 1000).toFixed(0);
}

/** Plays greedily 200 tasks that are not trained on, the same ones each time. */
async function evaluated(name: string, adapter: string | null): Promise<void> {
  const policy = {
    model: resolve(model),
    ...(adapter === null ? {} : { adapter }),
    temperature: "0",
    maxNewTokens: "4",
    tools: "false",
    maxBatch: "32",
    provider: "cpu",
    threads: flags.threads,
  };
  await gym(
    ...["evaluate", ...task("--env-option"), "--policy", "onnx-model"],
    ...Object.entries(policy).flatMap(([option, value]) => ["--policy-option", `${option}=${value}`]),
    ...["--repeats", "200", "--seed", `90${flags.seed}`, "--concurrency", "32", "-o", `${out}/${name}`],
  );
}

function task(option: string): string[] {
  return ["--env", "lookup", ...["compact=true", "pairs=4", "questions=1"].flatMap((set) => [option, set])];
}

/** Flags from options. */
function flagsOf(options: Readonly<Record<string, string>>): string[] {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
}

/** Success and seconds of each iteration. */
async function printCurve(metrics: string): Promise<void> {
  console.log("\n| iteration | success of tries | seconds | memory |\n| --- | --- | --- | --- |");
  using file = await Deno.open(metrics);
  let before: number | null = null;
  for await (const { value } of readJsonl(file.readable, { file: metrics })) {
    const event = value as unknown as StepEvent;
    if (event.kind === "step") {
      const { success, memoryBytes } = event.metrics;
      const took = before === null ? "" : ((event.time - before) / 1000).toFixed(1);
      console.log(
        `| ${event.step} | ${success.toFixed(3)} | ${took} | ${(memoryBytes / 1e9).toFixed(2)} GB |`,
      );
    }
    before = event.time;
  }
}

/** How much of success is the form of an answer and how much the right content: counts of episodes. */
async function printAnswers(results: readonly string[]): Promise<void> {
  console.log(
    "\n| answers | episodes | key and value, or value alone | of these right |\n| --- | --- | --- | --- |",
  );
  for (const result of results) {
    const path = `${out}/${result}/trajectories.jsonl`;
    using file = await Deno.open(path);
    const count = { episodes: 0, formed: 0, right: 0 };
    for await (const { value } of readJsonl(file.readable, { file: path })) {
      const { steps, outcome } = value as unknown as Trajectory;
      count.episodes++;
      if (/^[a-z]?\d$/.test(steps.at(-1)?.action.raw?.trim() ?? "")) count.formed++;
      if (outcome.success === true) count.right++;
    }
    console.log(`| ${result} | ${count.episodes} | ${count.formed} | ${count.right} |`);
  }
}

/** What `compare --json` says. */
interface Compared {
  readonly comparisons: readonly [
    { readonly p: number; readonly difference: number; readonly sentence: string },
  ];
}

/** What metrics.jsonl says of an iteration. */
interface StepEvent {
  readonly kind: string;
  readonly time: number;
  readonly step: number;
  readonly metrics: Readonly<Record<"success" | "memoryBytes", number>>;
}

console.log(
  `${cpus()[0]?.model ?? "unknown CPU"}, ${cpus().length} cores, ${(totalmem() / 1e9).toFixed(0)} GB, load ${
    Deno.loadavg()[0]!.toFixed(1)
  }; deno ${Deno.version.deno}`,
);
console.log(`command: ${["deno run -A bench/smollm2_grpo.ts", ...Deno.args].join(" ")}`);
if (await Deno.stat(join(model, "model.safetensors")).then(() => false, () => true)) {
  console.log(`skipped: no model in ${model}: run python3 bench/smollm2.py ${model}`);
  Deno.exit(0);
}
await Deno.remove(out, { recursive: true }).catch(() => {});
await Deno.mkdir(out, { recursive: true });
const training = {
  "model": resolve(model),
  "schedule": "constant",
  "warmup-ratio": "0",
  "max-length": "64",
  "save-every": "0",
  "seed": flags.seed,
  "provider": "cpu",
  "threads": flags.threads,
};
await gym(
  ...["collect", ...task("--env-option"), "--policy", "lookup-solver", "--policy-option", "echo=true"],
  ...["--episodes", "64", "--seed", flags.seed, "-o", `${out}/demos.jsonl`],
);
await gym("export", `${out}/demos.jsonl`, "--format", "sft", "-o", `${out}/sft.jsonl`);
await gym(
  ...["train", "sft", `${out}/sft.jsonl`, ...flagsOf(training)],
  ...["--learning-rate", "0.0003", "--batch-size", "8", "--epochs", "1", "--show-rows", "0"],
  ...["-o", `${out}/taught`],
);
await gym(
  ...["online", ...flagsOf(training), "--adapter", `${out}/taught/final`, ...task("--env-options")],
  ...["--iterations", flags.iterations, "--tasks", "8", "--group-size", "8", "--max-new-tokens", "4"],
  ...["--learning-rate", "0.0002", "--concurrency", "32", "--batch-tokens", "768", "--eval-episodes", "0"],
  ...["-o", `${out}/practised`],
);
await printCurve(`${out}/practised/metrics.jsonl`);
await evaluated("as-it-comes", null);
await evaluated("after-teaching", `${out}/taught/final`);
await evaluated("after-practice", `${out}/practised/final`);
const results = ["as-it-comes", "after-teaching", "after-practice"];
await printAnswers(results);
const folders = results.map((name) => `${out}/${name}`);
await gym("compare", ...folders);
const { comparisons: [found] } = JSON.parse(
  await gym("compare", ...folders.slice(1), "--json"),
) as Compared;
console.log(`\n${found.sentence}`);
console.log(`All of it took ${seconds(began)} s; load at the end ${Deno.loadavg()[0]!.toFixed(1)}`);
if (!(found.p < ALPHA && found.difference > 0)) Deno.exit(1);
