/**
 * Models that a pipeline names: a folder that is there, a new one, or what an earlier training came to.
 *
 * @module
 */
import { join, resolve } from "node:path";
import type { Json } from "../../../core/schema.ts";
import { fileError } from "../../files/mod.ts";
import type { ModelRef } from "./schema.ts";

/** Where a model lies. */
export interface ModelPlace {
  /** Folder, absolute. */
  readonly model: string;
  /** Folder of the adapter on it, absolute; null when there is none. */
  readonly adapter: string | null;
}

/** A model that can be opened. */
export interface ReadyModel extends ModelPlace {
  /** What its weights depend on, for the journal. */
  readonly inputs: Json;
}

type NewModel = Extract<ModelRef, { readonly init: unknown }>;

/** Options with the model in place of what they say of it. */
export function withModel(
  options: Readonly<Record<string, Json>>,
  place: ModelPlace | null,
): Record<string, Json> {
  if (place === null) return { ...options };
  const { model, adapter } = place;
  return { ...options, model, ...(adapter === null ? {} : { adapter }) };
}

/** Folder of a model that the run makes itself; null when it makes none. */
export function ownModel(model: ModelRef | undefined): string | null {
  if (typeof model !== "object" || !("init" in model)) return null;
  const { family, init, seed, template, context } = model;
  const rest = [template === "chatml" ? "" : `-${template}`, context === 4096 ? "" : `-${context}`];
  return `model-${family}-${init}-${seed}${rest.join("")}`;
}

/** Writes a new model into a folder. */
export async function makeModel(path: string, model: NewModel): Promise<void> {
  const { initModel } = await import("../../models/mod.ts");
  await Deno.remove(path, { recursive: true }).catch(() => {}); // a killed process may have left a whole one
  const { family, init: size, seed, template, context: contextLength } = model;
  await initModel(path, { family, size, seed: BigInt(seed), template, contextLength });
}

/** A model that was there before. */
export async function modelThere(path: string, base: string): Promise<ReadyModel> {
  return { model: resolve(base, path), adapter: null, inputs: await modelFacts(path, base) };
}

/** What a training came to: its folder `final`, a model of its own or an adapter on what it started from. */
export async function trainedModel(folder: string, start: string | null): Promise<ModelPlace> {
  const final = join(folder, "final");
  const isAdapter = await Deno.stat(join(final, "adapter_config.json")).then(() => true, () => false);
  return isAdapter && start !== null ? { model: start, adapter: final } : { model: final, adapter: null };
}

/** What a model on disk is, as far as can be told without reading all of it. */
async function modelFacts(path: string, base: string): Promise<Json> {
  const folder = resolve(base, path);
  try {
    const facts: Json[] = [];
    for await (const { name, isFile } of Deno.readDir(folder)) {
      if (!isFile) continue;
      const { size, mtime } = await Deno.stat(join(folder, name));
      facts.push([name, size, mtime?.getTime() ?? null]);
    }
    return facts.sort((a, b) => String(a) < String(b) ? -1 : 1);
  } catch (thrown) {
    throw fileError("read", path, thrown);
  }
}
