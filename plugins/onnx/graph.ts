/**
 * A small typed graph: values with element type and symbolic shape, nodes of operators.
 *
 * Invariant: every node was checked by its operator's shape rule when it was added, so a graph that exists is legal,
 * and nodes stand in an order in which each comes after what it reads. A value that was computed before is not
 * computed again: the same operator on the same inputs gives the same value.
 *
 * @module
 */
import { type Dimension, factorsOf, type Shape } from "./dimension.ts";
import { OPERATORS } from "./operators/mod.ts";
import type { TensorEntry } from "./safetensors.ts";
import { elements, type ElementType } from "./tensor.ts";

/** Type and shape of a value. */
export interface Signature {
  /** Type of its elements. */
  readonly type: ElementType;
  /** Sizes of its axes. */
  readonly shape: Shape;
}

/** One edge of the graph. */
export interface Value extends Signature {
  /** Unique in its graph and the graphs around it. */
  readonly name: string;
}

/** Attributes of a node, by name; what each operator takes stands in its table entry. */
export type Attributes = Readonly<Record<string, number | string | Shape>>;

/** One operation. */
export interface Node {
  /** Name in {@linkcode OPERATORS}, or `Loop`. */
  readonly operator: string;
  /** What it reads. */
  readonly inputs: readonly Value[];
  /** What it makes. */
  readonly outputs: readonly Value[];
  /** Everything else that it depends on. */
  readonly attributes: Attributes;
  /** What a `Loop` repeats. */
  readonly body?: Graph;
}

/** A value known when the graph is built: data in the graph, or a tensor in a weights file. */
export interface Initializer {
  /** What other nodes read. */
  readonly value: Value;
  /** Where its data are. */
  readonly source: ConstantData | TensorEntry;
}

/** Data of a constant. */
export type ConstantData = Float32Array | Float64Array | BigInt64Array;

/** A value, or a number that becomes a scalar constant. */
export type Operand = Value | number;

/** Nodes whose results are computed a second time for the gradient instead of being kept. */
export interface Segment {
  /** Index of the first node. */
  readonly first: number;
  /** Index after the last one. */
  readonly end: number;
  /** What the segment is computed from; anything else it reads is kept. */
  readonly input: Value;
  /** What it hands on. */
  readonly output: Value;
}

/** What one pass of a loop gives back. */
export interface LoopPass {
  /** The carried values for the next pass, in order. */
  readonly carried: readonly Value[];
  /** Values of this pass alone; the loop stacks them along a new first axis. */
  readonly collected: readonly Value[];
}

/** A graph under construction. */
export class Graph {
  /** Values fed at each run, in order. */
  readonly inputs: Value[] = [];
  /** Values known now. */
  readonly initializers: Initializer[] = [];
  /** Operations, each after what it reads. */
  readonly nodes: Node[] = [];
  /** Values handed out, in order. */
  readonly outputs: Value[] = [];
  /** Parts to recompute, in order, none inside another. */
  readonly segments: Segment[] = [];
  /** The graph around this one, when it is the body of a loop. */
  readonly parent: Graph | null;
  readonly #names: Set<string>;
  readonly #constants = new Map<string, Value>();
  readonly #computed = new Map<string, readonly Value[]>();
  readonly #producers = new Map<Value, Node>();
  readonly #symbols = new Map<string, { readonly value: Value; readonly axis: number }>();

  constructor(parent: Graph | null = null) {
    this.parent = parent;
    this.#names = parent === null ? new Set() : parent.#names;
  }

  /** A value fed at each run. Names in its shape are sizes that this input decides. */
  input(name: string, type: ElementType, shape: Shape): Value {
    const value = this.#value(name, { type, shape });
    this.inputs.push(value);
    for (const [axis, size] of shape.entries()) {
      if (typeof size === "string" && !this.#symbols.has(size)) this.#symbols.set(size, { value, axis });
    }
    return value;
  }

  /** A weight that stays in its file and is mapped from there; in a loop's body it belongs to the outermost graph. */
  external(entry: TensorEntry): Value {
    if (this.parent !== null) return this.parent.external(entry);
    const known = this.#constants.get(entry.name);
    if (known !== undefined) return known;
    const value = this.#value(entry.name, { type: entry.type, shape: entry.shape });
    this.initializers.push({ value, source: entry });
    this.#constants.set(entry.name, value);
    return value;
  }

  /** A floating-point constant; the same one is made once. */
  constant(
    data: number | readonly number[] | Float32Array,
    shape: readonly number[] = [],
    type: ElementType = "float32",
  ): Value {
    const values = typeof data === "number" ? [data] : data;
    if (type !== "float32" && type !== "float64") {
      return this.op("Cast", [this.constant(data, shape)], { to: type });
    }
    return this.#constant(
      type,
      type === "float64" ? Float64Array.from(values) : Float32Array.from(values),
      shape,
    );
  }

  /** An int64 constant, for shapes, axes and indices. */
  integers(data: readonly number[], shape: readonly number[] = [data.length]): Value {
    return this.#constant("int64", BigInt64Array.from(data, BigInt), shape);
  }

  /**
   * Adds a node and returns all its outputs.
   *
   * @throws {TypeError} When the operator's shape rule refuses the inputs; the message shows operator and shapes.
   */
  ops(operator: string, inputs: readonly Value[], attributes: Attributes = {}): readonly Value[] {
    const key = `${operator} ${inputs.map((input) => input.name)} ${JSON.stringify(attributes)}`;
    const known = this.#known(key);
    if (known !== undefined) return known;
    const signatures = inferred(operator, inputs, attributes);
    const outputs = signatures.map((signature) => this.#value(`${operator}_${this.#names.size}`, signature));
    this.#add({ operator, inputs, outputs, attributes });
    this.#computed.set(key, outputs);
    return outputs;
  }

  /** Adds a node and returns its first output. */
  op(operator: string, inputs: readonly Value[], attributes: Attributes = {}): Value {
    return this.ops(operator, inputs, attributes)[0]!;
  }

  /** Adds a node that two operands go into; a number becomes a constant of the other's type. */
  pair(operator: string, a: Operand, b: Operand): Value {
    if (typeof a === "number" && typeof b === "number") {
      throw new TypeError(`Cannot add ${operator}: wanted at least one value: received two numbers`);
    }
    const left = typeof a === "number" ? this.constant(a, [], (b as Value).type) : a;
    const right = typeof b === "number" ? this.constant(b, [], left.type) : b;
    return this.op(operator, [left, right]);
  }

  /** a + b, broadcasting. */
  add(a: Operand, b: Operand): Value {
    return this.pair("Add", a, b);
  }

  /** a − b, broadcasting. */
  sub(a: Operand, b: Operand): Value {
    return this.pair("Sub", a, b);
  }

  /** a · b element by element, broadcasting. */
  mul(a: Operand, b: Operand): Value {
    return this.pair("Mul", a, b);
  }

  /** a ÷ b, broadcasting. */
  div(a: Operand, b: Operand): Value {
    return this.pair("Div", a, b);
  }

  /** The same elements in row-major order under another shape. */
  reshape(x: Value, to: Shape): Value {
    return this.op("Reshape", [x], { to });
  }

  /** Axes in another order: axis i of the result is axis `perm[i]` of x. */
  transpose(x: Value, perm: readonly number[]): Value {
    return this.op("Transpose", [x], { perm });
  }

  /** Sum over axes. @default keepdims false */
  reduceSum(x: Value, axes: readonly number[], keepdims: boolean = false): Value {
    return this.op("ReduceSum", [x], { axes, keepdims: keepdims ? 1 : 0 });
  }

  /**
   * Builds a part of the graph that differentiation computes again when it gets there: less memory, more work.
   * Source: Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost (arXiv:1604.06174).
   */
  segment(input: Value, build: (input: Value) => Value): Value {
    const first = this.nodes.length;
    const output = build(input);
    this.segments.push({ first, end: this.nodes.length, input, output });
    return output;
  }

  /**
   * Repeats `body` as often as `count` says, carrying values from pass to pass. `Loop` has no gradient.
   *
   * @param size Size of the first axis of what is collected; the name of `count` when left out.
   */
  loop(
    count: Value,
    carried: readonly Value[],
    body: (graph: Graph, pass: Value, carried: readonly Value[]) => LoopPass,
    size: Dimension = count.name,
  ): { readonly carried: readonly Value[]; readonly collected: readonly Value[] } {
    const inner = new Graph(this);
    const pass = inner.input(`pass_${this.#names.size}`, "int64", []);
    const going = inner.input(`going_${this.#names.size}`, "bool", []);
    const inside = carried.map((value) =>
      inner.input(`carried_${this.#names.size}`, value.type, value.shape)
    );
    const result = body(inner, pass, inside);
    for (const [at, value] of result.carried.entries()) {
      if (signatureText(value) !== signatureText(carried[at]!)) {
        throw new TypeError(
          `Cannot add Loop: carried value ${at}: wanted ${signatureText(carried[at]!)}: received ${
            signatureText(value)
          }`,
        );
      }
    }
    inner.output(`goes_on_${this.#names.size}`, going);
    for (const value of [...result.carried, ...result.collected]) {
      inner.output(`out_${this.#names.size}`, value);
    }
    const outputs = [
      ...carried.map((value) => this.#value(`Loop_${this.#names.size}`, value)),
      ...result.collected.map(({ type, shape }) =>
        this.#value(`Loop_${this.#names.size}`, { type, shape: [size, ...shape] })
      ),
    ];
    this.#add({ operator: "Loop", inputs: [count, ...carried], outputs, attributes: {}, body: inner });
    return { carried: outputs.slice(0, carried.length), collected: outputs.slice(carried.length) };
  }

  /** Hands a value out under a name of its own. */
  output(name: string, value: Value): Value {
    const named = this.#value(name, value);
    this.#add({ operator: "Identity", inputs: [value], outputs: [named], attributes: {} });
    this.outputs.push(named);
    return named;
  }

  /** The node that made a value; undefined for inputs and initializers. */
  producer(value: Value): Node | undefined {
    return this.#producers.get(value) ?? this.parent?.producer(value);
  }

  /** Replaces the nodes, after a pass over the graph. Every node must still come after what it reads. */
  replaceNodes(nodes: readonly Node[]): void {
    this.nodes.splice(0, this.nodes.length, ...nodes);
    const made = new Set(nodes.flatMap(({ outputs }) => outputs));
    for (const [key, outputs] of this.#computed) {
      if (!outputs.every((output) => made.has(output))) this.#computed.delete(key);
    }
  }

  /** Keeps the initializers that are read. */
  keepInitializers(read: ReadonlySet<Value>): void {
    const kept = this.initializers.filter(({ value }) => read.has(value));
    this.initializers.splice(0, this.initializers.length, ...kept);
    for (const [key, value] of this.#constants) if (!read.has(value)) this.#constants.delete(key);
  }

  /**
   * Input and axis that decide the size of a name.
   *
   * @throws {TypeError} When no input has an axis of that name.
   */
  symbol(name: string): { readonly value: Value; readonly axis: number } {
    const found = this.#symbols.get(name) ?? this.parent?.symbol(name);
    if (found === undefined) {
      throw new TypeError(`Cannot find the size of "${name}": wanted an input with an axis of that name`);
    }
    return found;
  }

  #known(key: string): readonly Value[] | undefined {
    return this.#computed.get(key) ?? (this.parent === null ? undefined : this.parent.#known(key));
  }

  #add(node: Node): void {
    this.nodes.push(node);
    for (const output of node.outputs) this.#producers.set(output, node);
  }

  #constant(type: ElementType, data: ConstantData, shape: readonly number[]): Value {
    if (elements(shape) !== data.length) {
      throw new RangeError(
        `Cannot make a constant of shape [${shape}]: wanted ${
          elements(shape)
        } values: received ${data.length}`,
      );
    }
    const texts = () =>
      Array.from(
        data as ArrayLike<number | bigint>,
        (number) => Object.is(number, -0) ? "-0" : String(number),
      );
    const key = data.length > 64 ? null : `${type} ${shape} ${texts().join(" ")}`;
    const known = key === null ? undefined : this.#constantOf(key);
    if (known !== undefined) return known;
    const value = this.#value(`constant_${this.#names.size}`, { type, shape });
    this.initializers.push({ value, source: data });
    if (key !== null) this.#constants.set(key, value);
    return value;
  }

  #constantOf(key: string): Value | undefined {
    return this.#constants.get(key) ?? (this.parent === null ? undefined : this.parent.#constantOf(key));
  }

  #value(name: string, { type, shape }: Signature): Value {
    if (this.#names.has(name)) throw new TypeError(`Cannot name a value "${name}": wanted a new name`);
    this.#names.add(name);
    return Object.freeze({ name, type, shape: Object.freeze([...shape]) });
  }
}

/** What an operator makes of its inputs, by its shape rule. */
export function inferred(
  operator: string,
  inputs: readonly Value[],
  attributes: Attributes,
): readonly Signature[] {
  const rule = OPERATORS.get(operator);
  const shown = () => `${operator}(${inputs.map(signatureText).join(", ")})`;
  if (rule === undefined) throw new TypeError(`Cannot add ${shown()}: wanted an operator of the table`);
  try {
    return rule.infer(inputs, attributes);
  } catch (thrown) {
    throw new TypeError(`Cannot add ${shown()}: ${(thrown as Error).message}`, { cause: thrown });
  }
}

/** Names in a shape, each once. */
export function symbolsOf(shape: Shape): readonly string[] {
  return [...new Set(shape.flatMap((size: Dimension) => factorsOf(size).names))];
}

/** `float32[B,T,64]`. */
export function signatureText({ type, shape }: Signature): string {
  return `${type}[${shape.join(",")}]`;
}
