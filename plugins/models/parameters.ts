/**
 * Trained parameters in buckets: a bucket is one vector that optimiser and graph exchange, with one or many tensors in
 * it. Many small tensors (adapters, norms) share one, a large matrix has its own, so that nothing large is copied only
 * to be cut.
 *
 * @module
 */
import type { Graph, Value } from "../onnx/graph.ts";
import { elements } from "../onnx/tensor.ts";

/** A trained tensor. */
export interface Parameter {
  /** Name in the file it is saved to. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Whether weight decay applies; not to norms and biases. */
  readonly decay: boolean;
}

/** Parameters that share a vector, in order. */
export interface Bucket {
  /** Name of the graph's input. */
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** Elements in all. */
  readonly size: number;
  /** Whether weight decay applies to all of them. */
  readonly decay: boolean;
}

/** Tensors of at least this many elements have a bucket of their own. */
const OWN_BUCKET = 8192;

/**
 * Divides parameters into buckets: large ones alone, small ones together by whether they decay.
 *
 * The order saves memory. The runtime computes what the last output needs first, and what other outputs need when their
 * turn comes. So the last layer's gradients come last here, and vectors that hold something of every layer first:
 * what a layer's gradients are made from is then let go before the layer below is reached.
 */
export function bucketsOf(parameters: readonly Parameter[]): readonly Bucket[] {
  const own = (parameter: Parameter) => elements(parameter.shape) >= OWN_BUCKET;
  const shared = [true, false].flatMap((decay) => {
    const members = parameters.filter((parameter) => !own(parameter) && parameter.decay === decay);
    return members.length === 0 ? [] : [bucketOf(decay ? "parameters.decayed" : "parameters.plain", members)];
  });
  const alone = parameters.filter(own).toSorted((a, b) => depthOf(a) - depthOf(b))
    .map((parameter) => bucketOf(`parameter.${parameter.name}`, [parameter]));
  return [...shared, ...alone];
}

/** Layer of a parameter; the embedding lies below all of them, the head above. */
function depthOf({ name }: Parameter): number {
  const layer = /\.layers\.(\d+)\./.exec(name)?.[1];
  return layer === undefined ? (name.includes("embed_tokens") ? -1 : Infinity) : Number(layer);
}

function bucketOf(name: string, parameters: readonly Parameter[]): Bucket {
  const size = parameters.reduce((sum, { shape }) => sum + elements(shape), 0);
  return { name, parameters, size, decay: parameters[0]!.decay };
}

/** Where each parameter lies in its bucket. */
export function* placesOf(
  bucket: Bucket,
): Iterable<{ readonly parameter: Parameter; readonly start: number; readonly end: number }> {
  let end = 0;
  for (const parameter of bucket.parameters) {
    const start = end;
    end += elements(parameter.shape);
    yield { parameter, start, end };
  }
}

/** The bucket as an input of the graph, and each of its parameters as a view of it. */
export function bucketViews(graph: Graph, bucket: Bucket): ReadonlyMap<string, Value> {
  const vector = graph.input(bucket.name, "float32", [bucket.size]);
  const views = new Map<string, Value>();
  for (const { parameter: { name, shape }, start, end } of placesOf(bucket)) {
    const whole = bucket.parameters.length === 1;
    const part = whole ? vector : graph.op("Slice", [vector], { axis: 0, start, end });
    views.set(name, graph.reshape(part, shape));
  }
  return views;
}

/** Gradients of a bucket's parameters, in their order, joined to one vector. */
export function joinedGradient(graph: Graph, bucket: Bucket, gradients: readonly Value[]): Value {
  const flat = gradients.map((gradient, at) =>
    graph.reshape(gradient, [elements(bucket.parameters[at]!.shape)])
  );
  return flat.length === 1 ? flat[0]! : graph.op("Concat", flat, { axis: 0 });
}
