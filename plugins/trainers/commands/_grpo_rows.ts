/**
 * A group of episodes as `grpo` trains on it.
 *
 * @module
 */
import type { ExportRow } from "../../../core/exporter.ts";
import { type MessageCodec, ROLES, type RowPosition, type Sequence, type TokenRole } from "../_data/mod.ts";
import { rowEpisodes } from "../_grpo/episodes.ts";
import { type PolicySample, samplesOf } from "../_grpo/samples.ts";
import type { GrpoOptions } from "../grpo.ts";
import type { ShownRow } from "./_show.ts";

/** The sequences of one row: prompt, what the policy sampled, and what the environment said in between. */
export function encodeGrpoRow(
  value: ExportRow,
  { file, line, row }: RowPosition,
  _codec: MessageCodec,
  { maxLength, isCap }: GrpoOptions,
): ShownRow {
  const origin = `${file}:${line}`;
  const { samples, refused } = samplesOf([rowEpisodes(value, origin)], {
    maxLength,
    narrowed: isCap !== undefined,
  });
  return {
    sequences: samples.map((sample, chunk) => ({
      ...tokensOf(sample),
      row,
      chunk,
      chunks: samples.length,
      origin,
      group: origin,
      features: {
        steps: sample.stepRewards?.length ?? 1,
        reward: sample.reward,
        length: sample.promptIds.length + sample.completionIds.length,
      },
    })),
    skipped: samples.length > 0 ? null : Object.keys(refused).join(", "),
  };
}

function tokensOf(
  { promptIds, completionIds, mask, stepOf }: PolicySample,
): Pick<Sequence, "ids" | "weights" | "roles" | "steps"> {
  const start = promptIds.length;
  const length = start + completionIds.length;
  const roleOf = (t: number): TokenRole => t < start ? "user" : mask[t - start] === 1 ? "assistant" : "tool";
  return {
    ids: Int32Array.of(...promptIds, ...completionIds),
    weights: Float32Array.from({ length }, (_, t) => t < start ? 0 : mask[t - start]!),
    roles: Uint8Array.from({ length }, (_, t) => ROLES.indexOf(roleOf(t))),
    steps: Int32Array.from({ length }, (_, t) => t < start ? -1 : stepOf[t - start]!),
  };
}
