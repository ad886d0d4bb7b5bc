/**
 * Folders of a model and its adapters → a model that reads and writes messages.
 *
 * @module
 */
import { loadChatCodec } from "../../chat/mod.ts";
import { pickProvider, type ProviderChoice } from "../../onnx/session.ts";
import { checkTokenizerFits, openModelFolder } from "../folder.ts";
import { readAdapter } from "../peft.ts";
import type { TrainedModel } from "../training_graph.ts";
import type { ChatModel } from "./acting_model.ts";
import { adapterParameters, withPlacesFor } from "./adapters.ts";
import { Generator } from "./generator.ts";

/** What {@linkcode openChatModel} takes. */
export interface ChatModelOptions {
  /** Model folder. */
  readonly model: string;
  /** Adapter folder, used for requests that name none. @default the base model */
  readonly adapter?: string | undefined;
  /** Adapter folders for requests that name them; all share one session. @default {} */
  readonly adapters?: Readonly<Record<string, string>> | undefined;
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
 * Opens a model folder and puts its adapters on it.
 *
 * @throws {GymError} `FILE_ACCESS` or `INVALID_DATA` naming the file, `ENGINE_FAILED` when the runtime refuses.
 */
export async function openChatModel(settings: ChatModelOptions): Promise<ChatModel> {
  const folder = await openModelFolder(settings.model);
  const codec = await loadChatCodec(folder.path);
  checkTokenizerFits(folder.config, codec.tokenizer.vocabularySize, `${folder.path}/tokenizer.json`);
  const own = settings.adapter === undefined ? null : await readAdapter(settings.adapter);
  const named = await Promise.all(
    Object.entries(settings.adapters ?? {}).map(async ([name, path]) =>
      [name, await readAdapter(path)] as const
    ),
  );
  const base: TrainedModel = { config: folder.config, weights: folder.weights, buckets: [], lora: null };
  const model = withPlacesFor(base, [...(own === null ? [] : [own]), ...named.map(([, adapter]) => adapter)]);
  const generator = await Generator.create(model, await adapterParameters(model, own), {
    provider: await pickProvider(settings.provider ?? "auto"),
    ...(settings.maxBatch === undefined ? {} : { maxBatch: settings.maxBatch }),
    maxLength: Math.min(settings.maxLength ?? Infinity, folder.config.contextLength),
    ...(settings.threads === undefined ? {} : { threads: settings.threads }),
  });
  for (const [name, adapter] of named) generator.setAdapter(name, await adapterParameters(model, adapter));
  return { codec, generator };
}
