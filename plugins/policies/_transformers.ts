/**
 * The work of {@linkcode transformersPolicy}: transformers.js computes the logits; the prompt, the draw of each token and the
 * reading of the answer are ours, so that seeds hold and log-probabilities are known.
 *
 * @module
 */
import { basename, join, resolve } from "node:path";
import { GymError, messageOf } from "../../core/errors.ts";
import type { Policy } from "../../core/policy.ts";
import { seeded } from "../../core/prng.ts";
import { loadChatCodec } from "../chat/mod.ts";
import { ActingModel } from "../models/generation/acting_model.ts";
import type { GenerateRequest, Generation, Generator } from "../models/generation/generator.ts";
import { sampleToken } from "../models/generation/sampling.ts";
import { readJson } from "../models/mod.ts";
import { importPackage } from "./chat_client/_package.ts";
import type { TransformersSettings } from "./transformers.ts";

interface Tensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

type Processor = (inputIds: readonly (readonly bigint[])[], logits: Tensor) => Tensor;

interface Model {
  generate(options: Readonly<Record<string, unknown>>): Promise<unknown>;
  dispose(): Promise<unknown>;
}

/** What is used of the package. */
interface Library {
  readonly Tensor: new (type: "int64", data: BigInt64Array, dims: readonly number[]) => unknown;
  readonly AutoModelForCausalLM: {
    from_pretrained(name: string, options: Readonly<Record<string, unknown>>): Promise<Model>;
  };
  readonly LogitsProcessorList: new () => { push(processor: Processor): void };
  readonly InterruptableStoppingCriteria: new () => { interrupt(): void };
}

interface Opened {
  readonly library: Library;
  readonly model: Model;
}

interface Entry {
  readonly opened: Promise<Opened>;
  users: number;
  /** What the model is computing. It computes one text at a time. */
  working: Promise<unknown>;
}

const shared = new Map<string, Entry>();

/** Opens the model, or joins those who use it. */
export async function createTransformersModel(settings: TransformersSettings): Promise<Policy> {
  const folder = resolve(settings.model);
  const codec = await loadChatCodec(folder);
  const maxLength = Math.min(settings.maxLength ?? Infinity, await contextOf(folder));
  const key = JSON.stringify([folder, settings.dtype, settings.device]);
  const entry = shared.get(key) ?? { opened: open(folder, settings), users: 0, working: Promise.resolve() };
  shared.set(key, entry);
  entry.users++;
  let opened: Opened;
  try {
    opened = await entry.opened;
  } catch (thrown) {
    if (shared.get(key) === entry) shared.delete(key);
    throw thrown;
  }
  const generate = (request: GenerateRequest): Promise<Generation> => {
    const made = entry.working.then(() => generation(opened, request, maxLength));
    entry.working = made.catch(() => {}); // told to who asked
    return made;
  };
  // Sound: these two are all that an acting model uses of a generator.
  const generator = { maxLength, generate } as unknown as Generator;
  let released = false;
  return Object.assign(new ActingModel({ codec, generator }, settings, basename(folder)), {
    name: "transformers",
    [Symbol.asyncDispose]: async () => {
      if (released) return;
      released = true;
      if (--entry.users > 0) return;
      shared.delete(key);
      await entry.working;
      await opened.model.dispose();
    },
  });
}

/** The longest sequence that the configuration allows. Models that also see have that of their text in a part of it. */
async function contextOf(folder: string): Promise<number> {
  const config = await readJson(join(folder, "config.json")) as {
    readonly max_position_embeddings?: unknown;
    readonly text_config?: { readonly max_position_embeddings?: unknown };
  };
  const told = config.max_position_embeddings ?? config.text_config?.max_position_embeddings;
  return typeof told === "number" ? told : Infinity;
}

async function open(folder: string, { dtype, device }: TransformersSettings): Promise<Opened> {
  const library = await importPackage("@huggingface/transformers") as Library;
  try {
    const given = { dtype, device, local_files_only: true };
    return { library, model: await library.AutoModelForCausalLM.from_pretrained(folder, given) };
  } catch (thrown) {
    throw new GymError(
      "ENGINE_FAILED",
      `Cannot open model "${folder}" as ${dtype}: ${messageOf(thrown)}`,
      { folder, dtype, device },
      { cause: thrown },
    );
  }
}

/** Goes on with a text. What {@linkcode Generator} promises holds here too. */
async function generation(
  { library, model }: Opened,
  request: GenerateRequest,
  maxLength: number,
): Promise<Generation> {
  const { promptIds, stopIds = [], signal } = request;
  if (promptIds.length >= maxLength) {
    throw new GymError(
      "LIMIT_EXCEEDED",
      `Cannot generate: wanted a prompt of fewer than ${maxLength} tokens: received ${promptIds.length}`,
      { limit: maxLength, received: promptIds.length },
    );
  }
  const drawing = new Drawing(request);
  const criteria = new library.InterruptableStoppingCriteria();
  const processors = new library.LogitsProcessorList();
  processors.push((_, logits) => {
    const id = signal?.aborted === true ? null : drawing.next(logits.data);
    if (id === null || drawing.reason !== "length") criteria.interrupt();
    // The one token that is left is the one that is taken.
    logits.data.fill(-Infinity);
    logits.data[id ?? 0] = 0;
    return logits;
  });
  const dims = [1, promptIds.length];
  await model.generate({
    inputs: new library.Tensor("int64", BigInt64Array.from(promptIds, BigInt), dims),
    attention_mask: new library.Tensor("int64", new BigInt64Array(promptIds.length).fill(1n), dims),
    max_new_tokens: Math.min(request.maxNewTokens, maxLength - promptIds.length),
    do_sample: false,
    repetition_penalty: 1, // not what the model's files say: the draw is ours
    eos_token_id: [...stopIds],
    logits_processor: processors,
    stopping_criteria: criteria,
  });
  return drawing.result(signal?.aborted === true);
}

/** The draws of one text. */
class Drawing {
  reason: Generation["reason"] = "length";
  readonly #request: GenerateRequest;
  readonly #prng: () => number;
  readonly #ids: number[] = [];
  readonly #logProbabilities: number[] = [];
  readonly #drawnLogProbabilities: number[] = [];

  constructor(request: GenerateRequest) {
    this.#request = request;
    this.#prng = seeded(request.seed);
  }

  next(logits: Float32Array): number {
    const { promptIds, sampling = {}, stopIds, onToken } = this.#request;
    const { id, logProbability, drawnLogProbability } = sampleToken(
      logits,
      [...promptIds, ...this.#ids],
      sampling,
      this.#prng,
    );
    this.#ids.push(id);
    this.#logProbabilities.push(logProbability);
    this.#drawnLogProbabilities.push(drawnLogProbability);
    if (stopIds?.includes(id) === true) this.reason = "stop";
    else if (onToken?.(id) === true) this.reason = "caller";
    return id;
  }

  result(aborted: boolean): Generation {
    return {
      ids: Int32Array.from(this.#ids),
      logProbabilities: Float32Array.from(this.#logProbabilities),
      drawnLogProbabilities: Float32Array.from(this.#drawnLogProbabilities),
      reason: aborted ? "aborted" : this.reason,
    };
  }
}
