/**
 * The graph that decodes: logits of new tokens after cached ones, and the keys and values of the new ones alone.
 *
 * The runtime's binding copies every output, so the cache is never one: it is fed whole, which is free, and what comes
 * back is only what is new. Attention runs over both parts at once: with m the larger maximum of a row's scores,
 * (Σ exp(sᶜ − m)·vᶜ + Σ exp(sⁿ − m)·vⁿ) / (Σ exp(sᶜ − m) + Σ exp(sⁿ − m)).
 *
 * @module
 */
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

/**
 * Inputs, beside one vector for each bucket of the model: `ids` and `positions` [B, T], `cached` [B, S]: 0 for a token
 * of the cache that its row may see and far below 0 elsewhere, `rows` [N]: indices b·T + t of the tokens whose next one
 * is asked for, `key.L` and `value.L` [B, groups, S, D] for each layer L, S at least 1.
 *
 * Outputs: `logits` [N, vocabulary], `new.key.L` and `new.value.L` [B, groups, T, D].
 *
 * @param maxPositions Longest sequence, in tokens.
 */
export function decodingGraph(model: TrainedModel, maxPositions: number): Graph {
  const graph = new Graph();
  const { config } = model;
  const views = model.buckets.map((bucket: Bucket) => bucketViews(graph, bucket));
  const ids = graph.input("ids", "int64", ["B", "T"]);
  const positions = graph.input("positions", "int64", ["B", "T"]);
  const cached = graph.input("cached", "float32", ["B", "S"]);
  const rows = graph.input("rows", "int64", ["N"]);
  const { cache, made } = cacheOf(graph, model, cached);
  const context = { graph, config, weights: decoderWeights(graph, model, views), maxPositions };
  const hidden = decoderHidden(context, { ids, positions, segments: null, cache });
  graph.output("logits", decoderLogits(context, graph.op("Gather", [hidden, rows])));
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
  const old = g.reshape(cached, ["B", 1, 1, 1, "S"]);
  const at = g.op("Iota", [], { size: "T" });
  const behind = g.op("LessOrEqual", [g.reshape(at, [1, "T"]), g.reshape(at, ["T", 1])]);
  const causal = g.op("Where", [behind, g.constant(0), g.constant(MASKED)]);
  const attend: DecoderCache["attend"] = (layer, { queries, keys, values }) => {
    const [keyName, valueName] = cacheNames(layer);
    made.set(`new.${keyName}`, keys).set(`new.${valueName}`, values);
    const part = (name: string) => g.input(name, "float32", ["B", groups, "S", headDimension]);
    const parts = [[part(keyName), part(valueName), old], [keys, values, causal]] as const;
    const scored = parts.map(([K, V, mask]) => ({
      scores: maskedScores(g, config, attentionScores(g, config, queries, K), mask),
      V,
    }));
    const highest = scored.map(({ scores }) => g.op("ReduceMax", [scores], { axes: [-1], keepdims: 1 }));
    const m = g.op("Max", highest);
    const weighed = scored.map(({ scores, V }) => ({ weights: g.op("Exp", [g.sub(scores, m)]), V }));
    const sums = weighed.map(({ weights }) => g.reduceSum(weights, [-1], true));
    const taken = weighed.map(({ weights, V }) => g.op("MatMul", [weights, V]));
    return g.div(g.op("Add", taken), g.op("Add", sums));
  };
  return { cache: { attend }, made };
}
