/** Recorded numbers of the tiny models, and how to compare with them. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** Models that have numbers. */
export const MODELS = ["tiny-llama", "tiny-qwen2", "tiny-qwen3"] as const;

const folder = fileURLToPath(new URL("../golden/models/", import.meta.url));

/** Folder of a model. */
export function modelPath(name: string): string {
  return `${folder}${name}`;
}

/** One file of numbers. */
export async function golden<T>(name: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(`${folder}${name}.json`)) as T;
}

/** Asserts |a − b| ≤ relative · |b| + absolute. */
export function close(
  actual: number,
  expected: number,
  relative: number,
  absolute: number,
  what: string,
): void {
  assert.ok(
    Math.abs(actual - expected) <= relative * Math.abs(expected) + absolute,
    `${what}: wanted ${expected}: received ${actual}`,
  );
}

/** Largest relative L2 distance of two vectors. */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(actual.length, expected.length);
  let [difference, size] = [0, 0];
  for (let i = 0; i < actual.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    size += expected[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}

/** A padded batch as the graphs take it. */
export interface PaddedBatch {
  readonly input_ids: readonly (readonly number[])[];
  readonly labels: readonly (readonly number[])[];
}

/** Feeds of a padded batch; the weights sum to 1. */
export function feedsOf({ input_ids, labels }: PaddedBatch) {
  const [B, T] = [input_ids.length, input_ids[0]!.length];
  const rows: number[] = [];
  const targets: number[] = [];
  for (const [b, row] of labels.entries()) {
    for (let t = 1; t < T; t++) {
      if (row[t] === -100) continue;
      rows.push(b * T + t - 1);
      targets.push(row[t]!);
    }
  }
  const N = rows.length;
  return {
    ids: int64(input_ids.flat(), [B, T]),
    positions: int64(input_ids.flatMap((row) => row.map((_, t) => t)), [B, T]),
    rows: int64(rows, [N]),
    targets: int64(targets, [N]),
    weights: { data: new Float32Array(N).fill(1 / N), shape: [N] },
  };
}

/** Whole numbers as a feed. */
export function int64(numbers: readonly number[], shape: readonly number[]) {
  return { data: BigInt64Array.from(numbers, BigInt), shape };
}
