/**
 * Reverse-mode differentiation: one walk over the nodes from last to first, each handing its output's gradient to its
 * inputs by the rule in the operator table.
 *
 * Only what lies between the wanted values and the loss is differentiated, so a frozen weight costs nothing.
 *
 * @module
 */
import { sameShape } from "./dimension.ts";
import { type Graph, type Node, type Segment, signatureText, type Value } from "./graph.ts";
import { OPERATORS } from "./operators/mod.ts";

/**
 * Adds the gradients of a scalar with respect to values of the graph.
 *
 * @param loss A scalar, shape [].
 * @param wanted Values of this graph, in any number; one that the loss does not depend on is an error.
 * @returns For each wanted value its gradient, of the same type and shape.
 * @throws {TypeError} When the loss is no scalar, does not depend on a wanted value, or depends on it through an
 *   operator without a gradient rule or through another output of an operator than its first.
 */
export function gradients(graph: Graph, loss: Value, wanted: readonly Value[]): readonly Value[] {
  if (loss.shape.length !== 0) {
    throw new TypeError(
      `Cannot differentiate "${loss.name}": wanted a scalar: received ${signatureText(loss)}`,
    );
  }
  const nodes = [...graph.nodes];
  const active = dependants(nodes, wanted);
  const collected = new Map<Value, Value>();
  if (active.has(loss)) collected.set(loss, graph.constant(1, [], loss.type));
  const ends = new Map(graph.segments.map((segment) => [nodes[segment.end - 1]!, segment]));
  let again: ReadonlyMap<Value, Value> = new Map();
  for (const node of nodes.toReversed()) {
    const segment = ends.get(node);
    if (segment !== undefined) again = recomputed(graph, nodes, segment, collected.get(segment.output));
    if (!readBy(node).some((value) => active.has(value))) continue;
    const reached = node.outputs.findLast((output) => collected.has(output));
    if (reached === undefined) continue;
    for (const [input, make] of inputGradients(graph, node, reached, collected.get(reached)!, again)) {
      if (!active.has(input)) continue;
      collected.set(input, accumulated(graph, collected.get(input), make()));
    }
  }
  return wanted.map((value) => {
    const gradient = collected.get(value);
    if (gradient === undefined) {
      throw new TypeError(
        `Cannot differentiate "${loss.name}": wanted a loss that depends on "${value.name}": it does not`,
      );
    }
    return gradient;
  });
}

/** The wanted values and everything computed from them. */
function dependants(nodes: readonly Node[], wanted: readonly Value[]): ReadonlySet<Value> {
  const found = new Set(wanted);
  for (const node of nodes) {
    if (readBy(node).some((input) => found.has(input))) {
      for (const output of node.outputs) found.add(output);
    }
  }
  return found;
}

/** What a node reads, and what the body of a loop reads from around it. */
function readBy({ inputs, body }: Node): readonly Value[] {
  return body === undefined ? inputs : [...inputs, ...body.nodes.flatMap(readBy)];
}

/**
 * Adds the nodes of a segment a second time; returns for each value of the first time that of the second.
 *
 * The runtime merges equal nodes, so the second time starts from an input that only the backward pass has: the
 * segment's own input plus nothing, taken from the gradient that comes in.
 */
function recomputed(
  graph: Graph,
  nodes: readonly Node[],
  { first, end, input }: Segment,
  gradient: Value | undefined,
): ReadonlyMap<Value, Value> {
  const again = new Map<Value, Value>();
  if (gradient === undefined) return again;
  const nothing = graph.mul(graph.op("Slice", [gradient], { axis: -1, start: 0, end: 1 }), 0);
  again.set(input, graph.add(input, nothing));
  for (const { operator, inputs, outputs, attributes } of nodes.slice(first, end)) {
    if (!inputs.some((value) => again.has(value))) continue;
    const made = graph.ops(operator, inputs.map((value) => again.get(value) ?? value), attributes);
    for (const [at, output] of outputs.entries()) again.set(output, made[at]!);
  }
  return again;
}

/** Each input with the maker of its gradient; inputs that no gradient reaches are left out. */
function inputGradients(
  graph: Graph,
  node: Node,
  reached: Value,
  gradient: Value,
  again: ReadonlyMap<Value, Value>,
): [Value, () => Value][] {
  const rule = OPERATORS.get(node.operator)?.gradient;
  if (rule === undefined) {
    throw new TypeError(`Cannot differentiate ${node.operator}: wanted an operator with a gradient rule`);
  }
  const { inputs, outputs, attributes } = node;
  if (reached !== outputs[0]) {
    throw new TypeError(
      `Cannot differentiate ${node.operator}: wanted a loss that depends on "${
        outputs[0]!.name
      }" alone: it depends on "${reached.name}"`,
    );
  }
  const anew = (values: readonly Value[]) => values.map((value) => again.get(value) ?? value);
  const made = rule({ graph, inputs: anew(inputs), outputs: anew(outputs), attributes, gradient });
  return inputs.flatMap((input, at): [Value, () => Value][] => {
    const make = made[at];
    return make === undefined || make === null ? [] : [[input, make]];
  });
}

/**
 * Sum of two gradients of one value. A product that ends in the sum takes it as its own third operand, which saves a
 * pass over memory for each adapter and each joined projection.
 */
function accumulated(graph: Graph, before: Value | undefined, next: Value): Value {
  if (before === undefined) return next;
  for (const [product, rest] of [[next, before], [before, next]] as const) {
    const node = graph.producer(product);
    if (node?.operator === "Gemm" && node.inputs.length === 2 && sameShape(rest.shape, product.shape)) {
      return graph.op("Gemm", [...node.inputs, rest], node.attributes);
    }
  }
  return graph.add(before, next);
}

/**
 * Removes nodes that no output depends on, inside loops as well. Run it before a session is made: gradient rules and
 * joined products leave nodes behind.
 */
export function pruned(graph: Graph): Graph {
  prune(graph);
  return graph;
}

/** Prunes a graph; returns the values that it reads from the graphs around it. */
function prune(graph: Graph): ReadonlySet<Value> {
  const needed = new Set<Value>(graph.outputs);
  const kept: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    kept.push(node);
    for (const input of node.inputs) needed.add(input);
    if (node.body !== undefined) { for (const value of prune(node.body)) needed.add(value); }
  }
  graph.replaceNodes(kept.reverse());
  graph.keepInitializers(needed);
  return needed;
}
