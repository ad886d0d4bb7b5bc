/**
 * Models that policies of one process share: opened with the first user, freed with the last.
 *
 * @module
 */
import { resolve } from "node:path";
import type { ChatModel } from "../models/generation/acting_model.ts";
import { openChatModel } from "../models/generation/open_chat_model.ts";
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
  const entry = shared.get(key) ?? { opened: openChatModel(settings), users: 0 };
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
