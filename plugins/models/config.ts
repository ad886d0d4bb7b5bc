/**
 * `config.json` of a Hugging Face model folder, in the layout of transformers 4 (`rope_theta`, `rope_scaling`) or 5
 * (`rope_parameters`). What the graphs cannot compute exactly is refused by field, never ignored.
 *
 * @module
 */
import { hint } from "../../core/id.ts";
import { Fields } from "./_fields.ts";

/** Families of architectures: one decoder with switches. */
export type ModelFamily = "llama" | "mistral" | "qwen2" | "qwen3";

/** How rotary frequencies are scaled beyond the original context. */
export type RopeScaling =
  | { readonly kind: "default" }
  | { readonly kind: "linear"; readonly factor: number }
  | {
    readonly kind: "llama3";
    readonly factor: number;
    readonly lowFrequencyFactor: number;
    readonly highFrequencyFactor: number;
    /** Context length, in tokens, that the model was first trained with. */
    readonly originalContext: number;
  };

/** What `config.json` says, with the families' differences as switches. */
export interface ModelConfig {
  /** Class in transformers: `LlamaForCausalLM`. */
  readonly architecture: string;
  /** Which switches hold. */
  readonly family: ModelFamily;
  /** Rows of the embedding; the tokenizer may know fewer tokens. */
  readonly vocabularySize: number;
  /** Width of the hidden states. */
  readonly hiddenSize: number;
  /** Number of decoder layers. */
  readonly layers: number;
  /** Heads of the queries. */
  readonly heads: number;
  /** Heads of keys and values; divides `heads`. */
  readonly keyValueHeads: number;
  /** Size of one head; even. Need not be `hiddenSize / heads`. */
  readonly headDimension: number;
  /** Width inside the feed-forward part. */
  readonly intermediateSize: number;
  /** Added to the mean square in RMS norms. */
  readonly normEpsilon: number;
  /** Longest sequence, in tokens. */
  readonly contextLength: number;
  /** Base of the rotary frequencies. */
  readonly ropeTheta: number;
  /** How the rotary frequencies are scaled. */
  readonly ropeScaling: RopeScaling;
  /** Whether the head is the embedding. */
  readonly tiedHead: boolean;
  /** Whether the projections of queries, keys and values have biases. */
  readonly attentionBias: boolean;
  /** Whether the output projection of attention has a bias. */
  readonly outputBias: boolean;
  /** Whether gate, up and down projections have biases. */
  readonly mlpBias: boolean;
  /** Whether queries and keys are normalised per head. */
  readonly headNorms: boolean;
  /** Tokens that end a text; may be several, may be none. */
  readonly eosIds: readonly number[];
  /** Token that begins a text, or null. */
  readonly bosId: number | null;
  /** Token that fills rows, or null. */
  readonly padId: number | null;
  /** The object as it was parsed, for writing it back. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** What a family fixes or takes for granted where `config.json` is silent. Source: the config classes of transformers. */
interface FamilyTraits {
  readonly family: ModelFamily;
  readonly modelType: string;
  /** Biases of queries, keys and values: fixed, or read from `attention_bias`. */
  readonly attentionBias: boolean | "field";
  /** Whether `attention_bias` covers the output projection too. */
  readonly outputBias: boolean;
  readonly mlpBias: boolean;
  readonly headNorms: boolean;
  /** Head dimension when none is given; null: hidden size ÷ heads. */
  readonly headDimension: number | null;
  /** Field that switches the sliding window on; null: the window is on when it has a size. */
  readonly windowSwitch: string | null;
  /** Window when none is given. */
  readonly window: number | null;
}

const PLAIN = {
  attentionBias: "field",
  outputBias: true,
  mlpBias: false,
  headNorms: false,
  headDimension: null,
  windowSwitch: "use_sliding_window",
  window: null,
} as const;

const ARCHITECTURES: Readonly<Record<string, FamilyTraits>> = {
  LlamaForCausalLM: { ...PLAIN, family: "llama", modelType: "llama", mlpBias: true },
  MistralForCausalLM: {
    ...PLAIN,
    family: "mistral",
    modelType: "mistral",
    attentionBias: false,
    outputBias: false,
    windowSwitch: null,
    window: 4096,
  },
  Qwen2ForCausalLM: { ...PLAIN, family: "qwen2", modelType: "qwen2", attentionBias: true, outputBias: false },
  Qwen3ForCausalLM: { ...PLAIN, family: "qwen3", modelType: "qwen3", headNorms: true, headDimension: 128 },
};

/** Fields that must be missing, null or false, because the graphs do not do what they ask for. */
const UNSUPPORTED = ["quantization_config", "rope_interleaved", "use_sliding_window"];

/**
 * Reads the value of a `config.json`.
 *
 * @param file Its path, for messages.
 * @throws {GymError} `INVALID_DATA` naming file and field, what was wanted and what came.
 */
export function parseModelConfig(value: unknown, file: string): ModelConfig {
  const fields = new Fields(value, "use model config", file);
  const [architecture, traits] = architectureOf(fields);
  for (const field of UNSUPPORTED) {
    if (fields.has(field) && fields.object[field] !== false) throw fields.refusal(field, "nothing or false");
  }
  if (fields.text("hidden_act", "silu") !== "silu") throw fields.refusal("hidden_act", '"silu"');
  const contextLength = fields.count("max_position_embeddings");
  checkWindow(fields, traits, contextLength);
  const attentionBias = traits.attentionBias === "field"
    ? fields.flag("attention_bias", false)
    : traits.attentionBias;
  return {
    architecture,
    family: traits.family,
    vocabularySize: fields.count("vocab_size"),
    hiddenSize: fields.count("hidden_size"),
    layers: fields.count("num_hidden_layers"),
    ...headsOf(fields, traits),
    intermediateSize: fields.count("intermediate_size"),
    normEpsilon: fields.positive("rms_norm_eps", 1e-6),
    contextLength,
    ...ropeOf(fields, contextLength),
    tiedHead: fields.flag("tie_word_embeddings", false),
    attentionBias,
    outputBias: attentionBias && traits.outputBias,
    mlpBias: traits.mlpBias && fields.flag("mlp_bias", false),
    headNorms: traits.headNorms,
    eosIds: fields.ids("eos_token_id"),
    bosId: fields.id("bos_token_id"),
    padId: fields.id("pad_token_id"),
    raw: fields.object,
  };
}

function architectureOf(fields: Fields): readonly [string, FamilyTraits] {
  const names = Object.keys(ARCHITECTURES);
  const wanted = `one of ${names.join(", ")}`;
  const { architectures, model_type: modelType } = fields.object;
  if (architectures === undefined || architectures === null) {
    const found = Object.entries(ARCHITECTURES).find(([, traits]) => traits.modelType === modelType);
    if (found === undefined) throw fields.refusal("architectures", wanted);
    return found;
  }
  const name: unknown = Array.isArray(architectures) ? architectures[0] : architectures;
  if (typeof name === "string" && Object.hasOwn(ARCHITECTURES, name)) return [name, ARCHITECTURES[name]!];
  const near = typeof name === "string" ? hint(name, names).slice(": ".length) : "";
  throw fields.refusal("architectures", near === "" ? wanted : `${wanted} (${near})`);
}

function checkWindow(fields: Fields, { windowSwitch, window }: FamilyTraits, context: number): void {
  const given = fields.object["sliding_window"];
  if (windowSwitch === null && (given === undefined ? window : given) !== null) {
    if (fields.count("sliding_window", window ?? undefined) < context) {
      throw fields.refusal("sliding_window", `null or at least max_position_embeddings, ${context}`);
    }
  }
  const types = fields.object["layer_types"];
  if (windowSwitch === null || types === undefined || types === null) return;
  if (!Array.isArray(types) || types.some((type) => type !== "full_attention")) {
    throw fields.refusal("layer_types", 'a list of "full_attention"');
  }
}

function headsOf(
  fields: Fields,
  traits: FamilyTraits,
): Pick<ModelConfig, "heads" | "keyValueHeads" | "headDimension"> {
  const heads = fields.count("num_attention_heads");
  // Missing means "as many as heads" to Llama alone; null means it to all. Elsewhere a class default would decide.
  const silent = traits.family === "llama" || fields.object["num_key_value_heads"] === null;
  const keyValueHeads = fields.count("num_key_value_heads", silent ? heads : undefined);
  if (heads % keyValueHeads !== 0) {
    throw fields.refusal("num_key_value_heads", `a divisor of num_attention_heads, ${heads}`);
  }
  const share = fields.count("hidden_size") / heads;
  const headDimension = fields.count(
    "head_dim",
    traits.headDimension ?? (Number.isInteger(share) ? share : undefined),
  );
  if (headDimension % 2 !== 0) throw fields.refusal("head_dim", "an even number", headDimension);
  return { heads, keyValueHeads, headDimension };
}

function ropeOf(fields: Fields, context: number): Pick<ModelConfig, "ropeTheta" | "ropeScaling"> {
  if (fields.has("rope_parameters")) {
    const rope = fields.inner("rope_parameters");
    checkWholeRotation(rope);
    return { ropeTheta: rope.positive("rope_theta"), ropeScaling: scalingOf(rope, context) };
  }
  checkWholeRotation(fields);
  return {
    ropeTheta: fields.positive("rope_theta", 10000),
    ropeScaling: fields.has("rope_scaling")
      ? scalingOf(fields.inner("rope_scaling"), context)
      : { kind: "default" },
  };
}

function checkWholeRotation(fields: Fields): void {
  if (fields.positive("partial_rotary_factor", 1) !== 1) throw fields.refusal("partial_rotary_factor", "1");
}

/** By name in the file. Old files say `type` for `rope_type`. */
const SCALINGS: Readonly<Record<string, (rope: Fields, context: number) => RopeScaling>> = {
  default: () => ({ kind: "default" }),
  linear: (rope) => ({ kind: "linear", factor: rope.positive("factor") }),
  llama3: (rope, context) => {
    const lowFrequencyFactor = rope.positive("low_freq_factor");
    const highFrequencyFactor = rope.positive("high_freq_factor");
    if (highFrequencyFactor <= lowFrequencyFactor) {
      throw rope.refusal("high_freq_factor", `more than low_freq_factor, ${lowFrequencyFactor}`);
    }
    return {
      kind: "llama3",
      factor: rope.positive("factor"),
      lowFrequencyFactor,
      highFrequencyFactor,
      originalContext: rope.count("original_max_position_embeddings", context),
    };
  },
};

function scalingOf(rope: Fields, context: number): RopeScaling {
  const field = rope.has("rope_type") ? "rope_type" : rope.has("type") ? "type" : "rope_type";
  const name = rope.object[field];
  if (typeof name === "string" && Object.hasOwn(SCALINGS, name)) return SCALINGS[name]!(rope, context);
  throw rope.refusal(field, `one of ${Object.keys(SCALINGS).join(", ")}`);
}

/** Id that fills rows up: the padding token, or else one that ends texts. What fills up is masked by position. */
export function fillerId({ padId, eosIds }: Pick<ModelConfig, "padId" | "eosIds">): number {
  return padId ?? eosIds[0] ?? 0;
}
