/**
 * A training step of ours beside PyTorch eager with PEFT, torch.compile and TRL's SFTTrainer: same weights, same batches, same
 * number of threads, each a process of its own, taking turns so that noise meets all of them.
 *
 * deno run -A bench/train.ts [--shapes tiny,small] [--method lora|full] [--ours prepacked,mapped] [--peers eager,compile,trl]
 *   [--steps 20] [--rounds 3] [--threads 2] [--device cpu|cuda] [--work FOLDER] [--json FILE]
 *
 * No speed is told before all losses of all steps agree to 1e-3. Peers use fused AdamW. Best and median are of all rounds without
 * each one's first steps; memory is the most and the start the soonest of all rounds (torch.compile has its cache then). Without
 * bench/.venv-train, which bench/setup_train_peer.sh makes, only our own figures are printed.
 */
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { pickProvider, type Provider } from "../plugins/onnx/session.ts";
import { onnxLimit, torchLimit } from "./_matmul_limit.ts";
import { type Job, type Shape, type ShapeRun, stepOperations, trainJob } from "./_train_job.ts";

/** What of a result is used. See peer_job.py. */
interface Result {
  readonly versions: Readonly<Record<string, string>>;
  readonly losses: readonly number[];
  readonly grad_norms: readonly number[];
  readonly step_seconds: readonly number[];
  readonly peak_rss_bytes: number;
  readonly peak_gpu_bytes: number | null;
  readonly seconds_from_process_start_to_first_step: number;
}

/** One of those that are compared. */
interface Side {
  readonly name: string;
  readonly mode: "eager" | "compile";
  /** Program and arguments, without those that all sides take. */
  readonly command: readonly string[];
}

/** What came of a side in all rounds. */
interface Figures {
  readonly tokensPerSecondBest: number;
  readonly tokensPerSecondMedian: number;
  readonly bestStepMs: number;
  readonly peakMemoryBytes: number;
  readonly peakGpuBytes: number | null;
  readonly startToFirstStepSeconds: number;
}

const TOLERANCE = 1e-3;
/** First steps of a process, which are slower: memory grows. */
const WARMUP = 3;
const here = (name: string): string => new URL(name, import.meta.url).pathname;
const python = here(".venv-train/bin/python");

const OURS: Readonly<Record<string, readonly string[]>> = {
  prepacked: [],
  mapped: ["--no-prepack"],
  recomputed: ["--no-prepack", "--recompute", "--head-chunk", "128"],
};
const PEERS: Readonly<Record<string, { readonly script: string; readonly mode: Side["mode"] }>> = {
  eager: { script: "peer_train.py", mode: "eager" },
  compile: { script: "peer_train.py", mode: "compile" },
  trl: { script: "peer_trl.py", mode: "eager" },
};

const VERSIONS = `
from importlib.metadata import version
print(", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "peft", "trl")))
`;

const { values: flags } = parseArgs({
  options: {
    shapes: { type: "string", default: "tiny,small,smollm2-135m,qwen2.5-0.5b" },
    method: { type: "string" },
    ours: { type: "string", default: "prepacked,mapped" },
    peers: { type: "string", default: "eager,compile,trl" },
    steps: { type: "string", default: "20" },
    rounds: { type: "string", default: "3" },
    threads: { type: "string", default: "2" },
    device: { type: "string", default: "cpu" },
    work: { type: "string", default: join(tmpdir(), "gym-bench-train") },
    json: { type: "string" },
  },
});
const [steps, rounds, threads] = [Number(flags.steps), Number(flags.rounds), Number(flags.threads)];
const warmup = Math.min(WARMUP, steps - 1);

function named<T>(list: string, table: Readonly<Record<string, T>>): [string, T][] {
  return list.split(",").filter((name) => name !== "").map((name) => {
    if (Object.hasOwn(table, name)) return [name, table[name]!];
    throw new RangeError(
      `Cannot compare "${name}": wanted one of ${Object.keys(table).join(", ")}`,
    );
  });
}

async function pythonSays(code: string): Promise<string> {
  const { stdout } = await new Deno.Command(python, { args: ["-c", code], stderr: "null" }).output();
  return new TextDecoder().decode(stdout).trim();
}

/** Why there are no peers; null when there are. */
async function peersMissing(): Promise<string | null> {
  if (await Deno.stat(python).then(() => false, () => true)) {
    return "no bench/.venv-train, run bench/setup_train_peer.sh";
  }
  if (
    flags.device !== "cuda" || await pythonSays("import torch; print(torch.cuda.is_available())") === "True"
  ) {
    return null;
  }
  return "PyTorch finds no CUDA device";
}

/** Our execution provider; null, and the reason told, when a GPU was asked for and none works here. */
async function ownProvider(): Promise<Provider | null> {
  if (flags.device === "cpu") return "cpu";
  const said: string[] = [];
  const provider = await pickProvider("auto", (message) => void said.push(message));
  if (provider !== "cpu") return provider;
  console.log(`ours skipped: no GPU works here: ${said.slice(0, -1).join("; ")}`);
  return null;
}

function sidesOf(provider: Provider | null, withPeers: boolean): Side[] {
  const { device } = flags;
  const own = provider === null ? [] : named(flags.ours, OURS).map(([name, args]): Side => ({
    name: `ours, ${name}`,
    mode: "eager",
    command: [Deno.execPath(), "run", "-A", here("_train_ours.ts"), "--provider", provider, ...args],
  }));
  const peers = !withPeers ? [] : named(flags.peers, PEERS).map(([name, { script, mode }]): Side => ({
    name,
    mode,
    command: [python, here(script), "--device", device],
  }));
  return [...own, ...peers];
}

/** Trains once. @throws {Error} With the end of what the process said. */
async function trained({ name, mode, command }: Side, job: Job, folder: string): Promise<Result> {
  const [jobPath, resultPath] = [join(folder, "job.json"), join(folder, "result.json")];
  await Deno.writeTextFile(jobPath, JSON.stringify({ ...job, mode }));
  const [program, ...args] = command;
  const { success, stderr } = await new Deno.Command(program!, {
    args: [...args, "--threads", `${threads}`, jobPath, resultPath],
    env: { HF_HUB_OFFLINE: "1", TOKENIZERS_PARALLELISM: "false" },
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return JSON.parse(await Deno.readTextFile(resultPath));
  throw new Error(
    `Cannot train with ${name}: ${new TextDecoder().decode(stderr).trim().split("\n").slice(-3).join(" ")}`,
  );
}

/** The fastest products of matrices that were seen, in GFLOP/s. */
interface Limits {
  onnxruntime: number;
  torch: number;
}

async function raise(limits: Limits, provider: Provider | null, peers: boolean): Promise<void> {
  if (provider !== null) {
    limits.onnxruntime = Math.max(limits.onnxruntime, await onnxLimit(provider, threads));
  }
  if (peers) limits.torch = Math.max(limits.torch, await torchLimit(python, flags.device, threads));
}

/** All sides in turn, another one first in each round; a side that fails is told and left out. */
async function compared(
  sides: readonly Side[],
  job: Job,
  folder: string,
  beforeRound: () => Promise<void>,
): Promise<Map<string, Result[]>> {
  const results = new Map<string, Result[]>(sides.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    await beforeRound();
    for (let i = 0; i < sides.length; i++) {
      const side = sides[(round + i) % sides.length]!;
      const all = results.get(side.name);
      if (all === undefined) continue;
      try {
        all.push(await trained(side, job, folder));
      } catch (thrown) {
        console.log(`${side.name} left out: ${(thrown as Error).message}`);
        results.delete(side.name);
      }
    }
  }
  return results;
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  const differences = a.map((value, at) => Math.abs(value - (b[at] ?? NaN)) / Math.abs(value));
  return differences.some(Number.isNaN) ? Infinity : Math.max(...differences);
}

/** Largest relative difference of losses and of gradient norms between any run and the first one. */
function agreement(results: ReadonlyMap<string, readonly Result[]>): Differences {
  const first = results.values().next().value![0]!;
  const worst = (runs: readonly Result[], field: "losses" | "grad_norms") =>
    Math.max(...runs.map((run) => largestDifference(first[field], run[field])));
  return Object.fromEntries(
    [...results].map((
      [name, runs],
    ) => [name, { losses: worst(runs, "losses"), gradientNorms: worst(runs, "grad_norms") }]),
  );
}

function figuresOf(runs: readonly Result[], tokens: number): Figures {
  const seconds = runs.flatMap((run) => run.step_seconds.slice(warmup)).sort((a, b) => a - b);
  const gpu = runs.map((run) => run.peak_gpu_bytes);
  return {
    tokensPerSecondBest: tokens / seconds[0]!,
    tokensPerSecondMedian: tokens / seconds[seconds.length >> 1]!,
    bestStepMs: seconds[0]! * 1000,
    peakMemoryBytes: Math.max(...runs.map((run) => run.peak_rss_bytes)),
    peakGpuBytes: gpu.includes(null) ? null : Math.max(...gpu as number[]),
    startToFirstStepSeconds: Math.min(...runs.map((run) => run.seconds_from_process_start_to_first_step)),
  };
}

function row(
  name: string,
  own: Figures,
  base: Figures | undefined,
  operations: number,
  limit: number,
): string {
  const ratio = (of: (figures: Figures) => number) =>
    base === undefined ? "-" : (of(own) / of(base)).toFixed(2);
  const memory = (bytes: number | null) => bytes === null ? "" : ` + GPU ${(bytes / 1e6).toFixed(0)} MB`;
  return `| ${
    [
      name,
      own.tokensPerSecondBest.toFixed(0),
      own.tokensPerSecondMedian.toFixed(0),
      ratio((figures) => figures.tokensPerSecondBest),
      ratio((figures) => figures.tokensPerSecondMedian),
      own.bestStepMs.toFixed(1),
      `${(100 * operations / own.bestStepMs / 1e6 / limit).toFixed(0)} %`,
      `${(own.peakMemoryBytes / 1e6).toFixed(0)} MB${memory(own.peakGpuBytes)}`,
      `${own.startToFirstStepSeconds.toFixed(2)} s`,
    ].join(" | ")
  } |`;
}

const HEADER = [
  "side",
  "tokens/s best",
  "tokens/s median",
  "× eager, best",
  "× eager, median",
  "best step ms",
  "of the limit",
  "peak memory",
  "start to first step",
];

function titleOf(shape: string, { method, lora, batch, tokens, labelled }: ShapeRun): string {
  const what = lora === undefined ? method : `${method} r ${lora.r}`;
  return `${shape}, ${what}, ${batch} × ${tokens}${labelled < 1 ? `, ${100 * labelled} % labelled` : ""}`;
}

/** Largest relative differences from the first side, by side. */
type Differences = Readonly<Record<string, { readonly losses: number; readonly gradientNorms: number }>>;

/** Tells whose losses are too far from the first side's; whether any are. */
function tellDisagreement(differences: Differences, first: string): boolean {
  const off = Object.entries(differences).filter(([, { losses }]) => !(losses <= TOLERANCE));
  for (const [side, { losses }] of off) {
    console.log(
      `${side}: losses differ by up to ${losses.toExponential(1)} of those of ${first}: no speeds told`,
    );
  }
  return off.length > 0;
}

function tellGround(differences: Differences, operations: number, limits: Limits): void {
  const most = (field: "losses" | "gradientNorms") =>
    Math.max(...Object.values(differences).map((one) => one[field])).toExponential(1);
  const shown = (limit: number) => limit === 0 ? "-" : limit.toFixed(0);
  console.log(
    `\nLosses of ${steps} steps agree to ${most("losses")}, gradient norms to ${most("gradientNorms")}. ` +
      `A step needs ${(operations / 1e9).toFixed(1)} GFLOP; the machine's limit: ` +
      `ONNX Runtime ${shown(limits.onnxruntime)}, torch.mm ${shown(limits.torch)} GFLOP/s.`,
  );
}

/** Compares one run of a shape and prints its table. */
async function measure(name: string, shape: Shape, run: ShapeRun, provider: Provider | null, peers: boolean) {
  const title = titleOf(name, run);
  console.log(`\n## ${title}\n`);
  const folder = join(flags.work, name);
  await Deno.mkdir(folder, { recursive: true });
  const job = await trainJob(folder, shape, run, { steps, warmup });
  const limits: Limits = { onnxruntime: 0, torch: 0 };
  const sides = sidesOf(provider, peers);
  const results = await compared(sides, job, folder, () => raise(limits, provider, peers));
  if (results.size === 0) return { title, agrees: false, complete: false };
  const complete = results.size === sides.length;
  const differences = agreement(results);
  const off = tellDisagreement(differences, [...results.keys()][0]!);
  if (off) return { title, agrees: false, complete, differences };
  const limit = Math.max(limits.onnxruntime, limits.torch);
  const operations = stepOperations(shape, run);
  const figures = new Map(
    [...results].map(([side, runs]) => [side, figuresOf(runs, run.batch * run.tokens)]),
  );
  console.log(`| ${HEADER.join(" | ")} |\n|${" --- |".repeat(HEADER.length)}`);
  for (const [side, own] of figures) console.log(row(side, own, figures.get("eager"), operations, limit));
  tellGround(differences, operations, limits);
  const versions = Object.assign({}, ...[...results.values()].map((runs) => runs[0]!.versions));
  return {
    title,
    agrees: true,
    complete,
    differences,
    limits,
    operations,
    versions,
    sides: Object.fromEntries(figures),
  };
}

const machine = `${cpus()[0]?.model ?? "unknown CPU"}, ${cpus().length} cores, ${
  (totalmem() / 1e9).toFixed(0)
} GB`;
const command = ["deno run -A bench/train.ts", ...Deno.args].join(" ");
console.log(`${machine}; deno ${Deno.version.deno}; ${threads} threads; device ${flags.device}`);
console.log(`command: ${command}`);
const missing = await peersMissing();
if (missing !== null) console.log(`peers skipped: ${missing}`);
else {
  console.log(`peers: ${await pythonSays(VERSIONS)}`);
}
const provider = await ownProvider();
if (provider !== null) console.log(`ours: execution provider ${provider}`);

const shapes: Readonly<Record<string, Shape>> = JSON.parse(await Deno.readTextFile(here("shapes.json")));
const measured = [];
if (provider !== null || missing === null) {
  for (const [name, shape] of named(flags.shapes, shapes)) {
    for (const run of shape.runs) {
      if (flags.method !== undefined && run.method !== flags.method) continue;
      measured.push({ shape: name, run, ...await measure(name, shape, run, provider, missing === null) });
    }
  }
}
if (flags.json !== undefined) {
  const report = { machine, command, device: flags.device, provider, threads, steps, rounds, measured };
  await Deno.writeTextFile(flags.json, `${JSON.stringify(report, null, 2)}\n`);
}
if (measured.some(({ agrees, complete }) => !agrees || !complete)) Deno.exit(1);
