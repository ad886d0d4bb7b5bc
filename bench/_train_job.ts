/**
 * What a training benchmark trains: a job as peer_job.py describes it, with the model and the adapter it starts from.
 * Same shape, same bytes.
 *
 * @module
 */
import { join } from "node:path";
import { seeded, type SeededPrng } from "../core/prng.ts";
import { initialLora, type LoraOptions, loraParameters } from "../plugins/models/lora.ts";
import {
  expectedTensors,
  type ModelConfig,
  parseModelConfig,
  writeAdapter,
  writeModelFolder,
} from "../plugins/models/mod.ts";
import type { LazyTensor } from "../plugins/onnx/safetensors.ts";
import { elements } from "../plugins/onnx/tensor.ts";

/** An entry of shapes.json. */
export interface Shape {
  /** `config.json` of the model. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly runs: readonly ShapeRun[];
}

/** What is trained of a shape, and on how much. */
export interface ShapeRun {
  readonly method: "lora" | "full";
  readonly lora?: { readonly r: number; readonly alpha: number; readonly targets: readonly string[] };
  readonly batch: number;
  readonly tokens: number;
  /** Share of the tokens that carry loss: the last ones of each row. */
  readonly labelled: number;
}

/** Rows of token ids; labels as ids, -100 carries no loss. */
export interface JobBatch {
  readonly ids: readonly (readonly number[])[];
  readonly labels: readonly (readonly number[])[];
  readonly positions?: readonly (readonly number[])[];
}

/** The job of peer_job.py, with the fields that have a default there. */
export interface Job {
  readonly model: string;
  readonly method: "lora" | "full";
  readonly lora?: ShapeRun["lora"];
  readonly adapter?: string | null;
  readonly steps: number;
  readonly lr: number | readonly number[];
  readonly weight_decay?: number;
  readonly max_grad_norm?: number | null;
  readonly batches: readonly JobBatch[];
  readonly warmup?: number;
  readonly mode?: "eager" | "compile";
  readonly fused?: boolean;
  readonly checkpointing?: boolean;
}

/** Batches that a job goes through again and again. */
const BATCHES = 4;
const LEARNING_RATES = { lora: 1e-3, full: 1e-4 } as const;
/** Weights are spread like the sum of three uniform numbers, with transformers' deviation of 0.02. */
const SPREAD = 0.04;

/**
 * Makes the job of a run; folders that are there already are used again.
 *
 * Weight decay is 0: which tensors of a whole model decay differs between trainers. AdamW is the fused one, the peers' fastest.
 */
export async function trainJob(
  work: string,
  shape: Shape,
  run: ShapeRun,
  { steps, warmup }: { readonly steps: number; readonly warmup: number },
): Promise<Job> {
  const { config, model, adapter } = await startOf(work, shape, run.lora);
  return {
    model,
    method: run.method,
    adapter,
    steps,
    lr: LEARNING_RATES[run.method],
    weight_decay: 0,
    max_grad_norm: 1,
    batches: batchesOf(run, config.vocabularySize),
    warmup,
    mode: "eager",
    fused: true,
  };
}

/** Folders of a shape's model and of the adapter that training starts from; those that are there already are used again. */
export async function startOf(
  work: string,
  shape: Pick<Shape, "config">,
  lora: ShapeRun["lora"],
): Promise<{ readonly config: ModelConfig; readonly model: string; readonly adapter: string | null }> {
  const config = parseModelConfig(shape.config, "bench/shapes.json");
  const model = join(work, "model");
  if (!await exists(model)) await writeModelFolder(model, { config, tensors: randomWeights(config) });
  return { config, model, adapter: lora === undefined ? null : await adapterOf(work, model, config, lora) };
}

/** The adapter of a rank in `work`, which is made when it is not there. */
export async function adapterOf(
  work: string,
  model: string,
  config: ModelConfig,
  lora: NonNullable<ShapeRun["lora"]>,
): Promise<string> {
  const adapter = join(work, `adapter-r${lora.r}`);
  if (!await exists(adapter)) await writeStart(adapter, model, config, lora);
  return adapter;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

function randomWeights(config: ModelConfig): Map<string, LazyTensor> {
  const root = seeded(1);
  return new Map([...expectedTensors(config)].map(([name, shape]) => [name, {
    shape,
    read: () => Promise.resolve({ data: randomValues(name, elements(shape), root.fork(name)), shape }),
  }]));
}

function randomValues(name: string, size: number, prng: SeededPrng): Float32Array {
  const data = new Float32Array(size);
  if (name.endsWith("norm.weight")) return data.fill(1);
  for (let i = 0; i < size; i++) data[i] = (prng() + prng() + prng() - 1.5) * SPREAD;
  return data;
}

/** The adapter that all trainers start from: A random, B zero. */
async function writeStart(
  folder: string,
  baseModel: string,
  config: ModelConfig,
  { r, alpha, targets }: NonNullable<ShapeRun["lora"]>,
): Promise<void> {
  const options: LoraOptions = { rank: r, alpha, targets };
  const prng = seeded(2);
  const tensors = new Map(
    loraParameters(config, options).map((parameter) => [
      parameter.name,
      { data: initialLora(parameter, prng), shape: parameter.shape },
    ]),
  );
  await writeAdapter(folder, { rank: r, alpha, rsLora: false, baseModel, tensors });
}

function batchesOf({ batch, tokens, labelled }: ShapeRun, vocabulary: number): readonly JobBatch[] {
  const prng = seeded(3);
  const first = Math.round(tokens * (1 - labelled));
  return Array.from({ length: BATCHES }, () => {
    const ids = Array.from(
      { length: batch },
      () => Array.from({ length: tokens }, () => Math.floor(prng() * vocabulary)),
    );
    return { ids, labels: ids.map((row) => row.map((id, t) => t < first ? -100 : id)) };
  });
}

/**
 * Floating-point operations in the matrix products that a step cannot do without: a multiply and an add count two, only
 * labelled tokens meet the head, attention looks back only, nothing is computed twice.
 */
export function stepOperations({ config: raw }: Shape, run: ShapeRun): number {
  const config = parseModelConfig(raw, "bench/shapes.json");
  const { batch, tokens, labelled, method, lora } = run;
  const matrices = [...expectedTensors(config)].filter(([name, shape]) =>
    shape.length === 2 && name.startsWith("model.layers.")
  );
  const sizeOf = (shapes: readonly (readonly number[])[]) =>
    shapes.reduce((sum, shape) => sum + elements(shape), 0);
  const linear = sizeOf(matrices.map(([, shape]) => shape));
  const adapters = lora === undefined ? 0 : sizeOf(
    loraParameters(config, { rank: lora.r, alpha: lora.alpha, targets: lora.targets }).map(({ shape }) =>
      shape
    ),
  );
  const trained = Math.min(Math.round(tokens * labelled), tokens - 1);
  const head = config.vocabularySize * config.hiddenSize;
  const pairs = tokens * (tokens + 1) / 2 * config.heads * config.headDimension * config.layers;
  const passes = method === "full" ? 6 : 4; // forward, gradient of the input, and of the weight where it is trained
  return batch * (passes * (linear * tokens + head * trained) + 6 * adapters * tokens + 12 * pairs);
}
