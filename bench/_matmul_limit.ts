/**
 * How fast this machine multiplies matrices, in GFLOP/s: products of 2048 × 2048 in float32, the best of a few.
 *
 * @module
 */
import { Graph } from "../plugins/onnx/graph.ts";
import { type Provider, Session } from "../plugins/onnx/session.ts";

const SIZE = 2048;
/** Products of a run, so that what goes in and out hardly counts. */
const CHAIN = 4;
const RUNS = 8;

/** By ONNX Runtime. */
export async function onnxLimit(provider: Provider, threads: number): Promise<number> {
  const graph = new Graph();
  const w = graph.input("w", "float32", [SIZE, SIZE]);
  let y = w;
  for (let i = 0; i < CHAIN; i++) y = graph.op("Gemm", [y, w]);
  graph.output("sum", graph.reduceSum(y, [0, 1]));
  await using session = await Session.create(graph, { provider, threads });
  const feeds = { w: { data: new Float32Array(SIZE * SIZE).fill(1 / SIZE), shape: [SIZE, SIZE] } };
  let best = Infinity;
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now();
    await session.run(feeds);
    best = Math.min(best, performance.now() - start);
  }
  return CHAIN * 2 * SIZE ** 3 / best / 1e6;
}

/** The same, in PyTorch. */
const TORCH = `
import sys, time, torch
device, threads, size, chain, runs = sys.argv[1], *map(int, sys.argv[2:])
torch.set_num_threads(threads)
w = torch.full((size, size), 1 / size, device=device)
best = float("inf")
for _ in range(runs):
    start = time.perf_counter()
    y = w
    for _ in range(chain):
        y = torch.mm(y, w)
    y.sum().item()
    best = min(best, time.perf_counter() - start)
print(chain * 2 * size ** 3 / best / 1e9)
`;

/** By torch.mm. */
export async function torchLimit(python: string, device: string, threads: number): Promise<number> {
  const args = ["-c", TORCH, device, ...[threads, SIZE, CHAIN, RUNS].map(String)];
  const { stdout } = await new Deno.Command(python, { args, stderr: "inherit" }).output();
  return Number(new TextDecoder().decode(stdout));
}
