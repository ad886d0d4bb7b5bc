import assert from "node:assert/strict";
import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "onnx-buf";
import { type Dialect, encodeGraph } from "./encode.ts";
import { Graph } from "./graph.ts";
import type { TensorEntry } from "./safetensors.ts";

function decoded(graph: Graph, dialect: Dialect) {
  const model = fromBinary(ModelProtoSchema, encodeGraph(graph, dialect).bytes);
  return {
    model,
    nodes: model.graph!.node.map(({ domain, opType }) => `${domain}${domain && "."}${opType}`),
  };
}

function entry(name: string, file: string, offset: number): TensorEntry {
  return { name, type: "float32", shape: [2, 3], file, offset, bytes: 24 };
}

Deno.test("encodeGraph() uses fused products in one dialect and standard nodes in the other", () => {
  const g = new Graph();
  const x = g.input("x", "float32", ["B", 2, 3]);
  g.output("y", g.op("MatMul", [x, x], { transB: 1, alpha: 0.5 }));
  g.output("z", g.op("LogSoftmax", [x]));
  assert.deepEqual(decoded(g, "fused").nodes, [
    "com.microsoft.FusedMatMul",
    "Identity",
    "LogSoftmax",
    "Identity",
  ]);
  assert.deepEqual(decoded(g, "plain").nodes, [
    "Transpose",
    "MatMul",
    "Mul",
    "Identity",
    "ReduceMax",
    "Sub",
    "Exp",
    "ReduceSum",
    "Log",
    "Sub",
    "Identity",
  ]);
});

Deno.test("encodeGraph() states opsets, inputs with named sizes, and outputs", () => {
  const g = new Graph();
  g.output("y", g.op("Exp", [g.input("x", "float64", ["B", 3])]));
  const { model } = decoded(g, "fused");
  assert.deepEqual(
    model.opsetImport.map(({ domain, version }) => [domain, version]),
    [["", 21n], ["com.microsoft", 1n]],
  );
  const [input] = model.graph!.input;
  const type = input!.type!.value;
  assert.ok(type.case === "tensorType");
  assert.deepEqual(
    [input!.name, type.value.elemType, type.value.shape!.dim.map(({ value }) => value.value)],
    ["x", 11, ["B", 3n]],
  );
  assert.deepEqual(model.graph!.output.map(({ name }) => name), ["y"]);
});

Deno.test("encodeGraph() leaves weights in their files, with place and length", () => {
  const g = new Graph();
  const [a, b] = [
    g.external(entry("a", "/models/one.safetensors", 96)),
    g.external(entry("b", "/models/two.safetensors", 8)),
  ];
  g.output("y", g.add(a, b));
  assert.equal(encodeGraph(g, "fused").folder, "/models");
  const data = decoded(g, "fused").model.graph!.initializer.map(({ externalData, rawData }) => [
    Object.fromEntries(externalData.map(({ key, value }) => [key, value])),
    rawData.length,
  ]);
  assert.deepEqual(data, [
    [{ location: "one.safetensors", offset: "96", length: "24" }, 0],
    [{ location: "two.safetensors", offset: "8", length: "24" }, 0],
  ]);
});

Deno.test("encodeGraph() refuses weights of two folders", () => {
  const g = new Graph();
  g.output("y", g.add(g.external(entry("a", "/models/a/x", 0)), g.external(entry("b", "/models/b/x", 0))));
  assert.throws(() => encodeGraph(g, "fused"), {
    name: "TypeError",
    message: "Cannot encode the graph: wanted weights of one folder: received /models/a, /models/b",
  });
});

Deno.test("encodeGraph() refuses a size that no input decides", () => {
  const g = new Graph();
  g.output("y", g.op("Expand", [g.constant(1)], { to: ["Q"] }));
  assert.throws(() => encodeGraph(g, "fused"), {
    name: "TypeError",
    message: 'Cannot find the size of "Q": wanted an input with an axis of that name',
  });
});

Deno.test("encodeGraph() gives the same graph the same bytes", () => {
  const build = () => {
    const g = new Graph();
    const x = g.input("x", "float32", ["B", 4]);
    g.output("y", g.reshape(g.op("Softmax", [g.mul(x, 2)]), ["4*B"]));
    return encodeGraph(g, "fused").bytes;
  };
  assert.deepEqual(build(), build());
});
