/**
 * Our side of bench/train.ts: trains a job as peer_train.py does and writes the same result.
 *
 * deno run -A bench/_train_ours.ts JOB.json RESULT.json [--provider cpu|webgpu|cuda] [--threads 2] [--no-prepack]
 *   [--recompute] [--head-chunk N]
 *
 * Weight decay, unlike PyTorch's, is not on gains of norms and biases: jobs that train all weights should have none.
 */
import { parseArgs } from "node:util";
import { trainingGraph } from "../plugins/models/training_graph.ts";
import { type Feed, floats, type Provider } from "../plugins/onnx/session.ts";
import { inChunks } from "../plugins/trainers/_feeds.ts";
import { Trainee } from "../plugins/trainers/_trainee.ts";
import type { Job, JobBatch } from "./_train_job.ts";

const IGNORED = -100;

/** A job's batch as inputs of the training graph; short rows are padded on the right. */
function feedsOf({ ids, labels, positions }: JobBatch): Record<string, Feed> {
  const length = Math.max(...ids.map((row) => row.length));
  const shape = [ids.length, length];
  const grid = (at: (row: number, t: number) => number): Feed => ({
    data: BigInt64Array.from(ids.flatMap((_, b) => Array.from({ length }, (_, t) => BigInt(at(b, t))))),
    shape,
  });
  const places = labels.flatMap((row, b) =>
    row.flatMap((label, t) => t === 0 || label === IGNORED ? [] : [[b * length + t - 1, label] as const])
  );
  const shared = [places.length];
  return {
    ids: grid((b, t) => ids[b]![t] ?? 0),
    positions: grid((b, t) => positions === undefined ? t : positions[b]![t] ?? 0),
    ...positions === undefined ? {} : { segments: grid((b, t) => segmentAt(positions[b]!, t)) },
    rows: { data: BigInt64Array.from(places, ([row]) => BigInt(row)), shape: shared },
    targets: { data: BigInt64Array.from(places, ([, label]) => BigInt(label)), shape: shared },
    weights: { data: new Float32Array(places.length).fill(1 / places.length), shape: shared },
  };
}

/** Which of a row's sequences a token belongs to: a new one starts where positions start again. */
function segmentAt(positions: readonly number[], t: number): number {
  return positions.slice(1, t + 1).filter((position) => position === 0).length;
}

function tokensOf({ ids }: JobBatch): number {
  return ids.reduce((sum, row) => sum + row.length, 0);
}

/** Seconds since this process started. */
function secondsOfProcess(): number {
  if (Deno.build.os !== "linux") return (Date.now() - performance.timeOrigin) / 1000;
  const stat = Deno.readTextFileSync("/proc/self/stat");
  const ticks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]); // field 22, since boot, 100 a second
  return Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]) - ticks / 100;
}

function peakBytes(): number {
  if (Deno.build.os !== "linux") return Deno.memoryUsage().rss;
  return Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))![1]) * 1024;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const { positionals: [jobPath, resultPath], values: flags } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    provider: { type: "string", default: "cpu" },
    threads: { type: "string", default: "2" },
    "no-prepack": { type: "boolean", default: false },
    recompute: { type: "boolean", default: false },
    "head-chunk": { type: "string" },
  },
});
const job: Job = JSON.parse(await Deno.readTextFile(jobPath!));
const threads = Number(flags.threads);
const headChunk = flags["head-chunk"] === undefined ? undefined : Number(flags["head-chunk"]);
const prepack = !flags["no-prepack"];
const packed = job.batches.some(({ positions }) => positions !== undefined);

await using trainee = await Trainee.create({
  model: job.model,
  adapter: job.adapter ?? undefined,
  method: job.method,
  loraRank: job.lora?.r ?? 1,
  loraAlpha: job.lora?.alpha ?? 1,
  loraRs: false,
  loraTargets: job.lora?.targets ?? [],
  seed: 0,
  provider: flags.provider as Provider,
  prepack,
  threads,
}, () => {});
const maxPositions = Math.max(...job.batches.flatMap(({ ids }) => ids.map((row) => row.length)));
const session = await trainee.session("train", () =>
  trainingGraph(trainee.model, {
    maxPositions,
    packed,
    recompute: flags.recompute,
    ...headChunk === undefined ? {} : { headChunk },
  }));
const batches = job.batches.map((batch) => {
  const feeds = feedsOf(batch);
  return headChunk === undefined
    ? feeds
    : { ...feeds, ...inChunks(feeds as Record<"rows" | "targets" | "weights", Feed>, headChunk) };
});

const losses: number[] = [], norms: number[] = [], seconds: number[] = [];
let firstStep = 0;
for (let step = 0; step < job.steps; step++) {
  const start = performance.now();
  const { loss } = await trainee.learner.accumulate(session, batches[step % batches.length]!);
  const { gradientNorm } = trainee.learner.update({
    learningRate: typeof job.lr === "number" ? job.lr : job.lr[step]!,
    weightDecay: job.weight_decay ?? 0.01,
    maxGradientNorm: job.max_grad_norm === undefined ? 1 : job.max_grad_norm ?? 0,
  });
  losses.push(floats(loss)[0]!);
  norms.push(gradientNorm);
  seconds.push((performance.now() - start) / 1000);
  if (step === 0) firstStep = secondsOfProcess();
}

const { env } = await import("onnxruntime-node");
const rates = seconds.map((time, step) => tokensOf(job.batches[step % job.batches.length]!) / time)
  .slice(job.warmup ?? 0);
await Deno.writeTextFile(
  resultPath!,
  JSON.stringify({
    versions: { deno: Deno.version.deno, onnxruntime: env.versions.node ?? env.versions.common },
    device: trainee.provider,
    threads,
    mode: [prepack ? "prepacked" : "mapped", ...flags.recompute ? ["recomputed"] : []].join(", "),
    fused: true,
    method: job.method,
    trained: trainee.parameters,
    losses,
    grad_norms: norms,
    step_seconds: seconds,
    tokens_per_second_best: Math.max(...rates),
    tokens_per_second_median: median(rates),
    peak_rss_bytes: peakBytes(),
    peak_gpu_bytes: null,
    seconds_from_process_start_to_first_step: firstStep,
  }),
);
