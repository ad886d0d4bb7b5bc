/**
 * A graph as a standard ONNX model in protobuf.
 *
 * Two dialects: `fused` uses operators of the runtime's own domain that are fast on the CPU and on CUDA, `plain`
 * keeps to what the provider for WebGPU has.
 *
 * @module
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  type AttributeProtoSchema,
  type GraphProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from "onnx-buf";
import { basename, dirname } from "node:path";
import { type Dimension, factorsOf, type Shape } from "./dimension.ts";
import type { ConstantData, Graph, Initializer, Node, Value } from "./graph.ts";
import { OPERATORS } from "./operators/mod.ts";
import type { TensorEntry } from "./safetensors.ts";
import type { ElementType } from "./tensor.ts";

/** Which operators a model may use. */
export type Dialect = "fused" | "plain";

/** A model ready for a session. */
export interface EncodedModel {
  /** The model in protobuf, without the weights that stay in files. */
  readonly bytes: Uint8Array;
  /** Folder that holds the weight files; null when there are none. */
  readonly folder: string | null;
}

/** Opset of the standard operators; 21 has bfloat16 casts and is known to every provider in use. */
const OPSET = 21;

const TYPE_CODES: Readonly<Record<ElementType, DataType>> = {
  float32: DataType.FLOAT,
  float64: DataType.DOUBLE,
  float16: DataType.FLOAT16,
  bfloat16: DataType.BFLOAT16,
  int64: DataType.INT64,
  int32: DataType.INT32,
  bool: DataType.BOOL,
};

/**
 * Encodes a graph.
 *
 * @throws {TypeError} When weights lie in more than one folder: the runtime maps files of one.
 */
export function encodeGraph(graph: Graph, dialect: Dialect): EncodedModel {
  const folders = new Set(
    graph.initializers.flatMap(({ source }) => isEntry(source) ? [dirname(source.file)] : []),
  );
  if (folders.size > 1) {
    throw new TypeError(
      `Cannot encode the graph: wanted weights of one folder: received ${[...folders].join(", ")}`,
    );
  }
  const model = create(ModelProtoSchema, {
    irVersion: 10n,
    producerName: "knowlyr-gym",
    opsetImport: [{ domain: "", version: BigInt(OPSET) }, { domain: "com.microsoft", version: 1n }],
    graph: graphProto(graph, dialect),
  });
  return { bytes: toBinary(ModelProtoSchema, model), folder: [...folders][0] ?? null };
}

type NodeInit = MessageInitShape<typeof NodeProtoSchema>;
type TensorInit = MessageInitShape<typeof TensorProtoSchema>;
type AttributeInit = MessageInitShape<typeof AttributeProtoSchema>;

function graphProto(graph: Graph, dialect: Dialect): MessageInitShape<typeof GraphProtoSchema> {
  const emitter = new Emitter(graph, dialect);
  for (const node of graph.nodes) {
    if (node.body !== undefined) emitter.loop(node, graphProto(node.body, dialect));
    else emitter.add(node);
  }
  return {
    name: "graph",
    input: graph.inputs.map(valueInfo),
    output: graph.outputs.map(valueInfo),
    initializer: [...graph.initializers.map(initializerProto), ...emitter.initializers],
    node: emitter.nodes,
  };
}

/** Something that a node can read: a value of the graph, or what the emitter made. */
export interface Reference {
  /** Name in the model. */
  readonly name: string;
}

/** An attribute whose kind a plain number or string does not tell. */
export interface TypedAttribute {
  readonly float?: number;
  readonly string?: string;
}

/** Collects the standard nodes that one graph becomes. */
export class Emitter {
  /** Whether operators of the runtime's own domain may be used for products. */
  readonly fused: boolean;
  /** Nodes so far. */
  readonly nodes: NodeInit[] = [];
  /** Constants that the nodes need beside the graph's own. */
  readonly initializers: TensorInit[] = [];
  readonly #graph: Graph;
  readonly #prefix: string;
  readonly #made = new Map<string, Reference>();

  constructor(graph: Graph, dialect: Dialect) {
    this.fused = dialect === "fused";
    this.#graph = graph;
    this.#prefix = graph.parent === null ? "emitted" : `emitted_${graph.inputs[0]!.name}`;
  }

  /** Adds what a node of the graph becomes. */
  add(node: Node): void {
    const emit = OPERATORS.get(node.operator)?.emit;
    if (emit !== undefined) emit(node, this);
    else this.node(node.operator, node.inputs, node.outputs, node.attributes);
  }

  /** Adds a loop. */
  loop(node: Node, body: MessageInitShape<typeof GraphProtoSchema>): void {
    const [count, ...carried] = node.inputs;
    this.nodes.push({
      opType: "Loop",
      input: [count!.name, "", ...carried.map((value) => value.name)],
      output: node.outputs.map((value) => value.name),
      attribute: [{ name: "body", type: AttributeType.GRAPH, g: body }],
    });
  }

  /** Adds a standard node. */
  node(
    operator: string,
    inputs: readonly Reference[],
    outputs: readonly Reference[],
    attributes: Readonly<Record<string, number | string | Shape | TypedAttribute>> = {},
    domain: string = "",
  ): void {
    this.nodes.push({
      opType: operator,
      domain,
      input: inputs.map((input) => input.name),
      output: outputs.map((output) => output.name),
      attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    });
  }

  /** Adds a standard node with one output and returns it; the same node is made once. */
  one(
    operator: string,
    inputs: readonly Reference[],
    attributes: Readonly<Record<string, number | TypedAttribute>> = {},
  ): Reference {
    const key = `${operator} ${inputs.map((input) => input.name)} ${JSON.stringify(attributes)}`;
    return this.#once(key, (output) => this.node(operator, inputs, [output], attributes));
  }

  /** Marks an attribute as a floating-point number. */
  float(float: number): TypedAttribute {
    return { float };
  }

  /** Marks an attribute as a text. */
  string(string: string): TypedAttribute {
    return { string };
  }

  /** The standard's number for an element type. */
  typeCode(type: ElementType): number {
    return TYPE_CODES[type];
  }

  /** A vector of whole numbers. */
  integers(data: readonly number[]): Reference {
    return this.#once(`integers ${data}`, ({ name }) => {
      this.initializers.push(tensorProto(name, "int64", [data.length], BigInt64Array.from(data, BigInt)));
    });
  }

  /** A scalar of a floating-point type. */
  scalar(number: number, type: ElementType): Reference {
    const made = this.#once(`scalar ${number} ${type}`, ({ name }) => {
      if (type !== "float32" && type !== "float64") return;
      const data = type === "float64" ? Float64Array.of(number) : Float32Array.of(number);
      this.initializers.push(tensorProto(name, type, [], data));
    });
    if (type === "float32" || type === "float64") return made;
    return this.one("Cast", [this.scalar(number, "float32")], { to: this.typeCode(type) });
  }

  /** Zeros of a shape. */
  zeros(shape: Shape, type: ElementType): Reference {
    return this.one("Expand", [this.scalar(0, type), this.sizes(shape)]);
  }

  /** A matrix, or a batch of them, with the last two axes swapped. */
  transposed(value: Value): Reference {
    const perm = value.shape.map((_, axis) => axis);
    const rank = perm.length;
    [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
    const key = `transposed ${value.name}`;
    return this.#once(key, (output) => this.node("Transpose", [value], [output], { perm }));
  }

  /** A shape as a vector of whole numbers, with sizes that only the run knows taken from its inputs. */
  sizes(shape: Shape): Reference {
    if (shape.every((size) => typeof size === "number")) return this.integers(shape as number[]);
    const parts = shape.map((size) => this.#size(size));
    if (parts.length === 1) return parts[0]!;
    return this.one("Concat", parts, { axis: 0 });
  }

  /** The target of a Reshape: one unknown size is left for the runtime to find. */
  reshapeTarget(shape: Shape): Reference {
    const unknown = shape.findLastIndex((size) => typeof size !== "number");
    return this.sizes(unknown < 0 ? shape : shape.with(unknown, -1));
  }

  #size(size: Dimension): Reference {
    const { number, names } = factorsOf(size);
    const factors = names.map((name) => {
      const { value, axis } = this.#graph.symbol(name);
      return this.one("Shape", [value], { start: axis, end: axis + 1 });
    });
    if (number !== 1 || factors.length === 0) factors.push(this.integers([number]));
    return factors.reduce((product, factor) => this.one("Mul", [product, factor]));
  }

  #once(key: string, make: (output: Reference) => void): Reference {
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const output = { name: `${this.#prefix}_${this.#made.size}` };
    this.#made.set(key, output);
    make(output);
    return output;
  }
}

function attribute(name: string, value: number | string | Shape | TypedAttribute): AttributeInit {
  if (typeof value === "number") return { name, type: AttributeType.INT, i: BigInt(value) };
  if (typeof value === "string") {
    return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  }
  if (Array.isArray(value)) {
    return { name, type: AttributeType.INTS, ints: (value as readonly number[]).map(BigInt) };
  }
  const { float, string } = value as TypedAttribute;
  return float === undefined
    ? { name, type: AttributeType.STRING, s: new TextEncoder().encode(string) }
    : { name, type: AttributeType.FLOAT, f: float };
}

function initializerProto({ value, source }: Initializer): TensorInit {
  if (!isEntry(source)) return tensorProto(value.name, value.type, value.shape as readonly number[], source);
  return {
    name: value.name,
    dataType: TYPE_CODES[value.type],
    dims: source.shape.map(BigInt),
    dataLocation: DataLocation.EXTERNAL,
    externalData: [
      { key: "location", value: basename(source.file) },
      { key: "offset", value: String(source.offset) },
      { key: "length", value: String(source.bytes) },
    ],
  };
}

function tensorProto(
  name: string,
  type: ElementType,
  shape: readonly number[],
  data: ConstantData,
): TensorInit {
  return {
    name,
    dataType: TYPE_CODES[type],
    dims: shape.map(BigInt),
    rawData: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
  };
}

function valueInfo({ name, type, shape }: Value): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = shape.map((size) => ({
    value: typeof size === "number"
      ? { case: "dimValue" as const, value: BigInt(size) }
      : { case: "dimParam" as const, value: size },
  }));
  return {
    name,
    type: { value: { case: "tensorType", value: { elemType: TYPE_CODES[type], shape: { dim } } } },
  };
}

function isEntry(source: ConstantData | TensorEntry): source is TensorEntry {
  return "file" in source;
}
