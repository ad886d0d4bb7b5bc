/**
 * An adapter merged into its base model.
 *
 * @module
 */
import type { WeightsIndex } from "../onnx/safetensors.ts";
import { type LazyTensor, readTensor } from "../onnx/safetensors.ts";
import type { Tensor } from "../onnx/tensor.ts";
import { expectedTensors, type ModelFolder, type WeightType, writeModelFolder } from "./folder.ts";
import { type Adapter, adapterScale, checkAdapterFits } from "./peft.ts";

/** How the merged model is written. */
export interface MergeOptions {
  /** Element type on disk. @default That of the base model; float32 when it mixes types. */
  readonly type?: WeightType;
  /** A weights file stays below this unless one tensor alone exceeds it. @default 5e9 */
  readonly maxShardBytes?: number;
}

/**
 * Writes the model `W + scale · B · A` into a new folder, with the base model's tokenizer files. One tensor at a time
 * is in memory; products are summed in float64 and rounded once to float32, then to the type on disk.
 *
 * @throws {GymError} `INVALID_DATA` when the adapter does not fit the model; `FILE_ACCESS`, also when `out` exists and
 * is not empty.
 */
export async function mergeAdapter(
  base: ModelFolder,
  adapter: Adapter,
  out: string,
  { type = weightTypeOf(base.weights) ?? "float32", maxShardBytes }: MergeOptions = {},
): Promise<void> {
  await writeModelFolder(out, {
    config: base.config,
    tensors: mergedTensors(base, adapter),
    type,
    copyFrom: base.path,
    ...(maxShardBytes !== undefined && { maxShardBytes }),
  });
}

/**
 * The weights of a model with an adapter in them, each computed when it is read.
 *
 * @throws {GymError} `INVALID_DATA` when the adapter does not fit the model.
 */
export function mergedTensors(base: ModelFolder, adapter: Adapter | null): ReadonlyMap<string, LazyTensor> {
  if (adapter !== null) checkAdapterFits(adapter, base.config);
  return new Map(
    [...expectedTensors(base.config)].map(([name, shape]) => [name, merged(base, adapter, name, shape)]),
  );
}

/** The element type of all weights, or null when they differ. */
export function weightTypeOf({ tensors }: WeightsIndex): WeightType | null {
  const types = new Set([...tensors.values()].map(({ type }) => type));
  const [type] = types;
  // Sound: a model folder was opened with floating-point weights alone.
  return types.size === 1 ? type as WeightType : null;
}

function merged(
  base: ModelFolder,
  adapter: Adapter | null,
  name: string,
  shape: readonly number[],
): LazyTensor {
  const read = async (): Promise<Tensor> => {
    const weight = await readTensor(base.weights.tensors.get(name)!);
    const module = adapter?.modules.get(name.replace(/\.weight$/, ""));
    if (adapter === null || module === undefined || !name.endsWith(".weight")) return weight;
    addProduct(weight, await readTensor(module.b), await readTensor(module.a), adapterScale(adapter));
    return weight;
  };
  return { shape, read };
}

/** `weight += scale · b · a`, in place. */
function addProduct({ data: W }: Tensor, b: Tensor, a: Tensor, scale: number): void {
  const [rank, inputs] = a.shape as [number, number];
  const [B, A] = [b.data, a.data];
  const row = new Float64Array(inputs);
  for (let i = 0; i < b.shape[0]!; i++) {
    row.fill(0);
    for (let k = 0; k < rank; k++) {
      const factor = B[i * rank + k]!;
      for (let j = 0; j < inputs; j++) row[j]! += factor * A[k * inputs + j]!;
    }
    for (let j = 0; j < inputs; j++) W[i * inputs + j]! += scale * row[j]!;
  }
}
