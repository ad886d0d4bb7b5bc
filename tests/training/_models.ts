/** The tiny models with given values of what is trained, and what one run of theirs gives. */
import { floats, type Provider, Session } from "../../plugins/onnx/session.ts";
import { readTensor } from "../../plugins/onnx/safetensors.ts";
import { expectedTensors, openModelFolder } from "../../plugins/models/folder.ts";
import { loraParameters, loraShape } from "../../plugins/models/lora.ts";
import { type Bucket, bucketsOf, type Parameter, placesOf } from "../../plugins/models/parameters.ts";
import { type TrainedModel, trainingGraph } from "../../plugins/models/training_graph.ts";
import { inChunks } from "../../plugins/trainers/_feeds.ts";
import { Learner } from "../../plugins/trainers/_learner.ts";
import { feedsOf, modelPath, type PaddedBatch } from "./_golden.ts";

/** Longest row of the batches. */
export const MAX_POSITIONS = 128;

/** Numbers of a batch under a whole model. */
export interface LossGrads extends PaddedBatch {
  attention_mask: number[][];
  loss_f64: number;
  total_grad_norm: number;
  token_logp: number[][];
  grad_stats: Record<string, { l2_f64: number; l2: number }>;
  grads: Record<string, number[] | number[][]>;
}

/** All tensors of a model as parameters. */
export async function fullModel(name: string, decayAll = false) {
  const { config, weights } = await openModelFolder(modelPath(name));
  const parameters: Parameter[] = [...expectedTensors(config)].map(([tensor, shape]) => ({
    name: tensor,
    shape,
    decay: decayAll || shape.length > 1,
  }));
  const buckets = bucketsOf(parameters);
  const values = await Promise.all(buckets.map(async (bucket) => {
    const vector = new Float32Array(bucket.size);
    for (const { parameter, start } of placesOf(bucket)) {
      vector.set((await readTensor(weights.tensors.get(parameter.name)!)).data, start);
    }
    return vector;
  }));
  return { model: { config, weights, buckets, lora: null } satisfies TrainedModel, values };
}

/** Numbers of a batch under adapters. */
export interface Lora extends PaddedBatch {
  r: number;
  alpha: number;
  init: Record<string, number[][]>;
  loss_f64: number;
  grads: Record<string, number[][]>;
  zero_B: { loss: number };
  rslora: { loss: number };
  q_v_only: { loss: number; grad_l2: Record<string, number> };
}

/** How adapters differ from the recorded ones. */
export interface LoraVariant {
  rsLora?: boolean;
  targets?: string[];
  zeroB?: boolean;
}

/** Adapters with given values. */
export async function loraModel(
  name: string,
  init: Record<string, number[][]>,
  options: LoraVariant = {},
) {
  const { config, weights } = await openModelFolder(modelPath(name));
  const lora = { rank: 4, alpha: 8, ...options };
  const buckets = bucketsOf(loraParameters(config, lora));
  const values = buckets.map((bucket) => {
    const vector = new Float32Array(bucket.size);
    for (const { parameter, start } of placesOf(bucket)) {
      if (options.zeroB && parameter.name.includes("lora_B")) continue;
      vector.set(init[parameter.name.replace(/\.weight$/, "")]!.flat(), start);
    }
    return vector;
  });
  return { model: { config, weights, buckets, lora: loraShape(lora) } satisfies TrainedModel, values };
}

/** Loss, token log-probabilities and gradients by name. */
export async function lossAndGradients(
  model: TrainedModel,
  values: Float32Array[],
  batch: PaddedBatch,
  { provider = "cpu", ...saving }: { provider?: Provider; recompute?: boolean; headChunk?: number } = {},
) {
  const graph = trainingGraph(model, { maxPositions: MAX_POSITIONS, ...saving });
  await using session = await Session.create(graph, { provider });
  const learner = new Learner(model.buckets, values);
  const feeds = feedsOf(batch);
  const { headChunk } = saving;
  const outputs = await learner.accumulate(
    session,
    headChunk === undefined ? feeds : inChunks(feeds, headChunk),
  );
  return {
    loss: floats(outputs["loss"])[0]!,
    logProbabilities: floats(outputs["log_probabilities"]),
    gradients: byName(model.buckets, learner.gradients!),
  };
}

/** Parameters or gradients by the names of the tensors. */
export function byName(
  buckets: readonly Bucket[],
  vectors: readonly Float32Array[],
): Map<string, Float32Array> {
  return new Map(
    buckets.flatMap((bucket, at) =>
      [...placesOf(bucket)].map(({ parameter, start, end }) =>
        [parameter.name, vectors[at]!.subarray(start, end)] as const
      )
    ),
  );
}
