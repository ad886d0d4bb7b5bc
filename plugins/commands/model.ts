/**
 * `model init`, `model get`, `model info`, `model merge`, `model export`: where models come from, what they hold, and
 * where they go.
 *
 * @module
 */
import { resolve } from "node:path";
import { z } from "zod";
import type { Command, CommandContext } from "../../core/command.ts";
import type { Contribution } from "../../core/kind.ts";
import {
  downloadModel,
  type DownloadProgress,
  exportOnnx,
  initModel,
  mergeAdapter,
  MODEL_SIZES,
  openModelFolder,
  parameterCount,
  readAdapter,
} from "../models/mod.ts";
import { describeModel, modelText, sizeText } from "./_model_report.ts";
import { verb } from "./_verb.ts";

const outputField = z.string().describe("Folder to make; must be empty when it exists");
const typeField = z.enum(["float32", "float16", "bfloat16"]);

/** `model init`: a new model with random weights. */
export const modelInit: Contribution<Command> = verb("knowlyr/model-init-v1", {
  path: ["model", "init"],
  summary: "Make a tiny model with random weights and a tokenizer of bytes",
  input: z.strictObject({
    output: outputField,
    family: z.enum(["llama", "mistral", "qwen2", "qwen3"]).default("llama").describe("Kind of decoder"),
    size: z.enum(["nano", "tiny", "small"]).default("nano").describe(
      Object.entries(MODEL_SIZES).map(([name, size]) =>
        `${name}: ${size.layers} layers of ${size.hiddenSize}`
      ).join(", "),
    ),
    context: z.int().min(1).default(4096).describe("Longest sequence in tokens, which are bytes"),
    template: z.enum(["chatml", "bare"]).default("chatml").describe(
      "Chat template: ChatML with tools, or messages without headers for puzzles",
    ),
    tied: z.boolean().default(false).describe("Use the embedding as head"),
    seed: z.int().min(0).default(0).describe("The only source of randomness"),
  }),
  positionals: ["size"],
  short: { output: "o" },
  examples: [
    { line: "model init nano -o models/nano", does: "Makes a model to learn on in minutes" },
    {
      line: "model init tiny --family qwen3 --seed 7 -o models/tiny",
      does: "Makes another; the same seed gives the same bytes",
    },
  ],
  async run({ output, family, size, context: contextLength, template, tied, seed }, { cwd }) {
    const options = { family, size, contextLength, template, tiedHead: tied, seed: BigInt(seed) };
    const { config } = await initModel(resolve(cwd, output), options);
    const parameters = parameterCount(config);
    return {
      data: { folder: output, family, size, seed, parameters },
      text: `Made ${output}: ${config.architecture}, ${parameters} parameters`,
    };
  },
});

/** `model get`: a model from the hub. */
export const modelGet: Contribution<Command> = verb("knowlyr/model-get-v1", {
  path: ["model", "get"],
  summary: "Download a model from the Hugging Face hub; a stopped download goes on",
  input: z.strictObject({
    model: z.string().describe("Owner and name as the hub shows them; HF_TOKEN is sent when it is set"),
    output: outputField.optional().describe("Folder to make; the model's name when left out"),
    revision: z.string().default("main").describe("Branch, tag or commit"),
    endpoint: z.string().optional().describe(
      "Another hub; HF_ENDPOINT or https://huggingface.co when left out",
    ),
  }),
  positionals: ["model"],
  short: { output: "o" },
  examples: [{
    line: "model get HuggingFaceTB/SmolLM2-135M-Instruct -o models/smollm2",
    does: "Downloads config, tokenizer and safetensors, and checks them",
  }],
  async run({ model, output = model.split("/").at(-1)!, revision, endpoint }, { cwd, signal, progress }) {
    const token = environment("HF_TOKEN");
    const { commit, files } = await downloadModel(model, {
      folder: resolve(cwd, output),
      revision,
      endpoint: endpoint ?? environment("HF_ENDPOINT") ?? "https://huggingface.co",
      ...(token !== undefined && { token }),
      signal,
      onProgress: reporter(progress),
    });
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    return {
      data: { model, commit, folder: output, files: files.map((file) => ({ ...file })) },
      text: `Downloaded ${model} at ${commit} to ${output}: ${files.length} files, ${sizeText(bytes)}`,
    };
  },
});

/** `model info`: what a model or adapter folder holds. */
export const modelInfo: Contribution<Command> = verb("knowlyr/model-info-v1", {
  path: ["model", "info"],
  summary: "Check a model folder and show its size, tokens, and the memory that training it takes",
  input: z.strictObject({
    folder: z.string().describe("Model folder as Hugging Face lays it out"),
    rank: z.int().min(1).default(16).describe("Rank of the LoRA adapters to estimate for"),
  }),
  positionals: ["folder"],
  examples: [{ line: "model info models/nano", does: "Shows parameters, types, special tokens and memory" }],
  async run({ folder, rank }, { cwd }) {
    const report = await describeModel(await openModelFolder(resolve(cwd, folder)), rank);
    return { data: { folder, ...report }, text: `${folder}\n\n${modelText(report)}` };
  },
});

/** `model merge`: an adapter into its base model. */
export const modelMerge: Contribution<Command> = verb("knowlyr/model-merge-v1", {
  path: ["model", "merge"],
  summary: "Merge a LoRA adapter into its base model",
  input: z.strictObject({
    base: z.string().describe("Model folder that the adapter was trained on"),
    adapter: z.string().describe("Adapter folder as PEFT lays it out"),
    output: outputField,
    type: typeField.optional().describe("Element type on disk; the base model's when left out"),
  }),
  positionals: ["base", "adapter"],
  short: { output: "o" },
  examples: [{
    line: "model merge models/nano runs/sft/adapter -o models/nano-sft",
    does: "Writes a model folder that needs no adapter",
  }],
  async run({ base, adapter, output, type }, { cwd }) {
    const model = await openModelFolder(resolve(cwd, base));
    const merged = await readAdapter(resolve(cwd, adapter));
    await mergeAdapter(model, merged, resolve(cwd, output), type === undefined ? {} : { type });
    const { rank, modules } = merged;
    return {
      data: { base, adapter, folder: output, rank, modules: modules.size },
      text: `Merged ${modules.size} modules of rank ${rank} into ${output}`,
    };
  },
});

/** `model export`: a model for ONNX Runtime and transformers.js. */
export const modelExport: Contribution<Command> = verb("knowlyr/model-export-v1", {
  path: ["model", "export"],
  summary: "Export a model to ONNX, for transformers.js and ONNX Runtime",
  input: z.strictObject({
    model: z.string().describe("Model folder as Hugging Face lays it out"),
    adapter: z.string().optional().describe("Adapter folder as PEFT lays it out, to merge into the weights"),
    output: outputField,
    type: z.enum(["float32", "float16"]).default("float32").describe("Element type of the weights on disk"),
  }),
  positionals: ["model"],
  short: { output: "o" },
  examples: [
    { line: "model export models/nano -o web/nano", does: "Writes a folder that transformers.js opens" },
    {
      line: "model export models/nano --adapter runs/sft/adapter --type float16 -o web/nano-sft",
      does: "Exports what was trained, in half the space",
    },
  ],
  async run({ model, adapter, output, type }, { cwd }) {
    const source = await openModelFolder(resolve(cwd, model));
    const { graph, bytes } = await exportOnnx(source, resolve(cwd, output), {
      type,
      ...(adapter !== undefined && { adapter: await readAdapter(resolve(cwd, adapter)) }),
    });
    return {
      data: { model, adapter: adapter ?? null, folder: output, graph, type, bytes },
      text: `Exported ${source.config.architecture} to ${output}: ${graph} with ${
        sizeText(bytes)
      } of ${type}`,
    };
  },
});

/** A variable of the environment, when it is set and may be read. */
function environment(name: string): string | undefined {
  try {
    return Deno.env.get(name) || undefined;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotCapable) return undefined;
    throw thrown;
  }
}

/** A line when a file begins, and at each tenth of it. */
function reporter(progress: CommandContext["progress"]): (progress: DownloadProgress) => void {
  let shown = "";
  return ({ file, received, bytes }) => {
    const tenths = bytes === null ? "" : ` ${Math.floor(received * 10 / bytes) * 10} %`;
    const size = bytes === null ? "" : ` of ${sizeText(bytes)}`;
    const line = `${file}${tenths}${size}`;
    if (line !== shown) progress(line);
    shown = line;
  };
}
