/**
 * Low-rank adapters: which projections get one, and how they start.
 *
 * Source: Hu et al. 2021, LoRA (arXiv:2106.09685); the scale α/√r: Kalajdzievski 2023, rsLoRA (arXiv:2312.03732).
 *
 * @module
 */
import type { Prng } from "../../core/prng.ts";
import { elements } from "../onnx/tensor.ts";
import type { ModelConfig } from "./config.ts";
import { expectedTensors } from "./folder.ts";
import type { Parameter } from "./parameters.ts";
import { type Adapter, adapterScale } from "./peft.ts";

/** Names of the projections, as PEFT takes them. */
export const PROJECTIONS: readonly string[] = [
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
];

/** Options of adapters. */
export interface LoraOptions {
  /** At least 1. */
  readonly rank: number;
  readonly alpha: number;
  /** Whether the scale is alpha ÷ √rank instead of alpha ÷ rank. @default false */
  readonly rsLora?: boolean;
  /** Names out of {@linkcode PROJECTIONS}. @default all of them */
  readonly targets?: readonly string[];
}

/** What the graph needs to know. */
export interface LoraShape {
  readonly rank: number;
  /** What B·A·x is multiplied by. */
  readonly scale: number;
}

/** Rank and scale. */
export function loraShape({ rank, alpha, rsLora = false }: LoraOptions): LoraShape {
  return { rank, scale: adapterScale({ rank, alpha, rsLora }) };
}

/** The options that an adapter was made with; its targets are the projections that it has in any layer. */
export function loraOptionsOf({ rank, alpha, rsLora, modules }: Adapter): Required<LoraOptions> {
  const targets = [...new Set([...modules.keys()].map((module) => module.split(".").at(-1)!))];
  return { rank, alpha, rsLora, targets };
}

/**
 * The tensors of all adapters: all A first, then all B, in the order of layers.
 *
 * @throws {RangeError} When a target is no projection of the model.
 */
export function loraParameters(config: ModelConfig, options: LoraOptions): readonly Parameter[] {
  const targets = options.targets ?? PROJECTIONS;
  const unknown = targets.find((target) => !PROJECTIONS.includes(target));
  if (unknown !== undefined) {
    throw new RangeError(`Cannot adapt "${unknown}": wanted one of ${PROJECTIONS.join(", ")}`);
  }
  const modules = [...expectedTensors(config)].flatMap(([name, shape]) => {
    const module = name.replace(/\.weight$/, "");
    return module !== name && targets.includes(module.split(".").at(-1)!) ? [{ module, shape }] : [];
  });
  const { rank } = options;
  return [
    ...modules.map(({ module, shape }) => parameter(`${module}.lora_A.weight`, [rank, shape[1]!])),
    ...modules.map(({ module, shape }) => parameter(`${module}.lora_B.weight`, [shape[0]!, rank])),
  ];
}

function parameter(name: string, shape: readonly number[]): Parameter {
  return { name, shape, decay: true };
}

/** First value of an adapter tensor: A uniform in ±1/√in, as PEFT starts it, B zero, so that the model is unchanged. */
export function initialLora({ name, shape }: Parameter, prng: Prng): Float32Array {
  const data = new Float32Array(elements(shape));
  if (name.endsWith(".lora_B.weight")) return data;
  const bound = 1 / Math.sqrt(shape[1]!);
  return data.map(() => (2 * prng() - 1) * bound);
}
