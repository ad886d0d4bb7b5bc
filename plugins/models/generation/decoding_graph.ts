/**
 * The graph that decodes: logits of new tokens after cached ones, and the keys and values of the new ones alone.
 *
 * The runtime's binding copies every output, so the cache is never one: it is fed whole, which is free, and what comes
 * back is only what is new. Attention runs over both parts at once: with m the larger maximum of a row's scores,
 * (Σ exp(sᶜ − m)·vᶜ + Σ exp(sⁿ − m)·vⁿ) / (Σ exp(sᶜ − m) + Σ exp(sⁿ − m)).
 *
 * The runtime divides long sums of a product into parts that depend on the number of threads, and so of rows. Σᶜ is
 * therefore one of blocks that it never divides, so that a row is the same to the last bit whatever stands beside it.
 *
 * @module
 */
import { product } from "../../onnx/dimension.ts";
import { Graph, type Value } from "../../onnx/graph.ts";
import {
  attentionScores,
  type DecoderCache,
  decoderHidden,
  decoderLogits,
  MASKED,
  maskedScores,
} from "../decoder.ts";
import { type Bucket, bucketViews } from "../parameters.ts";
import { decoderWeights, type TrainedModel } from "../training_graph.ts";

/** Tokens of a block of the cache: the most that no kernel divides. */
export const CACHE_BLOCK = 128;

/**
 * Inputs, beside one vector for each bucket of the model: `ids` and `positions` [B, T], `cached` [B, S, 128]: 0 for a
 * token of the cache that its row may see and far below 0 elsewhere, `rows` [N]: indices b·T + t of the tokens whose next one
 * is asked for, `key.L` and `value.L` [B, groups, S, 128, D] for each layer L, S at least 1.
 *
 * Outputs: `logits` [N, vocabulary], `weights` [N, vocabulary]: exp(logit − the greatest one),
 * `new.key.L` and `new.value.L` [B, groups, T, D].
 *
 * @param maxPositions Longest sequence, in tokens.
 */
export function decodingGraph(model: TrainedModel, maxPositions: number): Graph {
  const graph = new Graph();
  const { config } = model;
  const views = model.buckets.map((bucket: Bucket) => bucketViews(graph, bucket));
  const ids = graph.input("ids", "int64", ["B", "T"]);
  const positions = graph.input("positions", "int64", ["B", "T"]);
  const cached = graph.input("cached", "float32", ["B", "S", CACHE_BLOCK]);
  const rows = graph.input("rows", "int64", ["N"]);
  const { cache, made } = cacheOf(graph, model, cached);
  const context = { graph, config, weights: decoderWeights(graph, model, views), maxPositions };
  const hidden = decoderHidden(context, { ids, positions, segments: null, cache });
  const logits = decoderLogits(context, graph.op("Gather", [hidden, rows]));
  graph.output("logits", logits);
  const highest = graph.op("ReduceMax", [logits], { axes: [-1], keepdims: 1 });
  graph.output("weights", graph.op("Exp", [graph.sub(logits, highest)]));
  for (const [name, value] of made) graph.output(name, value);
  return graph;
}

/** Names of a layer's part of the cache, as inputs; outputs have `new.` before them. */
export function cacheNames(layer: number): readonly [key: string, value: string] {
  return [`key.${layer}`, `value.${layer}`];
}

function cacheOf(
  g: Graph,
  { config }: TrainedModel,
  cached: Value,
): { readonly cache: DecoderCache; readonly made: ReadonlyMap<string, Value> } {
  const { keyValueHeads: groups, headDimension } = config;
  const made = new Map<string, Value>();
  const places = product(["S", CACHE_BLOCK]);
  const old = g.reshape(cached, ["B", 1, 1, 1, places]);
  const at = g.op("Iota", [], { size: "T" });
  const behind = g.op("LessOrEqual", [g.reshape(at, [1, "T"]), g.reshape(at, ["T", 1])]);
  const causal = g.op("Where", [behind, g.constant(0), g.constant(MASKED)]);
  const attend: DecoderCache["attend"] = (layer, { queries, keys, values }) => {
    const [keyName, valueName] = cacheNames(layer);
    made.set(`new.${keyName}`, keys).set(`new.${valueName}`, values);
    const rows = queries.shape[2]!; // G·T
    const part = (name: string) => g.input(name, "float32", ["B", groups, "S", CACHE_BLOCK, headDimension]);
    const cachedKeys = g.reshape(part(keyName), ["B", groups, places, headDimension]);
    const scores = [[cachedKeys, old], [keys, causal]].map(([K, mask]) =>
      maskedScores(g, config, attentionScores(g, config, queries, K!), mask!)
    );
    const m = g.op("Max", scores.map((each) => g.op("ReduceMax", [each], { axes: [-1], keepdims: 1 })));
    const weights = scores.map((each) => g.op("Exp", [g.sub(each, m)]));
    const sums = weights.map((each) => g.reduceSum(each, [-1], true));
    const blocks = g.reshape(weights[0]!, ["B", groups, rows, "S", CACHE_BLOCK]);
    const taken = g.op("MatMul", [g.transpose(blocks, [0, 1, 3, 2, 4]), part(valueName)]);
    return g.div(
      g.op("Add", [g.reduceSum(taken, [2]), g.op("MatMul", [weights[1]!, values])]),
      g.op("Add", sums),
    );
  };
  return { cache: { attend }, made };
}
