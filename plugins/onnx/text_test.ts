import { gradients, pruned } from "./autodiff.ts";
import { Graph } from "./graph.ts";
import { graphText } from "./text.ts";

Deno.test("graphText() shows inputs, constants, nodes, loops and outputs", async (t) => {
  const g = new Graph();
  const x = g.input("x", "float32", ["B", "T", 4]);
  const w = g.external({ name: "w", type: "bfloat16", shape: [4, 3], file: "/model", offset: 0, bytes: 24 });
  const rows = g.reshape(x, ["B*T", 4]);
  const y = g.op("Gemm", [rows, g.op("Cast", [w], { to: "float32" })], { alpha: 0.5 });
  const table = g.constant(Float32Array.from({ length: 9 }, (_, at) => at), [9]);
  const scaled = g.mul(y, g.reduceSum(table, [0]));
  const loss = g.reduceSum(g.mul(scaled, scaled), [0, 1]);
  const { carried } = g.loop(g.integers([3], []), [loss], (inner, _pass, [state]) => ({
    carried: [inner.mul(state!, 2)],
    collected: [],
  }));
  g.output("grown", carried[0]!);
  g.output("gradient", gradients(g, loss, [x])[0]!);
  await t.assertSnapshot(graphText(pruned(g)));
});
