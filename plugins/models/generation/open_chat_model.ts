/**
 * Folders of a model and its adapter → a model that reads and writes messages.
 *
 * @module
 */
import { loadChatCodec } from "../../chat/mod.ts";
import { readTensor } from "../../onnx/safetensors.ts";
import { type Feed, pickProvider, type ProviderChoice } from "../../onnx/session.ts";
import { elements } from "../../onnx/tensor.ts";
import { checkTokenizerFits, openModelFolder } from "../folder.ts";
import { loraOptionsOf, loraParameters, loraShape } from "../lora.ts";
import type { Bucket } from "../parameters.ts";
import { adapterEntry, checkAdapterFits, readAdapter } from "../peft.ts";
import type { TrainedModel } from "../training_graph.ts";
import type { ChatModel } from "./acting_model.ts";
import { Generator } from "./generator.ts";

/** What {@linkcode openChatModel} takes. */
export interface ChatModelOptions {
  /** Model folder. */
  readonly model: string;
  /** Adapter folder. */
  readonly adapter?: string | undefined;
  /** @default "auto" */
  readonly provider?: ProviderChoice;
  /** Most sequences in a batch. @default 16 */
  readonly maxBatch?: number;
  /** Longest prompt and answer in tokens; no more than the model's context. @default the model's context */
  readonly maxLength?: number | undefined;
  /** Threads of one operator. */
  readonly threads?: number | undefined;
}

/**
 * Opens a model folder and puts its adapter on it.
 *
 * @throws {GymError} `FILE_ACCESS` or `INVALID_DATA` naming the file, `ENGINE_FAILED` when the runtime refuses.
 */
export async function openChatModel(settings: ChatModelOptions): Promise<ChatModel> {
  const folder = await openModelFolder(settings.model);
  const codec = await loadChatCodec(folder.path);
  checkTokenizerFits(folder.config, codec.tokenizer.vocabularySize, `${folder.path}/tokenizer.json`);
  const base: TrainedModel = { config: folder.config, weights: folder.weights, buckets: [], lora: null };
  const { model, parameters } = settings.adapter === undefined
    ? { model: base, parameters: {} }
    : await adapted(base, settings.adapter);
  const generator = await Generator.create(model, parameters, {
    provider: await pickProvider(settings.provider ?? "auto"),
    ...(settings.maxBatch === undefined ? {} : { maxBatch: settings.maxBatch }),
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
  const settings = loraOptionsOf(adapter);
  const buckets: Bucket[] = [];
  const parameters: Record<string, Feed> = {};
  for (const parameter of loraParameters(base.config, settings)) {
    const entry = adapterEntry(adapter, parameter.name);
    if (entry === undefined) continue; // an adapter may leave layers out
    const { data } = await readTensor(entry);
    const size = elements(parameter.shape);
    buckets.push({ name: parameter.name, parameters: [parameter], size, decay: false });
    parameters[parameter.name] = { data, shape: [size] };
  }
  return { model: { ...base, buckets, lora: loraShape(settings) }, parameters };
}
