/** What tests of exports share: an exported model on ONNX Runtime itself, without the code that made it. */
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { ModelConfig } from "./config.ts";

/** Keys and values by name of the input. */
export type Cache = Readonly<Record<string, Tensor>>;

/** Rows of token ids that are equally long, and which of all tokens so far are no padding. */
export interface Batch {
  readonly ids: readonly (readonly number[])[];
  readonly mask: readonly (readonly number[])[];
}

/** What one run gives. */
export interface Step {
  /** Logits of row b at new token t. */
  readonly logits: (b: number, t: number) => Float32Array;
  readonly cache: Cache;
}

/** An exported model. */
export class Exported implements AsyncDisposable {
  readonly #session: InferenceSession;
  readonly #config: ModelConfig;

  private constructor(session: InferenceSession, config: ModelConfig) {
    this.#session = session;
    this.#config = config;
  }

  static async open(folder: string, config: ModelConfig, graph = "onnx/model.onnx"): Promise<Exported> {
    return new Exported(await InferenceSession.create(join(folder, graph)), config);
  }

  /** Names that the graph reads and makes, sorted. */
  get names(): { readonly inputs: readonly string[]; readonly outputs: readonly string[] } {
    return {
      inputs: [...this.#session.inputNames].sort(),
      outputs: [...this.#session.outputNames].sort(),
    };
  }

  /** Runs new tokens after those in the cache. Positions count the tokens that are no padding. */
  async run({ ids, mask }: Batch, cache: Cache = this.#empty(ids.length)): Promise<Step> {
    const length = ids[0]!.length;
    const positions = mask.map((row) => {
      let count = 0;
      return row.map((real) => real === 0 ? 0 : count++).slice(-length);
    });
    const outputs = await this.#session.run({
      input_ids: matrix(ids),
      attention_mask: matrix(mask),
      position_ids: matrix(positions),
      ...cache,
    });
    const { logits, ...present } = outputs as Record<string, Tensor>;
    const V = this.#config.vocabularySize;
    return {
      logits: (b, t) =>
        (logits!.data as Float32Array).subarray((b * length + t) * V, (b * length + t + 1) * V),
      cache: Object.fromEntries(
        Object.entries(present).map(([name, tensor]) => [name.replace("present", "past_key_values"), tensor]),
      ),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }

  #empty(rows: number): Cache {
    const { layers, keyValueHeads, headDimension } = this.#config;
    return Object.fromEntries(
      Array.from({ length: layers }, (_, layer) => [`${layer}.key`, `${layer}.value`]).flat().map((name) => [
        `past_key_values.${name}`,
        new Tensor("float32", new Float32Array(0), [rows, keyValueHeads, 0, headDimension]),
      ]),
    );
  }
}

function matrix(rows: readonly (readonly number[])[]): Tensor {
  return new Tensor("int64", BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0]!.length]);
}

/** Rows filled up on the left to the longest one's length. */
export function leftPadded(rows: readonly (readonly number[])[], padding: number): Batch {
  const length = Math.max(...rows.map((row) => row.length));
  const fill = <T>(row: readonly number[], value: T): T[] => Array(length - row.length).fill(value);
  return {
    ids: rows.map((row) => [...fill(row, padding), ...row]),
    mask: rows.map((row) => [...fill(row, 0), ...row.map(() => 1)]),
  };
}

/** Index of the largest number. */
export function best(numbers: Float32Array): number {
  return numbers.reduce((best, number, at) => number > numbers[best]! ? at : best, 0);
}

/** ‖a − b‖ ÷ ‖b‖. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}
