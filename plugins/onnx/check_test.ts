import assert from "node:assert/strict";
import { checkGraph } from "./check.ts";
import { Graph, type Node } from "./graph.ts";

/** y = exp(x)·2 */
function small(): Graph {
  const g = new Graph();
  g.output("y", g.mul(g.op("Exp", [g.input("x", "float32", [2])]), 2));
  return g;
}

/** Passes that break a graph, with the message. */
const BROKEN: readonly (readonly [string, (nodes: readonly Node[]) => readonly Node[], string])[] = [
  [
    "a value is read before it is made",
    ([exp, mul, out]) => [mul!, exp!, out!],
    'Cannot use the graph: Mul that makes Mul_3: wanted inputs made before it: "Exp_1" is not',
  ],
  [
    "a value is made by no node",
    ([, mul, out]) => [mul!, out!],
    'Cannot use the graph: Mul that makes Mul_3: wanted inputs made before it: "Exp_1" is not',
  ],
  [
    "a value is made twice",
    ([exp, mul, out]) => [exp!, exp!, mul!, out!],
    'Cannot use the graph: Exp that makes Exp_1: wanted each value made once: "Exp_1" is made again',
  ],
  [
    "an output is made by no node",
    ([exp, mul]) => [exp!, mul!],
    'Cannot use the graph: wanted output "y" made by a node: it is not',
  ],
  [
    "a shape is not what the operator gives",
    ([exp, mul, out]) => [{ ...exp!, operator: "ReduceSum", attributes: { axes: [0] } }, mul!, out!],
    'Cannot use the graph: ReduceSum that makes Exp_1: wanted "Exp_1" to be float32[]: received float32[2]',
  ],
  [
    "an operator has another number of outputs",
    (
      [exp, mul, out],
    ) => [
      { ...exp!, operator: "TokenLogProbability", inputs: [exp!.inputs[0]!, exp!.inputs[0]!] },
      mul!,
      out!,
    ],
    "Cannot use the graph: TokenLogProbability that makes Exp_1: wanted 2 outputs: received 1",
  ],
  [
    "inputs do not fit an operator",
    ([exp, mul, out]) => [{ ...exp!, operator: "Add" }, mul!, out!],
    "Cannot add Add(float32[2]): wanted 2 inputs: received 1",
  ],
];

Deno.test("checkGraph() accepts what was built", () => checkGraph(small()));

for (const [what, pass, message] of BROKEN) {
  Deno.test(`checkGraph() refuses a graph in which ${what}`, () => {
    const g = small();
    g.replaceNodes(pass([...g.nodes]));
    assert.throws(() => checkGraph(g), { name: "TypeError", message });
  });
}

Deno.test("checkGraph() looks into loops", () => {
  const g = new Graph();
  const x = g.input("x", "float32", [2]);
  const { carried } = g.loop(g.integers([2], []), [x], (inner, _pass, [state]) => ({
    carried: [inner.op("Exp", [state!])],
    collected: [],
  }));
  g.output("y", carried[0]!);
  checkGraph(g);
  const body = g.nodes[0]!.body!;
  body.replaceNodes(body.nodes.filter(({ operator }) => operator !== "Exp"));
  assert.throws(() => checkGraph(g), {
    name: "TypeError",
    message:
      /^Cannot use the graph: Identity that makes out_\d+: wanted inputs made before it: "Exp_\d+" is not$/,
  });
});
