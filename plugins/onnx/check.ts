/**
 * The checker: refuses a graph that is not legal, with a message that names the node.
 *
 * A graph under construction cannot become illegal; one that a pass rewrote can, so sessions check before they encode.
 *
 * @module
 */
import { type Graph, inferred, type Node, signatureText, type Value } from "./graph.ts";

/**
 * Checks that every value is made once and before it is read, and that every node's outputs are what its shape rule
 * says.
 *
 * @throws {TypeError} Naming the node and the value that is wrong.
 */
export function checkGraph(graph: Graph): void {
  check(graph, new Set());
}

function check(graph: Graph, around: ReadonlySet<Value>): void {
  const known = new Set<Value>([...around, ...graph.inputs, ...graph.initializers.map(({ value }) => value)]);
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      if (!known.has(input)) throw wrong(node, `wanted inputs made before it: "${input.name}" is not`);
    }
    if (node.body === undefined) checkOutputs(node);
    else check(node.body, known);
    for (const output of node.outputs) {
      if (known.has(output)) throw wrong(node, `wanted each value made once: "${output.name}" is made again`);
      known.add(output);
    }
  }
  for (const output of graph.outputs) {
    if (!known.has(output)) {
      throw new TypeError(`Cannot use the graph: wanted output "${output.name}" made by a node: it is not`);
    }
  }
}

function checkOutputs(node: Node): void {
  const expected = inferred(node.operator, node.inputs, node.attributes);
  if (expected.length !== node.outputs.length) {
    throw wrong(node, `wanted ${expected.length} outputs: received ${node.outputs.length}`);
  }
  for (const [at, output] of node.outputs.entries()) {
    if (signatureText(output) !== signatureText(expected[at]!)) {
      throw wrong(
        node,
        `wanted "${output.name}" to be ${signatureText(expected[at]!)}: received ${signatureText(output)}`,
      );
    }
  }
}

function wrong(node: Node, what: string): TypeError {
  const made = node.outputs.map((output) => output.name).join(", ");
  return new TypeError(`Cannot use the graph: ${node.operator} that makes ${made}: ${what}`);
}
