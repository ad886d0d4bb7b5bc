/**
 * Model folders as Hugging Face lays them out: `config.json`, weights in safetensors (sharded too), tokenizer files.
 * Opening one checks that every tensor the config implies is there in the right shape, and that there is no other.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { GymError } from "../../core/errors.ts";
import { onFile } from "../files/file_error.ts";
import { writeAtomic } from "../files/mod.ts";
import { type LazyTensor, readFolder, type WeightsIndex, writeSafetensors } from "../onnx/safetensors.ts";
import { ELEMENT_BYTES, elements, type Tensor } from "../onnx/tensor.ts";
import { writeFolder } from "./_atomic_folder.ts";
import { readJson } from "./_fields.ts";
import { type ModelConfig, parseModelConfig } from "./config.ts";

/** Element types that weights are kept in. */
export type WeightType = "float32" | "float16" | "bfloat16";

/** A folder that holds a model the graphs can compute. */
export interface ModelFolder {
  /** Absolute path. */
  readonly path: string;
  /** What `config.json` says. */
  readonly config: ModelConfig;
  /** Where each tensor lies. */
  readonly weights: WeightsIndex;
  /** `generation_config.json`, or null. */
  readonly generation: Readonly<Record<string, unknown>> | null;
}

/** What {@linkcode writeModelFolder} writes. */
export interface ModelContents {
  /** What `config.json` says. */
  readonly config: ModelConfig;
  /** By Hugging Face's names; exactly the {@linkcode expectedTensors} of `config`. */
  readonly tensors: ReadonlyMap<string, Tensor | LazyTensor>;
  /** Element type on disk. @default "float32" */
  readonly type?: WeightType;
  /** Folder whose tokenizer, chat template and generation files are copied. */
  readonly copyFrom?: string;
  /** Further files by name, with their text. */
  readonly files?: Readonly<Record<string, string>>;
  /** A weights file stays below this unless one tensor alone exceeds it. @default 5e9 */
  readonly maxShardBytes?: number;
}

/** Files beside the weights that belong to a model. */
const COMPANIONS = [
  "added_tokens.json",
  "chat_template.jinja",
  "chat_template.json",
  "generation_config.json",
  "merges.txt",
  "special_tokens_map.json",
  "tokenizer.json",
  "tokenizer.model",
  "tokenizer_config.json",
  "vocab.json",
];

/**
 * Opens a model folder and checks it.
 *
 * @throws {GymError} `FILE_ACCESS` or `INVALID_DATA`, naming the file and the field or tensor.
 */
export async function openModelFolder(path: string): Promise<ModelFolder> {
  const folder = resolve(path);
  const configPath = join(folder, "config.json");
  const config = parseModelConfig(await readJson(configPath), configPath);
  const weights = await readFolder(folder);
  checkTensors(config, weights.tensors, `open model ${folder}`);
  for (const { name, type } of weights.tensors.values()) {
    if (!isWeightType(type)) {
      throw new GymError(
        "INVALID_DATA",
        `Cannot open model ${folder}: "${name}": wanted float32, float16 or bfloat16: received ${type}`,
        { folder, tensor: name },
      );
    }
  }
  return { path: folder, config, weights, generation: await generationOf(folder) };
}

/**
 * Names and shapes of all tensors of a model, in the order of its layers.
 *
 * Linear weights are `[outputs, inputs]`, as PyTorch keeps them.
 */
export function expectedTensors(config: ModelConfig): Map<string, readonly number[]> {
  const { hiddenSize, intermediateSize, headDimension, vocabularySize } = config;
  const queries = config.heads * headDimension;
  const keys = config.keyValueHeads * headDimension;
  const linears: readonly (readonly [string, number, number, boolean])[] = [
    ["self_attn.q_proj", queries, hiddenSize, config.attentionBias],
    ["self_attn.k_proj", keys, hiddenSize, config.attentionBias],
    ["self_attn.v_proj", keys, hiddenSize, config.attentionBias],
    ["self_attn.o_proj", hiddenSize, queries, config.outputBias],
    ["mlp.gate_proj", intermediateSize, hiddenSize, config.mlpBias],
    ["mlp.up_proj", intermediateSize, hiddenSize, config.mlpBias],
    ["mlp.down_proj", hiddenSize, intermediateSize, config.mlpBias],
  ];
  const shapes = new Map<string, readonly number[]>();
  shapes.set("model.embed_tokens.weight", [vocabularySize, hiddenSize]);
  for (let layer = 0; layer < config.layers; layer++) {
    const at = `model.layers.${layer}`;
    shapes.set(`${at}.input_layernorm.weight`, [hiddenSize]);
    for (const [name, outputs, inputs, bias] of linears) {
      shapes.set(`${at}.${name}.weight`, [outputs, inputs]);
      if (bias) shapes.set(`${at}.${name}.bias`, [outputs]);
    }
    if (config.headNorms) {
      shapes.set(`${at}.self_attn.q_norm.weight`, [headDimension]);
      shapes.set(`${at}.self_attn.k_norm.weight`, [headDimension]);
    }
    shapes.set(`${at}.post_attention_layernorm.weight`, [hiddenSize]);
  }
  shapes.set("model.norm.weight", [hiddenSize]);
  if (!config.tiedHead) shapes.set("lm_head.weight", [vocabularySize, hiddenSize]);
  return shapes;
}

/** Number of parameters of a model; a tied head counts once. */
export function parameterCount(config: ModelConfig): number {
  return [...expectedTensors(config).values()].reduce((sum, shape) => sum + elements(shape), 0);
}

/**
 * Writes a model folder that transformers reads. It appears whole or not at all.
 *
 * @throws {GymError} `FILE_ACCESS`, also when `path` exists and is not empty; `INVALID_DATA` when a tensor is missing,
 * superfluous or of the wrong shape.
 */
export async function writeModelFolder(path: string, contents: ModelContents): Promise<void> {
  const { config, tensors, type = "float32", copyFrom, files = {}, maxShardBytes = 5e9 } = contents;
  checkTensors(config, tensors, `write model ${path}`);
  await writeFolder(path, async (part) => {
    const raw = `${JSON.stringify(configObject(config, type), null, 2)}\n`;
    await writeAtomic(join(part, "config.json"), raw);
    if (copyFrom !== undefined) await copyCompanions(copyFrom, part);
    for (const [name, text] of Object.entries(files)) await writeAtomic(join(part, name), text);
    await writeShards(part, tensors, type, maxShardBytes);
  });
}

/** What `config.json` holds for weights of a type. */
export function configObject({ raw }: ModelConfig, type: WeightType): Record<string, unknown> {
  return { ...raw, ..."dtype" in raw ? { dtype: type } : { torch_dtype: type } };
}

/**
 * Checks that each token of a tokenizer has a row in the embedding.
 *
 * @param file Path of the tokenizer, for the message.
 * @throws {GymError} `INVALID_DATA`.
 */
export function checkTokenizerFits(config: ModelConfig, tokenizerVocabularySize: number, file: string): void {
  if (tokenizerVocabularySize <= config.vocabularySize) return;
  throw new GymError(
    "INVALID_DATA",
    `Cannot use tokenizer ${file}: wanted at most ${config.vocabularySize} tokens, the rows of the model's ` +
      `embedding: received ${tokenizerVocabularySize}`,
    { file, wanted: config.vocabularySize, received: tokenizerVocabularySize },
  );
}

function checkTensors(
  config: ModelConfig,
  given: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  act: string,
): void {
  const expected = expectedTensors(config);
  const fail = (tensor: string, what: string): GymError =>
    new GymError("INVALID_DATA", `Cannot ${act}: "${tensor}": ${what}`, { tensor });
  for (const [name, shape] of expected) {
    const found = given.get(name);
    if (found === undefined) throw fail(name, `wanted shape [${shape}]: it is not there`);
    if (found.shape.join() !== shape.join()) {
      throw fail(name, `wanted shape [${shape}]: received [${found.shape}]`);
    }
  }
  for (const [name, { shape }] of given) {
    if (!expected.has(name) && !isIgnored(name)) {
      throw fail(name, `wanted no such tensor with this config: received shape [${shape}]`);
    }
  }
}

/** A tied model may keep its head; old files keep the rotary frequencies, which the config implies. */
function isIgnored(name: string): boolean {
  return name === "lm_head.weight" || name.endsWith(".rotary_emb.inv_freq");
}

function isWeightType(type: string): type is WeightType {
  return type === "float32" || type === "float16" || type === "bfloat16";
}

async function generationOf(folder: string): Promise<ModelFolder["generation"]> {
  const file = join(folder, "generation_config.json");
  try {
    await Deno.stat(file);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return null;
  }
  const value = await readJson(file);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as ModelFolder["generation"];
  }
  throw new GymError("INVALID_DATA", `Cannot read ${file}: wanted an object`, { file });
}

/** Copies tokenizer, chat template and generation files, those that are there. */
export async function copyCompanions(from: string, to: string): Promise<void> {
  for (const name of COMPANIONS) {
    const source = join(from, name);
    try {
      await Deno.stat(source);
    } catch (thrown) {
      if (thrown instanceof Deno.errors.NotFound) continue;
    }
    await writeAtomic(join(to, name), await onFile("read", source, () => Deno.readFile(source)));
  }
}

async function writeShards(
  folder: string,
  tensors: ModelContents["tensors"],
  type: WeightType,
  maxShardBytes: number,
): Promise<void> {
  const shards = shardsOf(tensors, type, maxShardBytes);
  if (shards.length === 1) {
    return await writeSafetensors(join(folder, "model.safetensors"), tensors, { type });
  }
  const digits = (value: number): string => String(value).padStart(5, "0");
  const map: Record<string, string> = {};
  for (const [i, shard] of shards.entries()) {
    const file = `model-${digits(i + 1)}-of-${digits(shards.length)}.safetensors`;
    await writeSafetensors(join(folder, file), shard, { type });
    for (const name of shard.keys()) map[name] = file;
  }
  const total = [...tensors.values()].reduce((sum, { shape }) => sum + elements(shape), 0) *
    ELEMENT_BYTES[type];
  const index = { metadata: { total_size: total }, weight_map: map };
  await writeAtomic(join(folder, "model.safetensors.index.json"), `${JSON.stringify(index, null, 2)}\n`);
}

type Shard = Map<string, Tensor | LazyTensor>;

/** Tensors in order, divided so that no part exceeds a size unless one tensor alone does. */
export function shardsOf(
  tensors: ModelContents["tensors"],
  type: WeightType,
  maxShardBytes: number,
): readonly Shard[] {
  const shards: Shard[] = [];
  let room = 0;
  for (const [name, tensor] of tensors) {
    const bytes = elements(tensor.shape) * ELEMENT_BYTES[type];
    if (shards.length === 0 || bytes > room) {
      shards.push(new Map());
      room = maxShardBytes;
    }
    shards.at(-1)!.set(name, tensor);
    room -= bytes;
  }
  return shards;
}
