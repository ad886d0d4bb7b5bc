/**
 * Runs graphs on ONNX Runtime.
 *
 * A session checks and encodes a graph, picks the execution provider, and holds the runtime's memory until it is
 * disposed. onnxruntime-node is loaded on first use.
 *
 * @module
 */
import { GymError, messageOf } from "../../core/errors.ts";
import { pruned } from "./autodiff.ts";
import { checkGraph } from "./check.ts";
import { type Dialect, encodeGraph } from "./encode.ts";
import { Graph } from "./graph.ts";
import type { ElementType } from "./tensor.ts";

/** Where a graph runs. */
export type Provider = "cpu" | "webgpu" | "cuda";

/** What a caller may ask for: a provider, or the first that works of CUDA, WebGPU and CPU. */
export type ProviderChoice = Provider | "auto";

/** Data fed to a run or handed out by one. */
export interface Feed {
  /** Elements in row-major order. */
  readonly data: Float32Array | Float64Array | BigInt64Array | Uint16Array | Uint8Array;
  readonly shape: readonly number[];
}

/** A float32 result that stays on the device: feed it to the next run, then dispose it, both before its session. */
export interface DeviceTensor {
  /** Shape of the tensor. */
  readonly shape: readonly number[];
  /** Copies it to memory. */
  read(): Promise<Float32Array>;
  /** Frees it. */
  [Symbol.dispose](): void;
}

/** How a session is made. */
export interface SessionOptions {
  /** @default "cpu" */
  readonly provider?: Provider;
  /**
   * Whether weights are laid out anew for faster products: about a fifth faster, more memory, slower to start.
   *
   * @default true
   */
  readonly prepack?: boolean;
  /** Threads of one operator; the runtime's own choice when left out. */
  readonly threads?: number;
  /** Outputs that stay on the device, by name. They are {@linkcode DeviceTensor}s where the provider can keep them. */
  readonly keep?: readonly string[];
}

/** Level of the runtime's own log: what it calls an error is thrown as well, and would be told twice. */
const FATAL = 4;

/** The part of onnxruntime-node that sessions use. */
type Runtime = typeof import("onnxruntime-node");
type OrtTensor = import("onnxruntime-node").Tensor;

/** A loaded graph. */
export class Session implements AsyncDisposable {
  /** Where it runs. */
  readonly provider: Provider;
  readonly #runtime: Runtime;
  readonly #session: import("onnxruntime-node").InferenceSession;
  readonly #types: ReadonlyMap<string, ElementType>;
  readonly #readers = new Map<number, Promise<Session>>();

  private constructor(
    provider: Provider,
    runtime: Runtime,
    session: import("onnxruntime-node").InferenceSession,
    types: ReadonlyMap<string, ElementType>,
  ) {
    this.provider = provider;
    this.#runtime = runtime;
    this.#session = session;
    this.#types = types;
  }

  /**
   * Loads a graph. Nodes that no output depends on are removed from it first.
   *
   * @throws {TypeError} When the graph is not legal.
   * @throws {GymError} `ENGINE_FAILED` when the runtime refuses it or the provider is not there.
   */
  static async create(graph: Graph, options: SessionOptions = {}): Promise<Session> {
    const { provider = "cpu", prepack = true, threads, keep = [] } = options;
    checkGraph(pruned(graph));
    const { bytes, folder } = encodeGraph(graph, dialectOf(provider));
    const runtime = await loadRuntime();
    const entries: Record<string, unknown> = {};
    if (folder !== null) entries["model_external_initializers_file_folder_path"] = folder;
    if (!prepack) entries["disable_prepacking"] = "1";
    try {
      const session = await runtime.InferenceSession.create(bytes, {
        executionProviders: [provider],
        logSeverityLevel: FATAL,
        ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
        ...(keep.length === 0 || provider !== "webgpu" ? {} : {
          preferredOutputLocation: Object.fromEntries(keep.map((name) => [name, "gpu-buffer" as const])),
        }),
        extra: { session: entries },
      });
      const types = new Map(graph.inputs.map((value) => [value.name, value.type]));
      return new Session(provider, runtime, session, types);
    } catch (thrown) {
      throw failed(`Cannot load the graph on "${provider}"`, thrown);
    }
  }

  /**
   * Runs the graph once.
   *
   * @param feeds Every input by name.
   * @returns Every output by name; kept ones as {@linkcode DeviceTensor}.
   * @throws {GymError} `ENGINE_FAILED` with the runtime's own words.
   */
  async run(
    feeds: Readonly<Record<string, Feed | DeviceTensor>>,
  ): Promise<Readonly<Record<string, Feed | DeviceTensor>>> {
    const made: OrtTensor[] = [];
    const tensors: Record<string, OrtTensor> = {};
    for (const [name, feed] of Object.entries(feeds)) {
      if (feed instanceof KeptTensor) tensors[name] = feed.tensor;
      else made.push(tensors[name] = this.#tensor(name, feed as Feed));
    }
    try {
      const results = await this.#session.run(tensors);
      return Object.fromEntries(
        Object.entries(results).map(([name, tensor]) => [name, this.#fromRuntime(tensor as OrtTensor)]),
      );
    } catch (thrown) {
      throw failed("Cannot run the graph", thrown);
    } finally {
      for (const tensor of made) tensor.dispose();
    }
  }

  /** Frees the runtime's memory. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const reader of this.#readers.values()) await (await reader)[Symbol.asyncDispose]();
    await this.#session.release();
  }

  #fromRuntime(tensor: OrtTensor): Feed | DeviceTensor {
    if (tensor.location === "gpu-buffer") return new KeptTensor(tensor, () => this.#read(tensor));
    return { data: tensor.data as Feed["data"], shape: tensor.dims };
  }

  /** Copies a kept tensor by a graph of its own: `getData()` of the runtime's binding ends the process. */
  async #read(tensor: OrtTensor): Promise<Float32Array> {
    const rank = tensor.dims.length;
    const reader = this.#readers.get(rank) ?? Session.create(copyGraph(rank), { provider: this.provider });
    this.#readers.set(rank, reader);
    const { y } = await (await reader).#session.run({ x: tensor });
    return (y as OrtTensor).data as Float32Array;
  }

  #tensor(name: string, { data, shape }: Feed): OrtTensor {
    const type = this.#types.get(name);
    if (type === undefined) {
      const inputs = [...this.#types.keys()].join(", ");
      throw new TypeError(`Cannot run the graph: wanted inputs ${inputs}: received "${name}"`);
    }
    // The runtime's types list each pair of element type and array apart; the graph's input type decides here.
    try {
      return new this.#runtime.Tensor(type as "float32", data as Float32Array, [...shape]);
    } catch (thrown) {
      throw new TypeError(`Cannot run the graph: input "${name}": ${messageOf(thrown)}`, { cause: thrown });
    }
  }
}

class KeptTensor implements DeviceTensor {
  readonly tensor: OrtTensor;
  readonly read: () => Promise<Float32Array>;

  constructor(tensor: OrtTensor, read: () => Promise<Float32Array>) {
    this.tensor = tensor;
    this.read = read;
  }

  get shape(): readonly number[] {
    return this.tensor.dims;
  }

  [Symbol.dispose](): void {
    this.tensor.dispose();
  }
}

/** y = x, for tensors of a rank. */
function copyGraph(rank: number): Graph {
  const graph = new Graph();
  const shape = Array.from({ length: rank }, (_, axis) => `size_${axis}`);
  graph.output("y", graph.input("x", "float32", shape));
  return graph;
}

/** Data of an output that was not kept on the device. */
export function floats(output: Feed | DeviceTensor | undefined): Float32Array {
  const data = (output as Feed | undefined)?.data;
  if (!(data instanceof Float32Array)) throw new TypeError("Cannot read an output: wanted float32 in memory");
  return data;
}

/** Operators that a provider has. */
export function dialectOf(provider: Provider): Dialect {
  return provider === "webgpu" ? "plain" : "fused";
}

/**
 * The provider to use: the one that was asked for, or for `auto` the first that runs a small graph here.
 *
 * @param log Told which one was taken and why the ones before it were not.
 * @throws {GymError} `ENGINE_FAILED` when the one asked for does not work here.
 */
export async function pickProvider(
  choice: ProviderChoice,
  log: (message: string) => void = () => {},
): Promise<Provider> {
  if (choice !== "auto") {
    await probe(choice);
    log(`Execution provider: ${choice}`);
    return choice;
  }
  for (const provider of ["cuda", "webgpu"] as const) {
    try {
      await probe(provider);
      log(`Execution provider: ${provider}, the first that works here`);
      return provider;
    } catch (thrown) {
      log(`Execution provider ${provider} is not used: ${messageOf(thrown)}`);
    }
  }
  log("Execution provider: cpu");
  return "cpu";
}

/** Runs one product on a provider and compares it, because a provider that is listed need not work. */
async function probe(provider: Provider): Promise<void> {
  const runtime = await loadRuntime();
  const listed = runtime.listSupportedBackends().find(({ name }) => name === provider);
  if (listed === undefined || (!listed.bundled && provider !== "cuda")) {
    throw new GymError(
      "ENGINE_FAILED",
      `Cannot use "${provider}": wanted a provider of this build of ONNX Runtime`,
    );
  }
  const graph = new Graph();
  const x = graph.input("x", "float32", [2, 2]);
  graph.output("y", graph.op("MatMul", [x, x]));
  await using session = await Session.create(graph, { provider });
  const { y } = await session.run({ x: { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] } });
  if (`${floats(y)}` !== "7,10,15,22") {
    throw new GymError("ENGINE_FAILED", `Cannot use "${provider}": wanted 7,10,15,22: received ${floats(y)}`);
  }
}

let loading: Promise<Runtime> | undefined;

/** Loads the runtime once. */
function loadRuntime(): Promise<Runtime> {
  return loading ??= import("onnxruntime-node").then((runtime) => {
    runtime.env.logLevel = "fatal";
    return runtime;
  }).catch((thrown) => {
    loading = undefined;
    throw failed(
      `Cannot load "onnxruntime-node": wanted permissions to read, to see the environment and for ffi`,
      thrown,
    );
  });
}

function failed(what: string, thrown: unknown): GymError {
  return new GymError("ENGINE_FAILED", `${what}: ${messageOf(thrown).trim()}`, {}, { cause: thrown });
}
