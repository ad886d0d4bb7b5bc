/**
 * What `model info` shows: a model folder in numbers.
 *
 * @module
 */
import { join } from "node:path";
import {
  checkTokenizerFits,
  expectedTensors,
  type ModelConfig,
  type ModelFolder,
  parameterCount,
  readJson,
} from "../models/mod.ts";

/** A model in numbers. */
export type ModelReport = {
  readonly architecture: string;
  readonly parameters: number;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDimension: number;
  readonly intermediateSize: number;
  readonly vocabularySize: number;
  readonly contextLength: number;
  readonly tiedHead: boolean;
  /** Element types of the weights, most parameters first. */
  readonly types: readonly string[];
  /** Bytes of the weights on disk. */
  readonly bytes: number;
  /** Tokens of `tokenizer.json`; null when there is none. */
  readonly tokens: number | null;
  readonly eosIds: readonly number[];
  readonly bosId: number | null;
  readonly padId: number | null;
  /** Where the chat template is: a file name, or null when there is none. */
  readonly template: string | null;
  /** What training takes beside activations, in bytes of memory. */
  readonly training: {
    readonly rank: number;
    /** Parameters of LoRA adapters of that rank on all linear layers. */
    readonly loraParameters: number;
    readonly loraBytes: number;
    readonly fullBytes: number;
  };
};

/** Describes a model. @param rank Of the adapters to estimate for. */
export async function describeModel(model: ModelFolder, rank: number): Promise<ModelReport> {
  const { config, weights, path, generation } = model;
  const tokens = await tokenCount(path);
  if (tokens !== null) checkTokenizerFits(config, tokens, join(path, "tokenizer.json"));
  const counts = new Map<string, number>();
  let bytes = 0;
  for (const entry of weights.tensors.values()) {
    bytes += entry.bytes;
    counts.set(entry.type, (counts.get(entry.type) ?? 0) + entry.bytes);
  }
  const parameters = parameterCount(config);
  const loraParameters = loraCount(config, rank);
  return {
    architecture: config.architecture,
    parameters,
    layers: config.layers,
    hiddenSize: config.hiddenSize,
    heads: config.heads,
    keyValueHeads: config.keyValueHeads,
    headDimension: config.headDimension,
    intermediateSize: config.intermediateSize,
    vocabularySize: config.vocabularySize,
    contextLength: config.contextLength,
    tiedHead: config.tiedHead,
    types: [...counts].sort(([, a], [, b]) => b - a).map(([type]) => type),
    bytes,
    tokens,
    eosIds: generationEos(generation) ?? config.eosIds,
    bosId: config.bosId,
    padId: config.padId,
    template: await templateOf(path),
    training: {
      rank,
      loraParameters,
      loraBytes: parameters * 4 + loraParameters * 16,
      fullBytes: parameters * 16,
    },
  };
}

/** The same for people. */
export function modelText(report: ModelReport): string {
  const { training } = report;
  const rows: readonly (readonly [string, string])[] = [
    ["architecture", report.architecture],
    ["parameters", grouped(report.parameters)],
    ["layers", `${report.layers} of ${report.hiddenSize}, feed-forward ${report.intermediateSize}`],
    ["heads", `${report.heads} of ${report.headDimension}, keys and values ${report.keyValueHeads}`],
    ["head", report.tiedHead ? "the embedding" : "its own"],
    ["context", `${report.contextLength} tokens`],
    ["weights", `${report.types.join(", ")}, ${sizeText(report.bytes)}`],
    ["tokens", `${report.tokens ?? "no tokenizer"}, embedding ${report.vocabularySize}`],
    ["ends with", report.eosIds.join(", ") || "-"],
    ["begins with", String(report.bosId ?? "-")],
    ["padded with", String(report.padId ?? "-")],
    ["chat template", report.template ?? "-"],
    ["LoRA memory", `${sizeText(training.loraBytes)} and activations, rank ${training.rank}`],
    ["full memory", `${sizeText(training.fullBytes)} and activations`],
  ];
  return rows.map(([name, value]) => `${name.padEnd(15)}${value}`).join("\n");
}

/** `1.5 MB`, in powers of ten. */
export function sizeText(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const unit = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return unit === 0 ? `${bytes} bytes` : `${(bytes / 1000 ** unit).toFixed(1)} ${units[unit]}`;
}

function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, " ");
}

/** Adapters on every linear layer of the decoder: rank × (inputs + outputs) each. */
function loraCount(config: ModelConfig, rank: number): number {
  let count = 0;
  for (const [name, shape] of expectedTensors(config)) {
    if (name.endsWith("_proj.weight")) count += rank * (shape[0]! + shape[1]!);
  }
  return count;
}

function generationEos(generation: ModelFolder["generation"]): readonly number[] | null {
  const value = generation?.["eos_token_id"];
  const ids = Array.isArray(value) ? value : [value];
  return ids.every((id) => Number.isSafeInteger(id)) ? ids as number[] : null;
}

/** One above the highest id; null without `tokenizer.json`. */
async function tokenCount(folder: string): Promise<number | null> {
  const value = await jsonIn(folder, "tokenizer.json");
  if (value === null) return null;
  const { model, added_tokens: added } = value as {
    model?: { vocab?: unknown };
    added_tokens?: readonly { readonly id: number }[];
  };
  const vocabulary = model?.vocab ?? {};
  const ids = Array.isArray(vocabulary)
    ? vocabulary.map((_, id) => id)
    : Object.values(vocabulary as Record<string, number>);
  let highest = -1;
  for (const id of ids) highest = Math.max(highest, id);
  for (const { id } of added ?? []) highest = Math.max(highest, id);
  return highest + 1;
}

async function templateOf(folder: string): Promise<string | null> {
  if (await exists(join(folder, "chat_template.jinja"))) return "chat_template.jinja";
  const config = await jsonIn(folder, "tokenizer_config.json");
  return (config as { chat_template?: unknown } | null)?.chat_template ? "tokenizer_config.json" : null;
}

/** The value of a file of JSON; null when it is not there. */
async function jsonIn(folder: string, name: string): Promise<unknown> {
  const path = join(folder, name);
  return await exists(path) ? await readJson(path) : null;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
