/**
 * Models that policies of one process share: opened with the first user, freed with the last.
 *
 * @module
 */
import { resolve } from "node:path";
import { GymError } from "../../core/errors.ts";
import type { ChatModel } from "../models/generation/acting_model.ts";
import { openChatModel } from "../models/generation/open_chat_model.ts";
import type { OnnxModelSettings } from "./onnx_model.ts";

interface Entry {
  readonly opened: Promise<ChatModel>;
  users: number;
}

const shared = new Map<string, Entry>();

/** Options that tell sessions apart. Of several adapters each request chooses one, so the choice is none of them. */
function keyOf(
  { model, adapter, adapters, provider, threads, maxBatch, maxLength }: OnnxModelSettings,
): string {
  const folders = adapters === undefined
    ? (adapter === undefined ? null : resolve(adapter))
    : Object.entries(adapters).map(([name, folder]) => [name, resolve(folder)]).sort();
  return JSON.stringify([resolve(model), folders, provider, threads ?? null, maxBatch, maxLength ?? null]);
}

/**
 * The model of these settings; give it back with {@linkcode releaseModel}.
 *
 * @throws {GymError} `INVALID_OPTIONS` for an adapter that is none of the adapters, and what opening throws.
 */
export async function acquireModel(settings: OnnxModelSettings): Promise<ChatModel> {
  const { adapter, adapters } = settings;
  if (adapters !== undefined && adapter !== undefined && !Object.hasOwn(adapters, adapter)) {
    const names = Object.keys(adapters).map((name) => `"${name}"`).join(", ");
    throw new GymError(
      "INVALID_OPTIONS",
      `Cannot use adapter: wanted one of ${names}: received "${adapter}"`,
      {
        adapter,
      },
    );
  }
  const key = keyOf(settings);
  const entry = shared.get(key) ??
    {
      opened: openChatModel({ ...settings, adapter: adapters === undefined ? adapter : undefined }),
      users: 0,
    };
  shared.set(key, entry);
  entry.users++;
  try {
    const opened = await entry.opened;
    return adapters === undefined || adapter === undefined ? opened : { ...opened, adapter };
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
