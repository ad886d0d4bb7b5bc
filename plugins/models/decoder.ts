/**
 * The decoder of the Llama family as one definition: Llama, SmolLM2, Mistral without window, Qwen2 with biases, Qwen3
 * with norms of queries and keys. From it come the graphs that train, score and decode.
 *
 * Activations are matrices [B·T, …], so that every projection is one `Gemm`. Grouped queries are viewed as
 * [B, groups, G·T, D] beside keys [B, groups, T, D], so that no key is copied.
 *
 * @module
 */
import { type Dimension, divided, product } from "../onnx/dimension.ts";
import type { Graph, Value } from "../onnx/graph.ts";
import { seeded } from "../../core/prng.ts";
import type { ModelConfig } from "./config.ts";
import { rotaryTables } from "./rotary.ts";

/** Where the decoder gets its weights. */
export interface DecoderWeights {
  /** A tensor by its Hugging Face name, as float32. */
  readonly tensor: (name: string) => Value;
  /** The adapter of a projection, `model.layers.0.self_attn.q_proj`; null when it has none. */
  readonly adapter: (module: string) => AdapterValues | null;
}

/** One low-rank adapter: y += scale · B·A·x. */
export interface AdapterValues {
  /** [r, in] */
  readonly A: Value;
  /** [out, r] */
  readonly B: Value;
  /** alpha ÷ r, or alpha ÷ √r. */
  readonly scale: number;
}

/** What the decoder reads. */
export interface DecoderInputs {
  /** Token ids, int64 [B, T]. */
  readonly ids: Value;
  /** Position of each token in its own sequence, int64 [B, T]. */
  readonly positions: Value;
  /** Number of the packed sequence each token belongs to, int64 [B, T]; null when each row is one sequence. */
  readonly segments: Value | null;
  /** Tokens that came before these; without it a row begins with its first token. */
  readonly cache?: DecoderCache;
}

/** Queries [B, groups, G·T, D], and keys and values [B, groups, T, D], of new tokens in one layer. */
export interface AttentionInputs {
  readonly queries: Value;
  readonly keys: Value;
  readonly values: Value;
}

/** Earlier tokens, for a graph that decodes. */
export interface DecoderCache {
  /** What the new tokens of a layer take from each other and from earlier ones, [B, groups, G·T, D]. */
  readonly attend: (layer: number, inputs: AttentionInputs) => Value;
}

/** A graph with a model in it. */
export interface DecoderContext {
  readonly graph: Graph;
  readonly config: ModelConfig;
  readonly weights: DecoderWeights;
  /** Positions that occur, and no fewer than a row has tokens. */
  readonly maxPositions: number;
  /** Leaves out inputs of adapters by chance. @default none */
  readonly adapterDropout?: AdapterDropout;
  /** Whether the gradient computes each layer again instead of keeping what it made. @default false */
  readonly recompute?: boolean;
}

/** Dropout on what adapters read, while they are trained. */
export interface AdapterDropout {
  /** Chance of each element, above 0 and below 1; what is left is scaled up to keep the mean. */
  readonly rate: number;
  /** A number for each token, drawn anew for each batch from [64, 4096): float32 [B, T]. */
  readonly keys: Value;
}

/** Added to a score that attention must not see; far below any score and still finite. */
export const MASKED: number = -1e30;

/** Hidden states after the last norm, [B·T, hidden]. */
export function decoderHidden(context: DecoderContext, inputs: DecoderInputs): Value {
  const { graph: g, config, weights } = context;
  const tokens = product(inputs.ids.shape);
  let x = g.op("Gather", [weights.tensor("model.embed_tokens.weight"), g.reshape(inputs.ids, [tokens])]);
  const mask = inputs.cache === undefined ? attentionMask(g, inputs) : null;
  const rotary = rotaryTables(g, config, context.maxPositions);
  for (let layer = 0; layer < config.layers; layer++) {
    const build = (before: Value) => decoderLayer(context, inputs, before, layer, { mask, ...rotary });
    x = context.recompute === true ? g.segment(x, build) : build(x);
  }
  return norm(context, x, "model.norm.weight");
}

function decoderLayer(
  context: DecoderContext,
  inputs: DecoderInputs,
  before: Value,
  layer: number,
  tables: AttentionTables,
): Value {
  const { graph: g } = context;
  const prefix = `model.layers.${layer}`;
  const normed = norm(context, before, `${prefix}.input_layernorm.weight`);
  const x = g.add(before, attention(context, inputs, normed, layer, tables));
  const second = norm(context, x, `${prefix}.post_attention_layernorm.weight`);
  return g.add(x, feedForward(context, second, `${prefix}.mlp`));
}

/** Logits [N, vocabulary] of hidden states [N, hidden]. */
export function decoderLogits({ graph: g, config, weights }: DecoderContext, hidden: Value): Value {
  return g.op("Gemm", [hidden, weights.tensor(headName(config))], { transB: 1 });
}

/** Name of the tensor that makes logits. */
export function headName({ tiedHead }: ModelConfig): string {
  return tiedHead ? "model.embed_tokens.weight" : "lm_head.weight";
}

/** Zero where a query may see a key and {@linkcode MASKED} elsewhere: [T, T], or [B, 1, 1, T, T] when packed. */
function attentionMask(g: Graph, { ids, segments }: DecoderInputs): Value {
  const [batch, length] = [ids.shape[0]!, ids.shape[1]!];
  const at = g.op("Iota", [], { size: length });
  const causal = g.op("LessOrEqual", [g.reshape(at, [1, length]), g.reshape(at, [length, 1])]);
  const visible = segments === null ? causal : g.op("And", [
    causal,
    g.op("Equal", [
      g.reshape(segments, [batch, 1, 1, 1, length]),
      g.reshape(segments, [batch, 1, 1, length, 1]),
    ]),
  ]);
  return g.op("Where", [visible, g.constant(0), g.constant(MASKED)]);
}

function norm({ graph, config, weights }: DecoderContext, x: Value, name: string): Value {
  return graph.op("RmsNorm", [x, weights.tensor(name)], { epsilon: config.normEpsilon });
}

/** x·Wᵀ (+ bias) (+ adapter), on [N, in] → [N, out]. */
function project(context: DecoderContext, x: Value, module: string, bias: boolean): Value {
  const { graph: g, weights } = context;
  const operands = [x, weights.tensor(`${module}.weight`)];
  if (bias) operands.push(weights.tensor(`${module}.bias`));
  const base = g.op("Gemm", operands, { transB: 1 });
  const adapter = weights.adapter(module);
  if (adapter === null) return base;
  const inner = g.op("Gemm", [dropped(context, x, module), adapter.A], { transB: 1 });
  return g.op("Gemm", [inner, adapter.B, base], { transB: 1, alpha: adapter.scale });
}

/**
 * Elements left out by chance. The chance of element j of token i is the fraction of rᵢ·cⱼ, with r the keys of the batch
 * and c numbers that belong to the projection: a function of its inputs, so that recomputing it gives the same.
 */
function dropped({ graph: g, adapterDropout }: DecoderContext, x: Value, module: string): Value {
  if (adapterDropout === undefined) return x;
  const { rate, keys } = adapterDropout;
  const width = x.shape[1] as number; // sound: what a projection reads has a known size
  const prng = seeded(0).fork(module);
  const numbers = g.constant(Float32Array.from({ length: width }, () => prng()), [1, width]);
  const turns = g.mul(g.reshape(keys, [x.shape[0]!, 1]), numbers);
  const chance = g.sub(turns, g.op("Floor", [turns]));
  const kept = g.op("Cast", [g.pair("GreaterOrEqual", chance, rate)], { to: "float32" });
  return g.mul(x, g.mul(kept, 1 / (1 - rate)));
}

interface AttentionTables {
  /** Null when a cache attends. */
  readonly mask: Value | null;
  readonly cosines: Value;
  readonly sines: Value;
}

function attention(
  context: DecoderContext,
  { ids, positions, cache }: DecoderInputs,
  x: Value,
  layer: number,
  { mask, cosines, sines }: AttentionTables,
): Value {
  const prefix = `model.layers.${layer}.self_attn`;
  const { graph: g, config } = context;
  const { heads, keyValueHeads: groups, headDimension: D } = config;
  const [B, T] = [ids.shape[0]!, ids.shape[1]!];
  const G = heads / groups;
  const rotated = (name: string, count: number) => {
    const flat = project(context, x, `${prefix}.${name}_proj`, config.attentionBias);
    const normed = config.headNorms ? headNorm(context, flat, `${prefix}.${name}_norm.weight`, count) : flat;
    return g.op("Rotary", [g.reshape(normed, [B, T, count * D]), positions, cosines, sines]);
  };
  const queries = g.transpose(g.reshape(rotated("q", heads), [B, T, groups, G, D]), [0, 2, 3, 1, 4]);
  const keys = g.transpose(g.reshape(rotated("k", groups), [B, T, groups, D]), [0, 2, 1, 3]);
  const flatValues = project(context, x, `${prefix}.v_proj`, config.attentionBias);
  const values = g.transpose(g.reshape(flatValues, [B, T, groups, D]), [0, 2, 1, 3]);
  const read = { queries: g.reshape(queries, [B, groups, product([G, T]), D]), keys, values };
  const output = mask === null ? cache!.attend(layer, read) : attend(g, config, read, mask);
  const joined = g.transpose(g.reshape(output, [B, groups, G, T, D]), [0, 3, 1, 2, 4]);
  const flat = g.reshape(joined, [product([B, T]), heads * D]);
  return project(context, flat, `${prefix}.o_proj`, config.outputBias);
}

/** Scores [B, groups, G·T, S] of queries and keys [B, groups, S, D]. */
export function attentionScores(
  g: Graph,
  { headDimension }: ModelConfig,
  queries: Value,
  keys: Value,
): Value {
  return g.op("MatMul", [queries, keys], { transB: 1, alpha: 1 / Math.sqrt(headDimension) });
}

/** Scores with the mask, which broadcasts to [B, groups, G, T, S], added. */
export function maskedScores(
  g: Graph,
  { heads, keyValueHeads }: ModelConfig,
  scores: Value,
  mask: Value,
): Value {
  const [B, groups, queries, S] = scores.shape as [Dimension, Dimension, Dimension, Dimension];
  const G = heads / keyValueHeads;
  const apart = g.reshape(scores, [B, groups, G, divided(queries, G), S]);
  return g.reshape(g.add(apart, mask), scores.shape);
}

/** Attention of queries to all keys at once. */
export function attend(
  g: Graph,
  config: ModelConfig,
  { queries, keys, values }: AttentionInputs,
  mask: Value,
): Value {
  const scores = attentionScores(g, config, queries, keys);
  return g.op("AttentionOutput", [maskedScores(g, config, scores, mask), values]);
}

/** RMS norm of each head by itself: [N, heads·D]. */
function headNorm(context: DecoderContext, x: Value, name: string, heads: number): Value {
  const { graph: g, config: { headDimension: D } } = context;
  const rows = g.reshape(x, [product([x.shape[0]!, heads]), D]);
  return g.reshape(norm(context, rows, name), x.shape);
}

function feedForward(context: DecoderContext, x: Value, prefix: string): Value {
  const { graph: g, config: { mlpBias } } = context;
  const gate = g.op("Silu", [project(context, x, `${prefix}.gate_proj`, mlpBias)]);
  const up = project(context, x, `${prefix}.up_proj`, mlpBias);
  return project(context, g.mul(gate, up), `${prefix}.down_proj`, mlpBias);
}
