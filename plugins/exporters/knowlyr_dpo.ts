/**
 * Flat preference rows: the columns of earlier Knowlyr tools.
 *
 * @module
 */
import { z } from "zod";
import { type Exporter, exporter } from "../../core/exporter.ts";
import type { Contribution } from "../../core/kind.ts";
import { type FlatEpisode, flatEpisodeOf, flatKey } from "./_flat_episode.ts";
import { pairFields, type PairOptions, pairsOf } from "./_pairs.ts";
import { perTask } from "./_rows.ts";

/** Columns: `prompt`, `chosen`, `rejected` (texts), `task_id`, `reward_margin`, `metadata`. Pairs as in `knowlyr/dpo-v1`. */
export const knowlyrDpoExporter: Contribution<Exporter, PairOptions> = exporter("knowlyr/knowlyr-dpo-v1", {
  description: "Flat preference pairs: prompt, chosen and rejected as text",
  options: z.strictObject(pairFields),
  create: (parsed) =>
    perTask<FlatEpisode>("knowlyr-dpo", {
      keep: flatEpisodeOf,
      key: flatKey,
      *rows(group, skip) {
        for (const { chosen, rejected, margin } of pairsOf(group, parsed, ({ response }) => response, skip)) {
          yield {
            prompt: chosen.prompt,
            chosen: chosen.response,
            rejected: rejected.response,
            task_id: chosen.taskId,
            reward_margin: margin,
            metadata: {
              chosen_model: chosen.model,
              rejected_model: rejected.model,
              chosen_reward: chosen.reward,
              rejected_reward: rejected.reward,
            },
          };
        }
      },
    }),
});
