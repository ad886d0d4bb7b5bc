/**
 * The graph that decodes with a cache, under the names that transformers.js and Optimum give decoder-only models.
 *
 * @module
 */
import { Graph, type Value } from "../onnx/graph.ts";
import type { TensorEntry } from "../onnx/safetensors.ts";
import type { ModelConfig } from "./config.ts";
import { attend, type DecoderCache, decoderHidden, decoderLogits, MASKED } from "./decoder.ts";

// transformers.js makes the first, empty cache from the shapes of the inputs: it knows `batch_size`, all other names
// are 0 to it.
const BATCH = "batch_size";
const NEW = "sequence_length";
const PAST = "past_sequence_length";
const ALL = "total_sequence_length";

/**
 * Logits of new tokens after earlier ones, whose keys and values are fed and handed out again with the new ones behind.
 *
 * Inputs: `input_ids` and `position_ids` [batch, new], `attention_mask` [batch, past + new], 0 for padding, all int64;
 * `past_key_values.N.key` and `.value` [batch, key heads, past, head dimension], float32, for each layer N. Outputs:
 * `logits` [batch, new, vocabulary], `present.N.key` and `.value` [batch, key heads, past + new, head dimension].
 *
 * @param tensors Where each weight lies; all in one folder.
 */
export function exportGraph(config: ModelConfig, tensors: ReadonlyMap<string, TensorEntry>): Graph {
  const graph = new Graph();
  const ids = graph.input("input_ids", "int64", [BATCH, NEW]);
  const seen = graph.input("attention_mask", "int64", [BATCH, ALL]);
  const positions = graph.input("position_ids", "int64", [BATCH, NEW]);
  const { cache, present } = cacheOf(graph, config, visibleMask(graph, seen));
  const weights = { tensor: (name: string) => weight(graph, tensors.get(name)!), adapter: () => null };
  const context = { graph, config, weights, maxPositions: config.contextLength };
  const hidden = decoderHidden(context, { ids, positions, segments: null, cache });
  const logits = decoderLogits(context, hidden);
  graph.output("logits", graph.reshape(logits, [BATCH, NEW, config.vocabularySize]));
  for (const [name, value] of present) graph.output(name, value);
  return graph;
}

/** The cache as inputs, and what becomes of it, by name of the output. */
function cacheOf(
  graph: Graph,
  config: ModelConfig,
  mask: Value,
): { readonly cache: DecoderCache; readonly present: ReadonlyMap<string, Value> } {
  const { layers, keyValueHeads, headDimension } = config;
  const past = (name: string) =>
    graph.input(`past_key_values.${name}`, "float32", [BATCH, keyValueHeads, PAST, headDimension]);
  const pasts = Array.from({ length: layers }, (_, layer) => [past(`${layer}.key`), past(`${layer}.value`)]);
  const present = new Map<string, Value>();
  const behind = (layer: number, at: 0 | 1, made: Value) =>
    graph.op("Concat", [pasts[layer]![at]!, made], { axis: 2, size: ALL });
  const cache: DecoderCache = {
    attend: (layer, { queries, keys, values }) => {
      const all = { queries, keys: behind(layer, 0, keys), values: behind(layer, 1, values) };
      present.set(`present.${layer}.key`, all.keys).set(`present.${layer}.value`, all.values);
      return attend(graph, config, all, mask);
    },
  };
  return { cache, present };
}

/** Zero for tokens that are no padding and not ahead, {@linkcode MASKED} elsewhere: [batch, 1, 1, new, all]. */
function visibleMask(g: Graph, seen: Value): Value {
  const query = g.reshape(g.op("Iota", [], { start: PAST, size: NEW }), [NEW, 1]);
  const key = g.reshape(g.op("Iota", [], { size: ALL }), [1, ALL]);
  const real = g.reshape(g.op("Cast", [seen], { to: "bool" }), [BATCH, 1, 1, 1, ALL]);
  const visible = g.op("And", [g.op("LessOrEqual", [key, query]), real]);
  return g.op("Where", [visible, g.constant(0), g.constant(MASKED)]);
}

function weight(graph: Graph, entry: TensorEntry): Value {
  const stored = graph.external(entry);
  return stored.type === "float32" ? stored : graph.op("Cast", [stored], { to: "float32" });
}
