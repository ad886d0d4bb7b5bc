/**
 * What the policy sampled, as the graphs of the other trainers take it.
 *
 * @module
 */
import type { PolicySample } from "../_grpo/samples.ts";
import type { Sequence } from "../_data/mod.ts";

/** Prompt and completion; what was sampled counts 1 a token. */
export function sampledSequence({ promptIds, completionIds, mask, reward, episode }: PolicySample): Sequence {
  const length = promptIds.length + completionIds.length;
  const ids = new Int32Array(length);
  const weights = new Float32Array(length);
  ids.set(promptIds);
  ids.set(completionIds, promptIds.length);
  weights.set(mask, promptIds.length);
  return {
    ids,
    weights,
    roles: new Uint8Array(length),
    steps: new Int32Array(length),
    row: episode,
    chunk: 0,
    chunks: 1,
    origin: `episode ${episode}`,
    group: String(episode),
    features: { steps: 1, reward, length },
  };
}
