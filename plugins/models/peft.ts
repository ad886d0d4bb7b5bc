/**
 * LoRA adapters as PEFT keeps them: `adapter_config.json` and `adapter_model.safetensors` with
 * `base_model.model.‹module›.lora_A.weight`. What an adapter asks for beyond `W + scale · B · A` is refused by field.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { GymError } from "../../core/errors.ts";
import { writeAtomic } from "../files/mod.ts";
import { readHeader, type TensorEntry, type WeightsIndex, writeSafetensors } from "../onnx/safetensors.ts";
import type { Tensor } from "../onnx/tensor.ts";
import { writeFolder } from "./_atomic_folder.ts";
import { Fields, readJson } from "./_fields.ts";
import type { ModelConfig } from "./config.ts";
import { expectedTensors, type WeightType } from "./folder.ts";

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
const PREFIX = "base_model.model.";
const NAME = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/;

/** What an adapter says about itself. */
export interface AdapterSettings {
  /** Rows of A and columns of B; `r` in PEFT. */
  readonly rank: number;
  /** Numerator of the scale; `lora_alpha` in PEFT. */
  readonly alpha: number;
  /** Scale is `alpha / √rank` instead of `alpha / rank`. */
  readonly rsLora: boolean;
  /** Names of modules, or a regular expression over their full names, or `all-linear`. */
  readonly targetModules: readonly string[] | string;
  /** Name or path of the model it was trained on; null when not told. */
  readonly baseModel: string | null;
}

/** One adapted linear layer: its weight becomes `W + scale · B · A`. */
export interface AdapterModule {
  /** `[rank, inputs]`. */
  readonly a: TensorEntry;
  /** `[outputs, rank]`. */
  readonly b: TensorEntry;
}

/** An adapter folder. */
export interface Adapter extends AdapterSettings {
  /** Absolute path of the folder. */
  readonly path: string;
  /** By PEFT's names. */
  readonly weights: WeightsIndex;
  /** By module, for example `model.layers.0.self_attn.q_proj`. */
  readonly modules: ReadonlyMap<string, AdapterModule>;
}

/** What {@linkcode writeAdapter} writes. */
export interface AdapterContents extends Omit<AdapterSettings, "targetModules"> {
  /** As in {@linkcode AdapterSettings}. @default The last words of the modules in `tensors`, as a list */
  readonly targetModules?: readonly string[] | string;
  /** Probability in training, from 0; recorded only. @default 0 */
  readonly dropout?: number;
  /** A and B by name, for example `model.layers.0.self_attn.q_proj.lora_A.weight`. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Element type on disk. @default "float32" */
  readonly type?: WeightType;
  /** Further files by name, with their text. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Factor of `B · A`. */
export function adapterScale(
  { rank, alpha, rsLora }: Pick<AdapterSettings, "rank" | "alpha" | "rsLora">,
): number {
  return alpha / (rsLora ? Math.sqrt(rank) : rank);
}

/** Where an adapter's tensor lies, by its name among trained parameters; undefined when the adapter leaves it out. */
export function adapterEntry({ modules }: Adapter, parameter: string): TensorEntry | undefined {
  // Sound: parameters of adapters are named `module.lora_A.weight` and `module.lora_B.weight`.
  const [module, side] = parameter.replace(/\.weight$/, "").split(".lora_") as [string, "A" | "B"];
  return modules.get(module)?.[side === "A" ? "a" : "b"];
}

/**
 * Reads an adapter folder; the weights stay on disk.
 *
 * @throws {GymError} `FILE_ACCESS` or `INVALID_DATA`, naming the file and the field or tensor.
 */
export async function readAdapter(folder: string): Promise<Adapter> {
  const path = resolve(folder);
  const configPath = join(path, CONFIG);
  const settings = settingsOf(new Fields(await readJson(configPath), "use adapter config", configPath));
  const weightsPath = join(path, WEIGHTS);
  const weights = await readHeader(weightsPath);
  return { ...settings, path, weights, modules: modulesOf(weights, settings.rank, weightsPath) };
}

/**
 * Writes an adapter folder that PEFT reads. It appears whole or not at all.
 *
 * @throws {GymError} `FILE_ACCESS`, also when the folder exists and is not empty. @throws {RangeError} For a tensor that
 * is neither A nor B of a module.
 */
export async function writeAdapter(folder: string, contents: AdapterContents): Promise<void> {
  const { tensors, type = "float32", files = {} } = contents;
  const named = new Map([...tensors].map(([name, tensor]) => [`${PREFIX}${name}`, tensor]));
  const wrong = [...named.keys()].find((name) => !NAME.test(name))?.slice(PREFIX.length);
  if (wrong !== undefined) {
    throw new RangeError(
      `Cannot write adapter: wanted a name like ‹module›.lora_A.weight: received "${wrong}"`,
    );
  }
  await writeFolder(folder, async (part) => {
    await writeAtomic(join(part, CONFIG), `${JSON.stringify(configOf(contents), null, 2)}\n`);
    for (const [name, text] of Object.entries(files)) await writeAtomic(join(part, name), text);
    await writeSafetensors(join(part, WEIGHTS), named, { type });
  });
}

/**
 * Checks that each module of an adapter is a linear layer of the model, in the right size.
 *
 * @throws {GymError} `INVALID_DATA` naming the tensor and both shapes.
 */
export function checkAdapterFits(adapter: Adapter, config: ModelConfig): void {
  const expected = expectedTensors(config);
  for (const [module, { a, b }] of adapter.modules) {
    const shape = expected.get(`${module}.weight`);
    if (shape === undefined || shape.length !== 2 || module === "model.embed_tokens") {
      throw unfit(adapter, a.name, `wanted a linear layer of the model: there is no "${module}"`);
    }
    const [outputs, inputs] = shape as [number, number];
    for (const [entry, wanted] of [[a, [adapter.rank, inputs]], [b, [outputs, adapter.rank]]] as const) {
      if (entry.shape.join() !== wanted.join()) {
        throw unfit(adapter, entry.name, `wanted shape [${wanted}]: received [${entry.shape}]`);
      }
    }
  }
}

function unfit({ path }: Adapter, tensor: string, what: string): GymError {
  return new GymError("INVALID_DATA", `Cannot use adapter ${path}: "${tensor}": ${what}`, { path, tensor });
}

/** Fields that change what an adapter computes and must hold nothing, with what they are allowed to hold. */
const UNSUPPORTED: readonly string[] = [
  "alora_invocation_tokens",
  "alpha_pattern",
  "arrow_config",
  "corda_config",
  "fan_in_fan_out",
  "kasa_config",
  "layer_replication",
  "loftq_config",
  "lora_bias",
  "lora_ga_config",
  "megatron_config",
  "modules_to_save",
  "monteclora_config",
  "rank_pattern",
  "target_parameters",
  "trainable_token_indices",
  "use_bdlora",
  "use_dora",
  "use_qalora",
  "velora_config",
];

/** Ways to begin that leave the base model as it was. The others subtract from its weights. */
const PLAIN_STARTS: readonly unknown[] = [undefined, null, true, false, "gaussian", "eva", "orthogonal"];

function settingsOf(fields: Fields): AdapterSettings {
  if (fields.object["peft_type"] !== "LORA") throw fields.refusal("peft_type", '"LORA"');
  for (const field of UNSUPPORTED) {
    if (!isEmpty(fields.object[field])) throw fields.refusal(field, "nothing set");
  }
  if (fields.text("bias", "none") !== "none") throw fields.refusal("bias", '"none"');
  if (!PLAIN_STARTS.includes(fields.object["init_lora_weights"])) {
    throw fields.refusal("init_lora_weights", "a start that leaves the base model's weights alone");
  }
  return {
    rank: fields.count("r"),
    alpha: fields.positive("lora_alpha"),
    rsLora: fields.flag("use_rslora", false),
    targetModules: targetsOf(fields),
    baseModel: fields.has("base_model_name_or_path") ? fields.text("base_model_name_or_path", "") : null,
  };
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function targetsOf(fields: Fields): readonly string[] | string {
  const value = fields.object["target_modules"];
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((name) => typeof name === "string")) return value;
  throw fields.refusal("target_modules", "a list of names, a regular expression or all-linear");
}

function modulesOf(weights: WeightsIndex, rank: number, file: string): Map<string, AdapterModule> {
  const fail = (tensor: string, what: string): GymError =>
    new GymError("INVALID_DATA", `Cannot use adapter weights ${file}: "${tensor}": ${what}`, {
      file,
      tensor,
    });
  const sides = { A: new Map<string, TensorEntry>(), B: new Map<string, TensorEntry>() };
  for (const entry of weights.tensors.values()) {
    const match = NAME.exec(entry.name);
    if (match === null) throw fail(entry.name, `wanted a name like ${PREFIX}‹module›.lora_A.weight`);
    const side = match[2] as "A" | "B";
    const [size, found] = [entry.shape.length, side === "A" ? entry.shape[0] : entry.shape[1]];
    if (size !== 2 || found !== rank) {
      throw fail(entry.name, `wanted a matrix of rank ${rank}: received shape [${entry.shape}]`);
    }
    sides[side].set(match[1]!, entry);
  }
  const modules = new Map<string, AdapterModule>();
  for (const module of new Set([...sides.A.keys(), ...sides.B.keys()])) {
    const [a, b] = [sides.A.get(module), sides.B.get(module)];
    if (a === undefined) throw fail(b!.name, "wanted its lora_A beside it: it is not there");
    if (b === undefined) throw fail(a.name, "wanted its lora_B beside it: it is not there");
    modules.set(module, { a, b });
  }
  return modules;
}

function configOf(contents: AdapterContents): Record<string, unknown> {
  const { rank, alpha, rsLora, baseModel, dropout = 0, tensors } = contents;
  const words = [...tensors.keys()].map((name) => name.split(".").at(-3)!);
  return {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: baseModel,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: dropout,
    use_rslora: rsLora,
    use_dora: false,
    bias: "none",
    fan_in_fan_out: false,
    init_lora_weights: true,
    inference_mode: true,
    modules_to_save: null,
    rank_pattern: {},
    alpha_pattern: {},
    target_modules: contents.targetModules ?? [...new Set(words)].sort(),
  };
}
