/**
 * Rotary position embedding: the frequencies of the families in use.
 *
 * Source: Su et al. 2021, RoFormer (arXiv:2104.09864); the scaling of Llama 3.1 after `modeling_rope_utils` of
 * transformers.
 *
 * @module
 */
import type { Graph, Value } from "../onnx/graph.ts";
import type { ModelConfig } from "./config.ts";

/** Cosines and sines of every position, each [positions, D/2], as constants of the graph. */
export function rotaryTables(
  graph: Graph,
  config: ModelConfig,
  positions: number,
): { readonly cosines: Value; readonly sines: Value } {
  const frequencies = rotaryFrequencies(config);
  const half = frequencies.length;
  const table = (wave: (angle: number) => number) => {
    const data = new Float32Array(positions * half);
    for (let at = 0; at < data.length; at++) {
      // transformers multiplies in float32, so the angle is rounded before its wave is taken.
      data[at] = wave(Math.fround(Math.floor(at / half) * frequencies[at % half]!));
    }
    return graph.constant(data, [positions, half]);
  };
  return { cosines: table(Math.cos), sines: table(Math.sin) };
}

/** Angle per position of each pair of dimensions, in float32 precision. */
export function rotaryFrequencies({ headDimension, ropeTheta, ropeScaling }: ModelConfig): Float32Array {
  const base = Float32Array.from(
    { length: headDimension / 2 },
    (_, i) => ropeTheta ** (-2 * i / headDimension),
  );
  switch (ropeScaling.kind) {
    case "default":
      return base;
    case "linear":
      return base.map((frequency) => frequency / ropeScaling.factor);
    case "llama3":
      return base.map((frequency) => llama3Frequency(frequency, ropeScaling));
  }
}

/** Long waves are stretched by the factor, short ones are kept, and those between are blended. */
function llama3Frequency(
  frequency: number,
  { factor, lowFrequencyFactor, highFrequencyFactor, originalContext }: ModelConfig["ropeScaling"] & {
    kind: "llama3";
  },
): number {
  const turns = originalContext * frequency / (2 * Math.PI);
  if (turns < lowFrequencyFactor) return frequency / factor;
  if (turns > highFrequencyFactor) return frequency;
  const smooth = (turns - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
  return (1 - smooth) * frequency / factor + smooth * frequency;
}
