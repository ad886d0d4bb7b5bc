/**
 * Adapters that share one graph: it has the largest rank and every module of any of them. In an adapter of smaller rank,
 * or without some module, zeros stand for what is missing; its scale is part of its B.
 *
 * @module
 */
import { GymError } from "../../../core/errors.ts";
import type { Feed } from "../../onnx/session.ts";
import { readTensor } from "../../onnx/safetensors.ts";
import { elements } from "../../onnx/tensor.ts";
import { loraOptionsOf, loraParameters } from "../lora.ts";
import type { Parameter } from "../parameters.ts";
import { type Adapter, adapterEntry, adapterScale, checkAdapterFits } from "../peft.ts";
import type { TrainedModel } from "../training_graph.ts";
import type { Parameters } from "./lane.ts";

/** A base model with places for these adapters; the model itself when there are none. */
export function withPlacesFor(base: TrainedModel, adapters: readonly Adapter[]): TrainedModel {
  if (adapters.length === 0) return base;
  for (const adapter of adapters) checkAdapterFits(adapter, base.config);
  const rank = Math.max(...adapters.map((adapter) => adapter.rank));
  const targets = [...new Set(adapters.flatMap((adapter) => loraOptionsOf(adapter).targets))];
  const parameters = loraParameters(base.config, { rank, alpha: rank, targets })
    .filter(({ name }) => adapters.some((adapter) => adapterEntry(adapter, name) !== undefined));
  // One input a tensor, so that nothing is cut at each step.
  const buckets = parameters.map((parameter) => ({
    name: parameter.name,
    parameters: [parameter],
    size: elements(parameter.shape),
    decay: false,
  }));
  return { ...base, buckets, lora: { rank, scale: 1 } };
}

/**
 * What the places of a model hold for an adapter; zeros for the base model.
 *
 * @throws {GymError} `INVALID_DATA` when the model has no place for the adapter: by its rank, or for a module.
 */
export async function adapterParameters(model: TrainedModel, adapter: Adapter | null): Promise<Parameters> {
  if (adapter !== null) checkPlaces(model, adapter);
  const zeros = new Float32Array(Math.max(0, ...model.buckets.map(({ size }) => size)));
  const made: Record<string, Feed> = {};
  for (const { name, size, parameters } of model.buckets) {
    const entry = adapter === null ? undefined : adapterEntry(adapter, name);
    made[name] = {
      data: entry === undefined
        ? zeros.subarray(0, size)
        : placed(parameters[0]!, (await readTensor(entry)).data, adapter!),
      shape: [size],
    };
  }
  return made;
}

function checkPlaces({ config, buckets, lora }: TrainedModel, adapter: Adapter): void {
  checkAdapterFits(adapter, config);
  const { path } = adapter;
  const most = lora?.rank ?? 0;
  if (adapter.rank > most) {
    throw new GymError(
      "INVALID_DATA",
      `Cannot use adapter ${path} in this session: wanted a rank of at most ${most}: received ${adapter.rank}`,
      { path, rank: adapter.rank },
    );
  }
  const places = new Set(buckets.map(({ name }) => name));
  const module = [...adapter.modules.keys()].find((name) => !places.has(`${name}.lora_A.weight`));
  if (module === undefined) return;
  throw new GymError(
    "INVALID_DATA",
    `Cannot use adapter ${path} in this session: wanted modules that its first adapters have: received "${module}"`,
    { path, module },
  );
}

/** A or B at the rank of its place, zeros behind its own. */
function placed({ name, shape }: Parameter, data: Float32Array, adapter: Adapter): Float32Array {
  const whole = new Float32Array(elements(shape));
  if (name.endsWith(".lora_A.weight")) { // [rank, in]: its rows come first
    whole.set(data);
    return whole;
  }
  const [outputs, rank] = shape as [number, number];
  const scale = adapterScale(adapter);
  for (let row = 0; row < outputs; row++) {
    for (let at = 0; at < adapter.rank; at++) {
      whole[row * rank + at] = data[row * adapter.rank + at]! * scale;
    }
  }
  return whole;
}
