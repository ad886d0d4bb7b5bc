/**
 * LoRA on SmolLM2-135M-Instruct from real agents' logs, by the commands a user types: convert, export, train.
 *
 * deno run -A bench/smollm2_lora.ts [MODEL] [--steps 12] [--max-length 2048] [--threads 2] [--work FOLDER]
 *
 * MODEL is a folder that bench/smollm2.py wrote, bench/.models/smollm2 when left out. Training recomputes activations and makes the
 * logits of 128 tokens at a time; rows whose prompt alone is too long are left out. Exits with 1 when the process that trains needs
 * 4 GB or more. The prompts of the logs do not fit into 1024 tokens.
 */
import { cpus, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { readJsonl } from "../core/jsonl.ts";

const LIMIT_BYTES = 4e9;
const POLL_MS = 100;
const here = (name: string): string => new URL(name, import.meta.url).pathname;

/** What metrics.jsonl says of a step. */
interface StepEvent {
  readonly kind: string;
  readonly step: number;
  readonly metrics: Readonly<
    Record<"loss" | "tokens" | "trainedTokens" | "tokensPerSecond" | "memoryBytes", number>
  >;
}

const { values: flags, positionals: [model = here(".models/smollm2")] } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: "string", default: "12" },
    "max-length": { type: "string", default: "2048" },
    threads: { type: "string", default: "2" },
    work: { type: "string" },
  },
});

/** Runs a command of the project's own in `cwd`; returns its peak memory in bytes, 0 where /proc is not there. */
async function gym(cwd: string, ...args: readonly string[]): Promise<number> {
  console.log(`$ gym ${args.join(" ")}`);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", here("../cli.ts"), ...args],
    cwd,
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let peak = 0;
  const timer = setInterval(() => peak = Math.max(peak, peakOf(child.pid)), POLL_MS);
  const { success, stderr } = await child.output();
  clearInterval(timer);
  if (success) return peak;
  throw new Error(`Cannot run gym ${args[0]}: ${new TextDecoder().decode(stderr).trim().split("\n").at(-1)}`);
}

/** The most memory a process has had so far; what it had at its end is missed by less than {@linkcode POLL_MS}. */
function peakOf(pid: number): number {
  try {
    return 1024 * Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? 0);
  } catch {
    return 0; // no /proc here, or the process has ended
  }
}

async function stepsOf(metrics: string): Promise<StepEvent[]> {
  const steps: StepEvent[] = [];
  using file = await Deno.open(metrics);
  for await (const { value } of readJsonl(file.readable, { file: metrics })) {
    if ((value as unknown as StepEvent).kind === "step") steps.push(value as unknown as StepEvent);
  }
  return steps;
}

console.log(
  `${cpus()[0]?.model ?? "unknown CPU"}, ${cpus().length} cores, ${(totalmem() / 1e9).toFixed(0)} GB; ` +
    `deno ${Deno.version.deno}`,
);
console.log(`command: ${["deno run -A bench/smollm2_lora.ts", ...Deno.args].join(" ")}`);
if (await Deno.stat(join(model, "model.safetensors")).then(() => false, () => true)) {
  console.log(`skipped: no model in ${model}: run python3 bench/smollm2.py ${model}`);
  Deno.exit(0);
}
const work = flags.work === undefined
  ? await Deno.makeTempDir({ prefix: "gym-smollm2-" })
  : resolve(flags.work);
await Deno.mkdir(work, { recursive: true });
const logs = ["*.traj", "*.jsonl"].map((files) => join(here("../examples/logs"), files));
await gym(work, "convert", ...logs, "-o", "trajectories.jsonl");
await gym(work, "export", "trajectories.jsonl", "--format", "sft", "-o", "sft.jsonl");
const options: Readonly<Record<string, string>> = {
  model: resolve(model),
  output: "run",
  "max-steps": flags.steps,
  "max-length": flags["max-length"],
  threads: flags.threads,
  "batch-size": "1",
  "head-chunk": "128",
  "too-long": "skip",
  "save-every": "0",
  provider: "cpu",
};
const polled = await gym(
  work,
  ...["train", "sft", "sft.jsonl", "--recompute", "--no-prepack", "--overwrite", "--no-tensorboard"],
  ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
);

const steps = await stepsOf(join(work, "run", "metrics.jsonl"));
console.log("| step | loss | tokens | trained | tokens/s |\n| --- | --- | --- | --- | --- |");
for (const { step, metrics: { loss, tokens, trainedTokens, tokensPerSecond } } of steps) {
  console.log(
    `| ${step} | ${loss.toFixed(4)} | ${tokens} | ${trainedTokens} | ${tokensPerSecond.toFixed(1)} |`,
  );
}
const peak = Math.max(polled, ...steps.map(({ metrics }) => metrics.memoryBytes));
const rates = steps.map(({ metrics }) => metrics.tokensPerSecond).sort((a, b) => a - b);
console.log(
  `${rates.at(-1)?.toFixed(1)} tokens/s best, ${rates[rates.length >> 1]?.toFixed(1)} median; ` +
    `peak memory ${(peak / 1e9).toFixed(2)} GB, ${peak < LIMIT_BYTES ? "below" : "NOT below"} ${
      LIMIT_BYTES / 1e9
    } GB`,
);
if (flags.work === undefined) await Deno.remove(work, { recursive: true });
if (peak >= LIMIT_BYTES) Deno.exit(1);
