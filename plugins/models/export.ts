/**
 * A model folder as transformers.js reads it: the graph that decodes, its weights, configuration and tokenizer.
 *
 * @module
 */
import { basename, join } from "node:path";
import { writeAtomic } from "../files/mod.ts";
import { onFile } from "../files/file_error.ts";
import { readHeader, type TensorEntry, writeSafetensors } from "../onnx/safetensors.ts";
import { ELEMENT_BYTES } from "../onnx/tensor.ts";
import { writeFolder } from "./_atomic_folder.ts";
import { readJson } from "./_fields.ts";
import type { ModelConfig } from "./config.ts";
import { configObject, copyCompanions, type ModelFolder, parameterCount, shardsOf } from "./folder.ts";
import { mergedTensors } from "./merge.ts";
import type { Adapter } from "./peft.ts";

/** How a model is exported. */
export interface ExportOptions {
  /** Adapter to merge into the weights. @default None. */
  readonly adapter?: Adapter;
  /** Element type of the weights in the file; sums are float32 all the same. @default "float32" */
  readonly type?: ExportType;
  /** A data file stays below this unless one tensor alone exceeds it; browsers cannot hold more than 2 GB in one. @default 1.9e9 */
  readonly maxDataBytes?: number;
}

/** Element types that ONNX Runtime reads everywhere. */
export type ExportType = "float32" | "float16";

/** What {@linkcode exportOnnx} wrote. */
export interface ExportedModel {
  /** Path of the graph in the folder; its weights lie beside it. */
  readonly graph: string;
  /** Bytes of the weights. */
  readonly bytes: number;
}

/** What transformers.js calls the types, and what it appends to the name of the file. */
const DTYPES: Readonly<Record<ExportType, { readonly dtype: string; readonly suffix: string }>> = {
  float32: { dtype: "fp32", suffix: "" },
  float16: { dtype: "fp16", suffix: "_fp16" },
};

/**
 * Writes `onnx/model.onnx` with its weights in `onnx/model.onnx_data`, `config.json`, and the tokenizer and generation
 * files of the model. The folder appears whole or not at all, and one tensor at a time is in memory.
 *
 * @throws {GymError} `INVALID_DATA` when the adapter does not fit the model; `FILE_ACCESS`, also when `out` exists and
 * is not empty.
 */
export async function exportOnnx(
  model: ModelFolder,
  out: string,
  { adapter, type = "float32", maxDataBytes = 1.9e9 }: ExportOptions = {},
): Promise<ExportedModel> {
  const { config } = model;
  const shards = shardsOf(mergedTensors(model, adapter ?? null), type, maxDataBytes);
  const { dtype, suffix } = DTYPES[type];
  const graph = join("onnx", `model${suffix}.onnx`);
  await writeFolder(out, async (part) => {
    await onFile("write", part, () => Deno.mkdir(join(part, "onnx")));
    await copyCompanions(model.path, part);
    await inlineTemplate(part);
    const external = { dtype, use_external_data_format: { [basename(graph)]: shards.length } };
    const raw = { ...configObject(config, type), "transformers.js_config": external };
    await writeAtomic(join(part, "config.json"), `${JSON.stringify(raw, null, 2)}\n`);
    const tensors = new Map<string, TensorEntry>();
    for (const [at, shard] of shards.entries()) {
      // ONNX asks of a data file only that each tensor lies at some offset, so it may be a safetensors file.
      const file = join(part, `${graph}_data${at === 0 ? "" : `_${at}`}`);
      await writeSafetensors(file, shard, { type });
      for (const [name, entry] of (await readHeader(file)).tensors) tensors.set(name, entry);
    }
    await writeAtomic(join(part, graph), await encoded(config, tensors));
  });
  return { graph, bytes: parameterCount(config) * ELEMENT_BYTES[type] };
}

/** Puts the chat template into the tokenizer's configuration: transformers.js reads no other place. */
async function inlineTemplate(folder: string): Promise<void> {
  const file = join(folder, "tokenizer_config.json");
  const template = await textOf(join(folder, "chat_template.jinja"));
  if (template === null || await textOf(file) === null) return;
  const raw = { ...await readJson(file) as Record<string, unknown>, chat_template: template };
  await writeAtomic(file, `${JSON.stringify(raw, null, 2)}\n`);
}

/** Text of a file, or null when there is none. */
async function textOf(file: string): Promise<string | null> {
  return await onFile("read", file, () =>
    Deno.readTextFile(file).catch((thrown) => {
      if (thrown instanceof Deno.errors.NotFound) return null;
      throw thrown;
    }));
}

/** The graph in protobuf; what encodes it is loaded here, because few commands need it. */
async function encoded(config: ModelConfig, tensors: ReadonlyMap<string, TensorEntry>): Promise<Uint8Array> {
  const [{ exportGraph }, { pruned }, { encodeGraph }] = await Promise.all([
    import("./export_graph.ts"),
    import("../onnx/autodiff.ts"),
    import("../onnx/encode.ts"),
  ]);
  return encodeGraph(pruned(exportGraph(config, tensors)), "plain").bytes;
}
