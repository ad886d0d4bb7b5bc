/**
 * A new model from a seed: a tiny decoder of a named family with random weights and a tokenizer of bytes, for learning
 * tests, first steps and work without a model hub.
 *
 * @module
 */
import { GymError } from "../../core/errors.ts";
import { hint } from "../../core/id.ts";
import { type Prng, seeded } from "../../core/prng.ts";
import type { LazyTensor } from "../onnx/safetensors.ts";
import { elements, type Tensor } from "../onnx/tensor.ts";
import { type ChatTemplateName, specialId, tokenizerFiles, TOKENS } from "./_tokenizer.ts";

export type { ChatTemplateName } from "./_tokenizer.ts";
import { type ModelConfig, type ModelFamily, parseModelConfig } from "./config.ts";
import { expectedTensors, type ModelFolder, openModelFolder, writeModelFolder } from "./folder.ts";

/** Dimensions of a decoder. */
export interface ModelSize {
  /** Number of decoder layers. */
  readonly layers: number;
  /** Width of the hidden states. */
  readonly hiddenSize: number;
  /** Heads of the queries; divides `hiddenSize`. */
  readonly heads: number;
  /** Heads of keys and values; divides `heads`. */
  readonly keyValueHeads: number;
  /** Width inside the feed-forward part. */
  readonly intermediateSize: number;
}

/** Names of sizes. */
export type ModelSizeName = "nano" | "tiny" | "small";

/** Sizes by name. */
export const MODEL_SIZES: Readonly<Record<ModelSizeName, ModelSize>> = Object.freeze({
  nano: { layers: 2, hiddenSize: 64, heads: 4, keyValueHeads: 2, intermediateSize: 192 },
  tiny: { layers: 2, hiddenSize: 128, heads: 4, keyValueHeads: 2, intermediateSize: 384 },
  small: { layers: 4, hiddenSize: 256, heads: 4, keyValueHeads: 2, intermediateSize: 768 },
});

/** What {@linkcode initModel} makes. */
export interface InitOptions {
  /** Kind of decoder. @default "llama" */
  readonly family?: ModelFamily;
  /** A name of {@linkcode MODEL_SIZES}, or dimensions. @default "nano" */
  readonly size?: ModelSizeName | ModelSize;
  /** Where the weights come from; the same seed gives the same bytes. */
  readonly seed: bigint;
  /** Longest sequence, in tokens. @default 4096 */
  readonly contextLength?: number;
  /** Whether the head is the embedding. A tiny model learns better with a head of its own. @default false */
  readonly tiedHead?: boolean;
  /**
   * ChatML with tools, or messages one after another without headers (`bare`), for tiny models that learn puzzles.
   *
   * @default "chatml"
   */
  readonly template?: ChatTemplateName;
}

/** What `config.json` of a family says beside the dimensions. */
const FAMILIES: Readonly<Record<ModelFamily, Readonly<Record<string, unknown>>>> = {
  llama: {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    rms_norm_eps: 1e-5,
    attention_bias: false,
    mlp_bias: false,
  },
  mistral: {
    architectures: ["MistralForCausalLM"],
    model_type: "mistral",
    rms_norm_eps: 1e-5,
    sliding_window: null,
  },
  qwen2: {
    architectures: ["Qwen2ForCausalLM"],
    model_type: "qwen2",
    rms_norm_eps: 1e-6,
    use_sliding_window: false,
  },
  qwen3: {
    architectures: ["Qwen3ForCausalLM"],
    model_type: "qwen3",
    rms_norm_eps: 1e-6,
    attention_bias: false,
    use_sliding_window: false,
  },
};

/** Standard deviation of fresh weights; transformers' default. */
const SPREAD = 0.02;

/**
 * Writes a new model folder that transformers reads: weights normal with deviation 0.02, norms 1, biases 0, the row of
 * the padding token 0, as transformers begins.
 *
 * @throws {GymError} `UNKNOWN_ID` for a family or size that does not exist, `INVALID_DATA` for dimensions that do not
 * fit together, `FILE_ACCESS`, also when the folder exists and is not empty.
 */
export async function initModel(folder: string, options: InitOptions): Promise<ModelFolder> {
  const {
    family = "llama",
    size = "nano",
    seed,
    contextLength = 4096,
    tiedHead = false,
    template = "chatml",
  } = options;
  const traits = named("family", family, FAMILIES);
  const dimensions = typeof size === "string" ? named("size", size, MODEL_SIZES) : size;
  const raw = rawConfig(traits, dimensions, contextLength, tiedHead);
  const config = parseModelConfig(raw, "of the new model");
  await writeModelFolder(folder, {
    config,
    tensors: freshWeights(config, seed),
    files: tokenizerFiles(contextLength, template),
  });
  return await openModelFolder(folder);
}

function named<T>(what: string, name: string, table: Readonly<Record<string, T>>): T {
  if (Object.hasOwn(table, name)) return table[name]!;
  const names = Object.keys(table);
  const near = hint(name, names);
  throw new GymError(
    "UNKNOWN_ID",
    `Cannot make model of ${what} "${name}": no such ${what}${
      near === "" ? `: known are ${names.join(", ")}` : near
    }`,
    { [what]: name },
  );
}

/** In the layout of transformers 4, which transformers 5 reads as well. */
function rawConfig(
  traits: Readonly<Record<string, unknown>>,
  { layers, hiddenSize, heads, keyValueHeads, intermediateSize }: ModelSize,
  contextLength: number,
  tiedHead: boolean,
): Record<string, unknown> {
  return {
    ...traits,
    vocab_size: TOKENS,
    hidden_size: hiddenSize,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: keyValueHeads,
    head_dim: hiddenSize / heads,
    intermediate_size: intermediateSize,
    hidden_act: "silu",
    max_position_embeddings: contextLength,
    rope_theta: 10000,
    rope_scaling: null,
    tie_word_embeddings: tiedHead,
    attention_dropout: 0,
    initializer_range: SPREAD,
    use_cache: true,
    bos_token_id: null,
    eos_token_id: specialId("<|im_end|>"),
    pad_token_id: specialId("<|pad|>"),
    torch_dtype: "float32",
  };
}

/** Each tensor has a stream of its own, so that their order does not matter. */
function freshWeights(config: ModelConfig, seed: bigint): Map<string, LazyTensor> {
  const root = seeded(seed);
  const tensor = (name: string, shape: readonly number[]): Tensor => {
    const data = new Float32Array(elements(shape));
    if (name.endsWith("norm.weight")) return { data: data.fill(1), shape };
    if (name.endsWith(".bias")) return { data, shape };
    fillNormal(data, root.fork(name));
    if (name === "model.embed_tokens.weight" && config.padId !== null) {
      data.fill(0, config.padId * config.hiddenSize, (config.padId + 1) * config.hiddenSize);
    }
    return { data, shape };
  };
  return new Map(
    [...expectedTensors(config)].map((
      [name, shape],
    ) => [name, { shape, read: () => Promise.resolve(tensor(name, shape)) }]),
  );
}

/** Marsaglia's polar method, two values a round. */
function fillNormal(data: Float32Array, prng: Prng): void {
  for (let i = 0; i < data.length;) {
    const [x, y] = [2 * prng() - 1, 2 * prng() - 1];
    const square = x * x + y * y;
    if (square === 0 || square >= 1) continue;
    const factor = SPREAD * Math.sqrt(-2 * Math.log(square) / square);
    data[i++] = x * factor;
    if (i < data.length) data[i++] = y * factor;
  }
}
