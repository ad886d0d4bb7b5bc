/**
 * A model in training: its folder, what of it is trained, its sessions, and how it is saved and read back.
 *
 * @module
 */
import { join } from "node:path";
import { GymError } from "../../core/errors.ts";
import { seeded } from "../../core/prng.ts";
import {
  type Adapter,
  checkAdapterFits,
  type ModelFolder,
  openModelFolder,
  readAdapter,
  writeAdapter,
  writeModelFolder,
} from "../models/mod.ts";
import { expectedTensors } from "../models/folder.ts";
import { fillerId } from "../models/config.ts";
import { initialLora, loraOptionsOf, loraParameters, loraShape } from "../models/lora.ts";
import { adapterEntry } from "../models/peft.ts";
import { type Bucket, bucketsOf, type Parameter, placesOf } from "../models/parameters.ts";
import { scoringGraph, type TrainedModel, type TrainingGraphOptions } from "../models/training_graph.ts";
import type { Graph } from "../onnx/graph.ts";
import { readTensor } from "../onnx/safetensors.ts";
import { pickProvider, type Provider, type ProviderChoice, Session } from "../onnx/session.ts";
import type { Tensor } from "../onnx/tensor.ts";
import { Learner } from "./_learner.ts";

/** What makes a trainee; the fields of the trainers' options. */
export interface TraineeOptions {
  readonly model: string;
  readonly adapter?: string | undefined;
  readonly method: "lora" | "full";
  readonly loraRank: number;
  readonly loraAlpha: number;
  readonly loraRs: boolean;
  readonly loraDropout?: number | undefined;
  readonly loraTargets: readonly string[];
  readonly seed: number;
  readonly provider: ProviderChoice;
  readonly prepack: boolean;
  readonly threads?: number | undefined;
}

/** Folder inside a checkpoint, or of a result, that holds what was trained. */
const FOLDERS = { lora: "adapter", full: "model" } as const;

/** A model in training. */
export class Trainee implements AsyncDisposable {
  /** The base model. */
  readonly folder: ModelFolder;
  /** Graphs are built from this. */
  readonly model: TrainedModel;
  /** Parameters and optimiser. */
  readonly learner: Learner;
  /** Where the graphs run. */
  readonly provider: Provider;
  readonly #options: TraineeOptions;
  readonly #sessions = new Map<string, Promise<Session>>();

  private constructor(options: TraineeOptions, folder: ModelFolder, model: TrainedModel, parts: {
    readonly learner: Learner;
    readonly provider: Provider;
  }) {
    this.#options = options;
    this.folder = folder;
    this.model = model;
    this.learner = parts.learner;
    this.provider = parts.provider;
  }

  /**
   * Opens a model for training.
   *
   * @param log Told which provider is used.
   * @throws {GymError} For a folder that holds no model, an adapter that does not fit, a provider that does not work.
   */
  static async create(options: TraineeOptions, log: (message: string) => void): Promise<Trainee> {
    const folder = await openModelFolder(options.model);
    const start = options.adapter === undefined ? null : await openAdapter(options.adapter, folder, options);
    const settings = start === null ? loraOptions(options) : loraOptionsOf(start);
    const parameters = options.method === "lora"
      ? loraParameters(folder.config, settings)
      : fullParameters(folder);
    const buckets = bucketsOf(parameters);
    const prng = seeded(options.seed).fork(1);
    const values = await filled(
      buckets,
      (parameter) =>
        options.method === "full"
          ? readTensor(folder.weights.tensors.get(parameter.name)!)
          : start === null
          ? { data: initialLora(parameter, prng), shape: parameter.shape }
          : readAdapterTensor(start, parameter),
    );
    const provider = await pickProvider(options.provider, log);
    const model: TrainedModel = {
      config: folder.config,
      weights: folder.weights,
      buckets,
      lora: options.method === "lora" ? loraShape(settings) : null,
    };
    return new Trainee({ ...options, ...named(settings) }, folder, model, {
      learner: new Learner(buckets, values),
      provider,
    });
  }

  /** The session of a graph that trains; one is kept for each name. */
  session(name: string, build: () => Graph): Promise<Session> {
    return this.#session(name, build, this.#options.prepack);
  }

  /** The session of the scoring graph. Its weights stay as they lie in the file, which it shares with other sessions. */
  scoring(options: TrainingGraphOptions): Promise<Session> {
    const name = `scoring ${options.maxPositions} ${options.packed === true}`;
    return this.#session(name, () => scoringGraph(this.model, options), false);
  }

  /** Id that fills rows of a batch up. */
  get fillerId(): number {
    return fillerId(this.folder.config);
  }

  /** Trained parameters. */
  get parameters(): number {
    return this.model.buckets.reduce((sum, { size }) => sum + size, 0);
  }

  /** Writes what was trained into `folder`, as `adapter` or `model`; returns the path. */
  async save(folder: string): Promise<string> {
    const path = join(folder, FOLDERS[this.#options.method]);
    await this.saveAs(path);
    return path;
  }

  /** Writes what was trained as the folder `path`: an adapter as PEFT keeps it, or a whole model. */
  async saveAs(path: string): Promise<void> {
    const tensors = new Map<string, Tensor>();
    for (const [at, bucket] of this.model.buckets.entries()) {
      const vector = this.learner.states[at]!.parameters as Float32Array; // sound: the learner was made from float32
      for (const { parameter, start, end } of placesOf(bucket)) {
        tensors.set(parameter.name, { data: vector.subarray(start, end), shape: parameter.shape });
      }
    }
    if (this.#options.method === "full") {
      await writeModelFolder(path, { config: this.folder.config, tensors, copyFrom: this.folder.path });
      return;
    }
    await writeAdapter(path, {
      rank: this.#options.loraRank,
      alpha: this.#options.loraAlpha,
      rsLora: this.#options.loraRs,
      dropout: this.#options.loraDropout ?? 0,
      baseModel: this.folder.path,
      tensors,
    });
  }

  /** Reads back what {@linkcode save} wrote into `folder`, exactly. */
  async load(folder: string): Promise<void> {
    const path = join(folder, FOLDERS[this.#options.method]);
    const read = this.#options.method === "full"
      ? fullReader(await openModelFolder(path))
      : adapterReader(await openAdapter(path, this.folder, this.#options));
    const values = await filled(this.model.buckets, read);
    for (const [at, state] of this.learner.states.entries()) state.parameters.set(values[at]!);
  }

  /** Frees all sessions. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions.values()) {
      await session.then((made) => made[Symbol.asyncDispose](), () => {});
    }
    this.#sessions.clear();
  }

  #session(name: string, build: () => Graph, prepack: boolean): Promise<Session> {
    const known = this.#sessions.get(name);
    if (known !== undefined) return known;
    const { threads } = this.#options;
    const made = Session.create(build(), {
      provider: this.provider,
      prepack,
      ...(threads === undefined ? {} : { threads }),
    });
    this.#sessions.set(name, made);
    return made;
  }
}

function loraOptions({ loraRank, loraAlpha, loraRs, loraTargets }: TraineeOptions) {
  return { rank: loraRank, alpha: loraAlpha, rsLora: loraRs, targets: loraTargets };
}

function named({ rank, alpha, rsLora, targets }: ReturnType<typeof loraOptions>) {
  return { loraRank: rank, loraAlpha: alpha, loraRs: rsLora, loraTargets: targets };
}

/** All tensors of a model; norms and biases are vectors and do not decay. */
function fullParameters({ config }: ModelFolder): readonly Parameter[] {
  return [...expectedTensors(config)].map(([name, shape]) => ({ name, shape, decay: shape.length > 1 }));
}

async function openAdapter(path: string, model: ModelFolder, { method }: TraineeOptions): Promise<Adapter> {
  if (method === "full") {
    throw new GymError(
      "INVALID_OPTIONS",
      `Cannot train all weights from adapter ${path}: wanted a model: merge the adapter first, or train with lora`,
      { adapter: path },
    );
  }
  const adapter = await readAdapter(path);
  checkAdapterFits(adapter, model.config);
  return adapter;
}

type ReadParameter = (parameter: Parameter) => Promise<Tensor> | Tensor;

function fullReader({ weights }: ModelFolder): ReadParameter {
  return ({ name }) => readTensor(weights.tensors.get(name)!);
}

function adapterReader(adapter: Adapter): ReadParameter {
  return (parameter) => readAdapterTensor(adapter, parameter);
}

async function readAdapterTensor(adapter: Adapter, { name }: Parameter): Promise<Tensor> {
  const entry = adapterEntry(adapter, name);
  if (entry !== undefined) return await readTensor(entry);
  const module = name.split(".lora_")[0]!;
  throw new GymError(
    "INVALID_DATA",
    `Cannot use adapter ${adapter.path}: wanted an adapter for "${module}": it is not there`,
    { path: adapter.path, module },
  );
}

/** A vector for each bucket. A bucket of one tensor is that tensor's own data. */
async function filled(buckets: readonly Bucket[], read: ReadParameter): Promise<Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (const bucket of buckets) {
    if (bucket.parameters.length === 1) {
      vectors.push((await read(bucket.parameters[0]!)).data);
      continue;
    }
    const vector = new Float32Array(bucket.size);
    for (const { parameter, start } of placesOf(bucket)) vector.set((await read(parameter)).data, start);
    vectors.push(vector);
  }
  return vectors;
}
