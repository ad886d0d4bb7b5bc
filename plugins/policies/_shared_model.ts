/**
 * Models that policies of one process share: opened with the first user, freed with the last.
 *
 * @module
 */
import { resolve } from "node:path";
import { loadChatCodec } from "../chat/mod.ts";
import type { ChatModel } from "../models/generation/acting_model.ts";
import { Generator } from "../models/generation/generator.ts";
import { loraParameters, loraShape } from "../models/lora.ts";
import { checkAdapterFits, checkTokenizerFits, openModelFolder, readAdapter } from "../models/mod.ts";
import type { Bucket } from "../models/parameters.ts";
import type { TrainedModel } from "../models/training_graph.ts";
import { readTensor } from "../onnx/safetensors.ts";
import { type Feed, pickProvider } from "../onnx/session.ts";
import { elements } from "../onnx/tensor.ts";
import type { OnnxModelSettings } from "./onnx_model.ts";

interface Entry {
  readonly opened: Promise<ChatModel>;
  users: number;
}

const shared = new Map<string, Entry>();

/** Options that tell sessions apart. */
function keyOf({ model, adapter, provider, threads, maxBatch, maxLength }: OnnxModelSettings): string {
  const folder = adapter === undefined ? null : resolve(adapter);
  return JSON.stringify([resolve(model), folder, provider, threads ?? null, maxBatch, maxLength ?? null]);
}

/** The model of these settings; give it back with {@linkcode releaseModel}. */
export async function acquireModel(settings: OnnxModelSettings): Promise<ChatModel> {
  const key = keyOf(settings);
  const entry = shared.get(key) ?? { opened: openModel(settings), users: 0 };
  shared.set(key, entry);
  entry.users++;
  try {
    return await entry.opened;
  } catch (thrown) {
    if (shared.get(key) === entry) shared.delete(key);
    throw thrown;
  }
}

/** Frees the model when nobody else uses it. */
export async function releaseModel(settings: OnnxModelSettings): Promise<void> {
  const key = keyOf(settings);
  const entry = shared.get(key);
  if (entry === undefined || --entry.users > 0) return;
  shared.delete(key);
  await (await entry.opened).generator[Symbol.asyncDispose]();
}

async function openModel(settings: OnnxModelSettings): Promise<ChatModel> {
  const folder = await openModelFolder(settings.model);
  const codec = await loadChatCodec(folder.path);
  checkTokenizerFits(folder.config, codec.tokenizer.vocabularySize, `${folder.path}/tokenizer.json`);
  const base: TrainedModel = { config: folder.config, weights: folder.weights, buckets: [], lora: null };
  const { model, parameters } = settings.adapter === undefined
    ? { model: base, parameters: {} }
    : await adapted(base, settings.adapter);
  const generator = await Generator.create(model, parameters, {
    provider: await pickProvider(settings.provider),
    maxBatch: settings.maxBatch,
    maxLength: Math.min(settings.maxLength ?? Infinity, folder.config.contextLength),
    ...(settings.threads === undefined ? {} : { threads: settings.threads }),
  });
  return { codec, generator };
}

/** The base model with an adapter: each of its tensors is an input of its own, so that nothing is cut at each step. */
async function adapted(
  base: TrainedModel,
  path: string,
): Promise<{ readonly model: TrainedModel; readonly parameters: Readonly<Record<string, Feed>> }> {
  const adapter = await readAdapter(path);
  checkAdapterFits(adapter, base.config);
  const targets = [...new Set([...adapter.modules.keys()].map((module) => module.split(".").at(-1)!))];
  const settings = { rank: adapter.rank, alpha: adapter.alpha, rsLora: adapter.rsLora, targets };
  const buckets: Bucket[] = [];
  const parameters: Record<string, Feed> = {};
  for (const parameter of loraParameters(base.config, settings)) {
    const [module, side] = parameter.name.replace(/\.weight$/, "").split(".lora_") as [string, "A" | "B"];
    const found = adapter.modules.get(module);
    if (found === undefined) continue; // an adapter may leave layers out
    const { data } = await readTensor(side === "A" ? found.a : found.b);
    const size = elements(parameter.shape);
    buckets.push({ name: parameter.name, parameters: [parameter], size, decay: false });
    parameters[parameter.name] = { data, shape: [size] };
  }
  return { model: { ...base, buckets, lora: loraShape(settings) }, parameters };
}
