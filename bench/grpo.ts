/**
 * Whole steps of GRPO, ours beside TRL's GRPOTrainer: sampling, rewards, loss, gradients and update, with the same start, prompts,
 * group size and lengths, in float32 on the same number of threads, each a process of its own, taking turns so that noise meets both.
 *
 * deno run -A bench/grpo.ts [--cases tiny-lora,tiny-full,wide-lora,wide-full,small-lora,small-full,smollm2-lora] [--model FOLDER]
 *   [--steps 8] [--rounds 3] [--threads 2] [--work FOLDER] [--json FILE]
 *
 * --model names the folder that bench/smollm2.py wrote, which smollm2-lora needs. Samplers draw other tokens, so the sides are held
 * against each other by the number of sampled tokens, of trained values, and by the entropy of what was sampled in the first step,
 * within 5 %; tests/training/grpo_numbers_test.ts compares losses and gradients. Best and median are of all steps of all rounds
 * without each one's first; memory is the most of all rounds. Without bench/.venv-train, which bench/setup_train_peer.sh makes, only
 * our own figures are printed.
 */
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { openModelFolder } from "../plugins/models/mod.ts";
import { type GrpoJob, grpoPrompts, type GrpoResult } from "./_grpo_job.ts";
import {
  done,
  exists,
  here,
  inTurns,
  machineLine,
  median,
  ownSide,
  python,
  pythonSide,
  tableHead,
  tableRow,
} from "./_sides.ts";
import { adapterOf, type Shape, type ShapeRun, startOf } from "./_train_job.ts";

/** What a step is made of. */
interface Case {
  /** An entry of shapes.json; null for --model. */
  readonly shape: string | null;
  /** Fields of config.json that differ from the shape's. */
  readonly config?: Readonly<Record<string, number>>;
  readonly method: "lora" | "full";
  readonly prompts: number;
  readonly groupSize: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Rows that are trained on at once. */
  readonly rows: number;
  /** Most steps of a process, for cases whose steps take long. */
  readonly mostSteps?: number;
}

const lengths = { prompts: 4, groupSize: 8, promptTokens: 64, completionTokens: 64, rows: 32 } as const;
const wide = { shape: "tiny", config: { hidden_size: 128, intermediate_size: 256, head_dim: 32 } } as const;
const CASES: Readonly<Record<string, Case>> = {
  "tiny-lora": { shape: "tiny", method: "lora", ...lengths },
  "tiny-full": { shape: "tiny", method: "full", ...lengths },
  "wide-lora": { ...wide, method: "lora", ...lengths },
  "wide-full": { ...wide, method: "full", ...lengths },
  "small-lora": { shape: "small", method: "lora", ...lengths },
  "small-full": { shape: "small", method: "full", ...lengths },
  "smollm2-lora": { shape: null, method: "lora", ...lengths, completionTokens: 32, rows: 8, mostSteps: 3 },
};
/** Largest relative difference of the entropies of the first step. */
const TOLERANCE = 0.05;
const LEARNING_RATES = { lora: 1e-4, full: 1e-5 } as const;
const SHAPES: Readonly<Record<string, Shape>> = JSON.parse(await Deno.readTextFile(here("shapes.json")));

const { values: flags } = parseArgs({
  options: {
    cases: { type: "string", default: Object.keys(CASES).join(",") },
    model: { type: "string" },
    steps: { type: "string", default: "8" },
    rounds: { type: "string", default: "3" },
    threads: { type: "string", default: "2" },
    work: { type: "string", default: join(tmpdir(), "gym-bench-grpo") },
    json: { type: "string" },
  },
});
const [steps, rounds, threads] = [Number(flags.steps), Number(flags.rounds), Number(flags.threads)];

/** Adapters as the training benchmark has them for a shape. */
function loraOf(shape: string): NonNullable<ShapeRun["lora"]> {
  return SHAPES[shape]!.runs.find(({ lora }) => lora !== undefined)!.lora!; // sound: each of the shapes has one
}

/** Folders to start from; null when the case needs a model that was not given. */
async function start(name: string, { shape, config, method }: Case) {
  const work = join(flags.work, name);
  await Deno.mkdir(work, { recursive: true });
  if (shape !== null) {
    const lora = method === "lora" ? loraOf(shape) : undefined;
    return await startOf(work, { config: { ...SHAPES[shape]!.config, ...config } }, lora);
  }
  if (flags.model === undefined) return null;
  const model = resolve(flags.model);
  const opened = await openModelFolder(model);
  return {
    model,
    config: opened.config,
    adapter: await adapterOf(work, model, opened.config, loraOf("smollm2-135m")),
  };
}

/** What came of a side in all rounds. */
interface Figures {
  readonly bestSeconds: number;
  readonly medianSeconds: number;
  /** Median of the part that samples. */
  readonly samplingSeconds: number;
  readonly peakMemoryBytes: number;
}

function figuresOf(results: readonly GrpoResult[]): Figures {
  const times = (of: (result: GrpoResult) => readonly number[]) =>
    results.flatMap((result) => of(result).slice(of(result).length > 1 ? 1 : 0));
  const seconds = times((result) => result.step_seconds);
  return {
    bestSeconds: Math.min(...seconds),
    medianSeconds: median(seconds),
    samplingSeconds: median(times((result) => result.sampling_seconds)),
    peakMemoryBytes: Math.max(...results.map((result) => result.peak_rss_bytes)),
  };
}

const HEADER = [
  "side",
  "s a step, best",
  "median",
  "ours ×, best",
  "ours ×, median",
  "sampling, median",
  "rest, median",
  "peak memory",
];

function row(side: string, own: Figures, ours: Figures | undefined): string {
  const ratio = (of: (figures: Figures) => number) =>
    ours === undefined || ours === own ? "-" : (of(own) / of(ours)).toFixed(2);
  return tableRow([
    side,
    own.bestSeconds.toFixed(3),
    own.medianSeconds.toFixed(3),
    ratio((figures) => figures.bestSeconds),
    ratio((figures) => figures.medianSeconds),
    own.samplingSeconds.toFixed(3),
    (own.medianSeconds - own.samplingSeconds).toFixed(3),
    `${(own.peakMemoryBytes / 1e6).toFixed(0)} MB`,
  ]);
}

/** In what the sides did not do the same work; empty when they did. */
function departures(results: ReadonlyMap<string, readonly GrpoResult[]>, sampled: number): string[] {
  const [first] = results.values().next().value!;
  return [...results].flatMap(([name, all]) =>
    all.flatMap((result) => [
      ...result.sampled.every((count) => count === sampled)
        ? []
        : [`${name} sampled ${result.sampled} tokens`],
      ...result.trained === first!.trained ? [] : [`${name} trained ${result.trained} values`],
      ...Math.abs(result.surprise[0]! / first!.surprise[0]! - 1) < TOLERANCE
        ? []
        : [`${name} had entropy ${result.surprise[0]} at first, not ${first!.surprise[0]}`],
    ])
  );
}

/** Compares one case and prints its table; null when it is left out. */
async function measure(name: string, given: Case) {
  const begin = await start(name, given);
  if (begin === null) return void console.log(`\n${name} left out: no --model`);
  const { prompts, groupSize, promptTokens, completionTokens, rows, method, mostSteps = Infinity } = given;
  console.log(
    `\n## ${name}, ${prompts} prompts of ${promptTokens} tokens × ${groupSize} completions of ${completionTokens}, ` +
      `${rows} rows at once\n\n${tableHead(HEADER)}`,
  );
  const job: GrpoJob = {
    model: begin.model,
    method,
    adapter: begin.adapter,
    steps: Math.min(steps, mostSteps),
    prompts: grpoPrompts(given, begin.config.vocabularySize),
    groupSize,
    completionTokens,
    rows,
    lr: LEARNING_RATES[method],
    threads,
  };
  const results = await inTurns(sides, rounds, (side) => done<GrpoResult>(side, job, join(flags.work, name)));
  if (results.size === 0) return { name, complete: false, departures: [] };
  const figures = new Map([...results].map(([side, all]) => [side, figuresOf(all)]));
  for (const [side, own] of figures) console.log(row(side, own, figures.get("ours")));
  const found = [...new Set(departures(results, prompts * groupSize * completionTokens))];
  const versions = Object.assign({}, ...[...results.values()].map((all) => all[0]!.versions));
  console.log(`\n${found.length === 0 ? "Both did the same work." : found.join("\n")}`);
  console.log(Object.entries(versions).map(([library, version]) => `${library} ${version}`).join(", "));
  return {
    name,
    complete: results.size === sides.length,
    departures: found,
    versions,
    sides: Object.fromEntries(figures),
    results: Object.fromEntries(results),
  };
}

const command = ["deno run -A bench/grpo.ts", ...Deno.args].join(" ");
const machine = machineLine();
console.log(`${machine}; ${threads} threads\ncommand: ${command}`);
const withPeer = await exists(python);
if (!withPeer) console.log("TRL left out: no bench/.venv-train, run bench/setup_train_peer.sh");
const sides = [
  ownSide("ours", "_grpo_ours.ts"),
  ...withPeer ? [pythonSide("TRL", "peer_grpo.py")] : [],
];
const measured = [];
for (const name of flags.cases.split(",")) {
  const given = CASES[name];
  if (given === undefined) {
    throw new RangeError(`Cannot measure "${name}": wanted one of ${Object.keys(CASES).join(", ")}`);
  }
  const found = await measure(name, given);
  if (found !== undefined) measured.push(found);
}
if (flags.json !== undefined) {
  await Deno.writeTextFile(
    flags.json,
    `${JSON.stringify({ machine, command, threads, steps, rounds, measured }, null, 2)}\n`,
  );
}
if (measured.some(({ complete, departures }) => !complete || departures.length > 0)) Deno.exit(1);
