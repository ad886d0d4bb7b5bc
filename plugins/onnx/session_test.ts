import assert from "node:assert/strict";
import { join } from "node:path";
import { named, onWebgpu, skipped } from "./_software_vulkan.ts";
import { Graph, type Value } from "./graph.ts";
import { readFolder, writeSafetensors } from "./safetensors.ts";
import { dialectOf, type Feed, floats, pickProvider, Session } from "./session.ts";

const vector = (...numbers: number[]): Feed => ({
  data: Float32Array.from(numbers),
  shape: [numbers.length],
});
const tensor = (...numbers: number[]) => ({ data: Float32Array.from(numbers), shape: [numbers.length] });

/** y = x + 1 on [N]. */
function increment(): Graph {
  const g = new Graph();
  g.output("y", g.add(g.input("x", "float32", ["N"]), 1));
  return g;
}

/** Runs a graph of the weights in a folder that `write` fills. */
async function onWeights(
  write: (folder: string) => Promise<void>,
  names: readonly string[],
  build: (g: Graph, values: readonly Value[]) => Value,
): Promise<number[]> {
  const folder = await Deno.makeTempDir();
  try {
    await write(folder);
    const { tensors } = await readFolder(folder);
    const g = new Graph();
    g.output("y", build(g, names.map((name) => g.external(tensors.get(name)!))));
    await using session = await Session.create(g);
    return [...floats((await session.run({}))["y"])];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a session runs a graph again with other sizes", async () => {
  await using session = await Session.create(increment());
  assert.equal(session.provider, "cpu");
  assert.deepEqual(await session.run({ x: vector(1, 2) }), { y: vector(2, 3) });
  assert.deepEqual(await session.run({ x: vector(5) }), { y: vector(6) });
});

Deno.test("options of threads and prepacking do not change the result", async () => {
  for (const prepack of [true, false]) {
    await using session = await Session.create(increment(), { prepack, threads: 1 });
    assert.deepEqual(await session.run({ x: vector(1) }), { y: vector(2) });
  }
});

Deno.test("sessions hand out each element type", async () => {
  const g = new Graph();
  const x = g.input("x", "float64", [2]);
  g.output("double", g.mul(x, 0.1));
  g.output("whole", g.op("Cast", [x], { to: "int64" }));
  g.output("truth", g.pair("Greater", x, 2));
  await using session = await Session.create(g);
  const outputs = await session.run({ x: { data: Float64Array.of(1, 3), shape: [2] } });
  assert.deepEqual((outputs["double"] as Feed).data, Float64Array.of(0.1, 3 * 0.1));
  assert.deepEqual((outputs["whole"] as Feed).data, BigInt64Array.of(1n, 3n));
  assert.deepEqual([...(outputs["truth"] as Feed).data], [0, 1]);
});

Deno.test("weights are mapped from their file", async () => {
  const write = (folder: string) =>
    writeSafetensors(
      join(folder, "model.safetensors"),
      new Map([["a", tensor(1, 2)], ["b", tensor(10, 20)]]),
    );
  assert.deepEqual(await onWeights(write, ["b", "a"], (g, [b, a]) => g.sub(b!, a!)), [9, 18]);
});

Deno.test("narrow weights are mapped and widened in the graph", async () => {
  for (const type of ["bfloat16", "float16"] as const) {
    const write = (folder: string) =>
      writeSafetensors(join(folder, "model.safetensors"), new Map([["w", tensor(1.5, -0.25, 256)]]), {
        type,
      });
    const sums = await onWeights(write, ["w"], (g, [w]) => {
      assert.equal(w!.type, type);
      return g.add(g.op("Cast", [w!], { to: "float32" }), 1);
    });
    assert.deepEqual(sums, [2.5, 0.75, 257], type);
  }
});

Deno.test("weights are mapped from every shard", async () => {
  const write = async (folder: string) => {
    await writeSafetensors(join(folder, "one.safetensors"), new Map([["a", tensor(1, 2)]]));
    await writeSafetensors(join(folder, "two.safetensors"), new Map([["b", tensor(3, 5)]]));
    const index = { weight_map: { a: "one.safetensors", b: "two.safetensors" } };
    await Deno.writeTextFile(join(folder, "model.safetensors.index.json"), JSON.stringify(index));
  };
  assert.deepEqual(await onWeights(write, ["a", "b"], (g, [a, b]) => g.mul(a!, b!)), [3, 10]);
});

Deno.test("an illegal graph is refused before the runtime sees it", async () => {
  const g = increment();
  g.replaceNodes(g.nodes.slice(1));
  await assert.rejects(Session.create(g), {
    name: "TypeError",
    message: 'Cannot use the graph: Identity that makes y: wanted inputs made before it: "Add_2" is not',
  });
});

Deno.test("weights that are not there are an error of the engine", async () => {
  const g = new Graph();
  const missing = {
    name: "w",
    type: "float32",
    shape: [1],
    file: "/nowhere/w.safetensors",
    offset: 0,
    bytes: 4,
  } as const;
  g.output("y", g.op("Exp", [g.external(missing)]));
  await assert.rejects(Session.create(g), {
    name: "GymError",
    code: "ENGINE_FAILED",
    message: /^Cannot load the graph on "cpu": /,
  });
});

const FED_WRONGLY: readonly (readonly [string, Record<string, Feed>, object])[] = [
  ["an input that the graph does not have", { z: vector(1) }, {
    name: "TypeError",
    message: 'Cannot run the graph: wanted inputs x, rows: received "z"',
  }],
  ["fewer inputs", { x: vector(1) }, {
    code: "ENGINE_FAILED",
    message: "Cannot run the graph: input 'rows' is missing in 'feeds'.",
  }],
  ["data of another length than the shape's", { x: { data: Float32Array.of(1), shape: [2] } }, {
    name: "TypeError",
    message: `Cannot run the graph: input "x": Tensor's size(2) does not match data length(1).`,
  }],
  ["a row that is not there", { x: vector(1, 2), rows: { data: BigInt64Array.of(7n), shape: [1] } }, {
    code: "ENGINE_FAILED",
    message: /^Cannot run the graph: .*idx=7 must be within the inclusive range \[-2,1\]$/, // the runtime's words
  }],
];

for (const [what, feeds, error] of FED_WRONGLY) {
  Deno.test(`a session that is fed ${what} says so`, async () => {
    const g = new Graph();
    g.output("y", g.op("Gather", [g.input("x", "float32", ["N"]), g.input("rows", "int64", ["M"])]));
    await using session = await Session.create(g);
    await assert.rejects(session.run(feeds), error);
  });
}

Deno.test("floats() refuses outputs of another type", () => {
  assert.throws(() => floats({ data: BigInt64Array.of(1n), shape: [] }), {
    name: "TypeError",
    message: "Cannot read an output: wanted float32 in memory",
  });
});

Deno.test("dialectOf() gives WebGPU standard nodes", () => {
  assert.deepEqual((["cpu", "cuda", "webgpu"] as const).map(dialectOf), ["fused", "fused", "plain"]);
});

Deno.test("pickProvider() takes the provider that was asked for and says so", async () => {
  const log: string[] = [];
  assert.equal(await pickProvider("cpu", (message) => log.push(message)), "cpu");
  assert.deepEqual(log, ["Execution provider: cpu"]);
});

Deno.test("pickProvider() says why it passed over the providers before the one it took", async () => {
  const log: string[] = [];
  const provider = await pickProvider("auto", (message) => log.push(message));
  const order = ["cuda", "webgpu", "cpu"];
  const before = order.slice(0, order.indexOf(provider));
  assert.deepEqual(
    log.map((message) => message.replace(/ is not used: .+/s, " is not used")),
    [
      ...before.map((name) => `Execution provider ${name} is not used`),
      provider === "cpu"
        ? "Execution provider: cpu"
        : `Execution provider: ${provider}, the first that works here`,
    ],
  );
});

Deno.test("pickProvider() refuses a provider that is not there", async () => {
  await assert.rejects(pickProvider("tpu" as "cuda"), {
    code: "ENGINE_FAILED",
    message: 'Cannot use "tpu": wanted a provider of this build of ONNX Runtime',
  });
});

Deno.test({
  name: named("outputs that are kept stay on the device and are fed to the next run"),
  ignore: skipped,
  fn: async () => {
    const received = await onWebgpu(new URL("./_kept_outputs.ts", import.meta.url));
    assert.deepEqual(received, { shape: [2], inMemory: false, state: [8, 16], sum: [24] });
  },
});
