/**
 * The graphs that train and score: from a model, and what of it is trained, to the loss of a batch and its gradients.
 *
 * @module
 */
import { gradients } from "../onnx/autodiff.ts";
import { product } from "../onnx/dimension.ts";
import { Graph, type Value } from "../onnx/graph.ts";
import type { WeightsIndex } from "../onnx/safetensors.ts";
import type { ElementType } from "../onnx/tensor.ts";
import type { ModelConfig } from "./config.ts";
import {
  type DecoderContext,
  decoderHidden,
  decoderLogits,
  type DecoderWeights,
  headName,
} from "./decoder.ts";
import type { LoraShape } from "./lora.ts";
import { type Bucket, bucketViews, joinedGradient } from "./parameters.ts";

/** A model and what of it is trained. */
export interface TrainedModel {
  readonly config: ModelConfig;
  /** Weights of the base model; those that are no parameter stay in their files. */
  readonly weights: WeightsIndex;
  /** What is trained: adapters, or tensors of the model. Empty for scoring the base model. */
  readonly buckets: readonly Bucket[];
  /** Rank and scale of the adapters; null when there are none. */
  readonly lora: LoraShape | null;
}

/** Choices of a graph. */
export interface TrainingGraphOptions {
  /** Longest row of a batch, in tokens: the rotary kernel refuses rows that are longer than its tables. */
  readonly maxPositions: number;
  /** Whether a row may hold several sequences. @default false */
  readonly packed?: boolean;
  /** Whether the gradient computes each layer again instead of keeping what it made. @default false */
  readonly recompute?: boolean;
  /** Trained tokens whose logits are in memory at once; all of a batch when left out. */
  readonly headChunk?: number;
  /**
   * Whether logits are multiplied by the input `sharpness` [B, T], 1 ÷ temperature of what is predicted from each token.
   *
   * @default false
   */
  readonly sharpened?: boolean;
  /** Chance with which inputs of adapters are left out, by the input `dropout` [B, T] (see `AdapterDropout`). @default 0 */
  readonly loraDropout?: number;
}

/**
 * The loss of a batch and its gradients.
 *
 * Inputs, beside one vector for each bucket: `ids` and `positions` [B, T], `segments` [B, T] when packed, `rows` [N]:
 * indices b·T + t of the tokens whose next one is trained, `targets` [N]: that next token, `weights` [N].
 *
 * Outputs: `loss` = −Σ weights·log p(target), `log_probabilities` [N], and `gradient.NAME` for each bucket. Weights are
 * divided by the weight sum of the whole accumulated batch beforehand, so losses and gradients of micro-batches add up.
 */
export function trainingGraph(model: TrainedModel, options: TrainingGraphOptions): Graph {
  const { headChunk } = options;
  return withGradients(model, options, (context, wanted) => {
    const linear = headChunk === undefined
      ? wholeHead(context, options, summedLoss)
      : chunkedHead(context, options, headChunk, wanted, null);
    return { ...linear, outputs: { log_probabilities: linear.logProbabilities } };
  });
}

/** What a loss of log-probabilities is built from. */
export interface TokenValues {
  readonly graph: Graph;
  /** Log-probability of each target, [N]. */
  readonly logProbabilities: Value;
  /** An input with one element for each target: [N]. With `headChunk` it is fed as `rows` and `targets` are. */
  readonly input: (name: string, type: ElementType) => Value;
}

/** A loss and what else a graph hands out. */
export interface BuiltLoss {
  /** A scalar that depends on the log-probabilities. */
  readonly loss: Value;
  /** By name. */
  readonly outputs?: Readonly<Record<string, Value>>;
}

/**
 * Any loss of the log-probabilities of a batch, and its gradients: what {@linkcode trainingGraph} is for a weighted sum.
 *
 * Inputs are those of {@linkcode trainingGraph} without `weights`, and those that `build` adds; outputs are `loss`, those
 * that `build` names, and `gradient.NAME` for each bucket. With `headChunk` the head runs twice: once for the
 * log-probabilities, and once, when their gradient is known, for that of everything before them.
 */
export function lossGraph(
  model: TrainedModel,
  options: TrainingGraphOptions,
  build: (tokens: TokenValues) => BuiltLoss,
): Graph {
  const { headChunk } = options;
  return withGradients(
    model,
    options,
    (context, wanted) =>
      headChunk === undefined
        ? wholeHead(context, options, build)
        : chunkedHead(context, options, headChunk, wanted, build),
  );
}

/** What comes out of the head. */
interface HeadResult extends BuiltLoss {
  /** [N] */
  readonly logProbabilities: Value;
  /** What to differentiate: the loss, or a scalar with the same gradient. */
  readonly source: Value;
}

function withGradients(
  model: TrainedModel,
  options: TrainingGraphOptions,
  head: (context: DecoderContext, wanted: readonly Value[]) => HeadResult,
): Graph {
  const graph = new Graph();
  const views = model.buckets.map((bucket) => bucketViews(graph, bucket));
  const wanted = views.flatMap((view) => [...view.values()]);
  const { loss, outputs = {}, source } = head(contextOf(graph, model, views, options), wanted);
  const made = gradients(graph, source, wanted);
  graph.output("loss", loss);
  for (const [name, value] of Object.entries(outputs)) graph.output(name, value);
  let taken = 0;
  for (const bucket of model.buckets) {
    const own = made.slice(taken, taken += bucket.parameters.length);
    graph.output(`gradient.${bucket.name}`, joinedGradient(graph, bucket, own));
  }
  return graph;
}

function wholeHead(
  context: DecoderContext,
  options: TrainingGraphOptions,
  build: (tokens: TokenValues) => BuiltLoss,
): HeadResult {
  const { graph } = context;
  const logProbabilities = tokenLogProbabilities(context, options);
  const input = (name: string, type: ElementType) => graph.input(name, type, ["N"]);
  const built = build({ graph, logProbabilities, input });
  return { ...built, logProbabilities, source: built.loss };
}

function summedLoss({ graph, logProbabilities, input }: TokenValues): BuiltLoss {
  return { loss: weightedLoss(graph, logProbabilities, input("weights", "float32")) };
}

function weightedLoss(graph: Graph, logProbabilities: Value, weights: Value): Value {
  return graph.op("Neg", [graph.reduceSum(graph.mul(logProbabilities, weights), [0])]);
}

/**
 * The same, `chunk` tokens at a time: `rows`, `targets` and `weights` are [C, chunk], filled up with weight 0.
 *
 * Each pass of a loop makes its logits, its part of a weighted sum of log-probabilities and at once the gradients of the
 * hidden states and of the head, so that no logits outlive the pass. The sum is linear in these parts; the scalar that is
 * differentiated is Σ h·dh (+ Σ W·dW), with dh and dW held constant, whose gradients are dh and dW.
 *
 * @param build Any other loss: its weights are its own gradients by the log-probabilities, which a loop before finds.
 */
function chunkedHead(
  context: DecoderContext,
  options: TrainingGraphOptions,
  chunk: number,
  wanted: readonly Value[],
  build: ((tokens: TokenValues) => BuiltLoss) | null,
): HeadResult {
  const { graph: g, config } = context;
  const hidden = batchHidden(context, options);
  const input = (name: string, type: ElementType) => g.input(name, type, ["C", chunk]);
  const [rows, targets] = [input("rows", "int64"), input("targets", "int64")];
  const count = product(["C", chunk]);
  const places = { hidden, rows, targets };
  const known = build === null ? null : chunkedLogProbabilities(context, places);
  const built = known === null ? null : build!({
    graph: g,
    logProbabilities: known,
    input: (name, type) => g.reshape(input(name, type), [count]),
  });
  const weights = built === null ? input("weights", "float32") : g.reshape(
    g.op("Neg", [gradients(g, built.loss, [known!])[0]!]),
    ["C", chunk],
  );
  const { loss, logProbabilities, states, head } = chunkedSum(context, { ...places, weights }, wanted);
  const stop = (value: Value) => g.op("StopGradient", [value]);
  const picked = g.op("Gather", [hidden, g.reshape(rows, [count])]);
  const held = stop(g.reshape(states, [count, config.hiddenSize]));
  const through = g.reduceSum(g.mul(picked, held), [0, 1]);
  const source = head === null
    ? through
    : g.add(through, g.reduceSum(g.mul(context.weights.tensor(headName(config)), stop(head)), [0, 1]));
  return { loss, logProbabilities, ...built, source };
}

/** What the passes over the head read; all but `hidden` are [C, chunk]. */
interface ChunkedPlaces {
  readonly hidden: Value;
  readonly rows: Value;
  readonly targets: Value;
}

/** Log-probabilities [C·chunk] alone. */
function chunkedLogProbabilities(
  context: DecoderContext,
  { hidden, rows, targets }: ChunkedPlaces,
): Value {
  const { graph: g } = context;
  const { collected } = g.loop(g.op("AxisSize", [rows], { axis: 0 }), [], (inner, pass) => {
    const part = (all: Value) => inner.op("PickFirst", [all, pass]);
    const logits = decoderLogits({ ...context, graph: inner }, inner.op("Gather", [hidden, part(rows)]));
    return { carried: [], collected: [inner.op("TokenLogProbability", [logits, part(targets)])] };
  }, "C");
  return g.reshape(collected[0]!, [product(rows.shape)]);
}

/** −Σ weights·log p, and its gradients by the picked hidden states and, where it is trained, the head. */
function chunkedSum(
  context: DecoderContext,
  { hidden, rows, targets, weights }: ChunkedPlaces & { readonly weights: Value },
  wanted: readonly Value[],
): {
  readonly loss: Value;
  readonly logProbabilities: Value;
  readonly states: Value;
  readonly head: Value | null;
} {
  const { graph: g, config, weights: tensors } = context;
  const head = tensors.tensor(headName(config));
  const trained = wanted.includes(head);
  const zeros = trained ? [g.op("Expand", [g.constant(0)], { to: head.shape })] : [];
  const { carried, collected } = g.loop(
    g.op("AxisSize", [rows], { axis: 0 }),
    [g.constant(0), ...zeros],
    (inner, pass, [sum, headGradient]) => {
      const part = (all: Value) => inner.op("PickFirst", [all, pass]);
      const states = inner.op("Gather", [hidden, part(rows)]);
      const logits = decoderLogits({ ...context, graph: inner }, states);
      const logProbabilities = inner.op("TokenLogProbability", [logits, part(targets)]);
      const loss = weightedLoss(inner, logProbabilities, part(weights));
      const made = gradients(inner, loss, trained ? [states, head] : [states]);
      const carriedOn = trained ? [inner.add(headGradient!, made[1]!)] : [];
      return { carried: [inner.add(sum!, loss), ...carriedOn], collected: [logProbabilities, made[0]!] };
    },
    "C",
  );
  return {
    loss: carried[0]!,
    logProbabilities: g.reshape(collected[0]!, [product(rows.shape)]),
    states: collected[1]!,
    head: carried[1] ?? null,
  };
}

/**
 * Log-probabilities of given tokens, without gradients: `log_probabilities` [N] and `best` [N], the most probable token
 * in each place. Inputs as for {@linkcode trainingGraph}, without `weights`.
 */
export function scoringGraph(model: TrainedModel, options: TrainingGraphOptions): Graph {
  const graph = new Graph();
  const views = model.buckets.map((bucket) => bucketViews(graph, bucket));
  const context = contextOf(graph, model, views, options);
  const logits = rowLogits(context, options);
  const targets = graph.input("targets", "int64", ["N"]);
  graph.output("log_probabilities", graph.op("TokenLogProbability", [logits, targets]));
  graph.output("best", graph.op("ArgMax", [logits]));
  return graph;
}

/** Logits [N, vocabulary] of the rows that are asked for; a graph for tests and exports. */
export function logitsGraph(model: TrainedModel, options: TrainingGraphOptions): Graph {
  const graph = new Graph();
  const views = model.buckets.map((bucket) => bucketViews(graph, bucket));
  graph.output("logits", rowLogits(contextOf(graph, model, views, options), options));
  return graph;
}

/** Log-probability [N] of the input `targets` after each of the input `rows`. */
function tokenLogProbabilities(context: DecoderContext, options: TrainingGraphOptions): Value {
  const logits = rowLogits(context, options);
  const targets = context.graph.input("targets", "int64", ["N"]);
  return context.graph.op("TokenLogProbability", [logits, targets]);
}

/** Only rows that are asked for meet the head: it is a large part of the work in a small model. */
function rowLogits(context: DecoderContext, options: TrainingGraphOptions): Value {
  const hidden = batchHidden(context, options);
  const rows = context.graph.input("rows", "int64", ["N"]);
  return decoderLogits(context, context.graph.op("Gather", [hidden, rows]));
}

/** Hidden states [B·T, hidden] of the inputs `ids`, `positions` and, when packed, `segments`. */
function batchHidden(
  context: DecoderContext,
  { packed = false, sharpened = false }: TrainingGraphOptions,
): Value {
  const { graph: g } = context;
  const ids = g.input("ids", "int64", ["B", "T"]);
  const positions = g.input("positions", "int64", ["B", "T"]);
  const segments = packed ? g.input("segments", "int64", ["B", "T"]) : null;
  const tokens = product(["B", "T"]);
  const hidden = decoderHidden(context, { ids, positions, segments });
  const flat = g.reshape(hidden, [tokens, hidden.shape[1]!]);
  // The head is linear, so its input may carry the factor: a vector of the hidden size is shorter than one of logits.
  return sharpened ? g.mul(flat, g.reshape(g.input("sharpness", "float32", ["B", "T"]), [tokens, 1])) : flat;
}

function contextOf(
  graph: Graph,
  model: TrainedModel,
  views: readonly ReadonlyMap<string, Value>[],
  { maxPositions, recompute = false, loraDropout: rate = 0 }: TrainingGraphOptions,
): DecoderContext {
  const weights = decoderWeights(graph, model, views);
  const context = { graph, config: model.config, weights, maxPositions, recompute };
  if (rate === 0) return context;
  return { ...context, adapterDropout: { rate, keys: graph.input("dropout", "float32", ["B", "T"]) } };
}

/** Trained tensors come from the buckets, all others from their files. */
export function decoderWeights(
  graph: Graph,
  { weights, lora }: Pick<TrainedModel, "weights" | "lora">,
  views: readonly ReadonlyMap<string, Value>[],
): DecoderWeights {
  const trained = new Map(views.flatMap((view) => [...view]));
  return {
    tensor: (name) => {
      const own = trained.get(name);
      if (own !== undefined) return own;
      const entry = weights.tensors.get(name);
      if (entry === undefined) {
        throw new TypeError(`Cannot build the graph: wanted weights "${name}": not there`);
      }
      const mapped = graph.external(entry);
      return mapped.type === "float32" ? mapped : graph.op("Cast", [mapped], { to: "float32" });
    },
    adapter: (module) => {
      const [A, B] = [trained.get(`${module}.lora_A.weight`), trained.get(`${module}.lora_B.weight`)];
      return A === undefined || B === undefined || lora === null ? null : { A, B, scale: lora.scale };
    },
  };
}
