/**
 * The model in training as a policy: it acts on the very vectors that the optimiser updates.
 *
 * @module
 */
import type { ChatCodec } from "../../chat/codec.ts";
import type { ChatModel } from "../../models/generation/acting_model.ts";
import { Generator } from "../../models/generation/generator.ts";
import { type Bucket, placesOf } from "../../models/parameters.ts";
import type { Feed } from "../../onnx/session.ts";
import type { Trainee } from "../_trainee.ts";

/** What {@linkcode actingTrainee} takes beside model and codec. */
export interface ActingTraineeOptions {
  /** Longest sequence in tokens. */
  readonly maxLength: number;
  /** Most episodes at once. */
  readonly concurrency: number;
  readonly threads?: number | undefined;
  /** Whether weights that are not trained are laid out anew; if not, all sessions share the mapped file. */
  readonly prepack: boolean;
}

/** The trainee as a model that acts. Dispose its generator before the trainee. */
export async function actingTrainee(
  trainee: Trainee,
  codec: ChatCodec,
  { maxLength, concurrency, threads, prepack }: ActingTraineeOptions,
): Promise<ChatModel> {
  const buckets: Bucket[] = [];
  const parameters: Record<string, Feed> = {};
  for (const [at, bucket] of trainee.model.buckets.entries()) {
    const vector = trainee.learner.states[at]!.parameters as Float32Array; // sound: a learner's state is float32
    for (const { parameter, start, end } of placesOf(bucket)) {
      // One input a tensor: a shared vector would be cut into pieces again for every token.
      const size = end - start;
      buckets.push({ name: parameter.name, parameters: [parameter], size, decay: false });
      parameters[parameter.name] = { data: vector.subarray(start, end), shape: [size] };
    }
  }
  const generator = await Generator.create({ ...trainee.model, buckets }, parameters, {
    provider: trainee.provider,
    prepack,
    maxBatch: concurrency,
    maxLength: maxLength,
    ...(threads === undefined ? {} : { threads }),
  });
  return { codec, generator };
}
