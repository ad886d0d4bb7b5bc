/** Doubles a vector three times on WebGPU, where it stays between the runs, and prints what came out. */
import { Graph } from "./graph.ts";
import { type DeviceTensor, type Feed, floats, Session } from "./session.ts";

const g = new Graph();
const doubled = g.mul(g.input("before", "float32", [2]), 2);
g.output("after", doubled);
g.output("sum", g.reduceSum(doubled, [0]));
await using session = await Session.create(g, { provider: "webgpu", keep: ["after"] });
let state: Feed | DeviceTensor = { data: Float32Array.of(1, 2), shape: [2] };
let sum = new Float32Array();
for (let run = 0; run < 3; run++) {
  const outputs: Readonly<Record<string, Feed | DeviceTensor>> = await session.run({ before: state });
  if (run > 0) (state as DeviceTensor)[Symbol.dispose]();
  state = outputs["after"]!;
  sum = Float32Array.from(floats(outputs["sum"]));
}
const kept = state as DeviceTensor;
const read = await kept.read();
console.log(JSON.stringify({ shape: kept.shape, inMemory: "data" in kept, state: [...read], sum: [...sum] }));
kept[Symbol.dispose]();
