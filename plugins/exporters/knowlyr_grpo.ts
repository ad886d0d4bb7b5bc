/**
 * Flat grouped rows: the columns of earlier Knowlyr tools.
 *
 * @module
 */
import { z } from "zod";
import { type Exporter, exporter } from "../../core/exporter.ts";
import type { Contribution } from "../../core/kind.ts";
import { type FlatEpisode, flatEpisodeOf, flatKey } from "./_flat_episode.ts";
import { perTask } from "./_rows.ts";

/** Options of {@linkcode knowlyrGrpoExporter}. */
export interface KnowlyrGrpoOptions {
  /** Least number of episodes of a group; below it the group is dropped. @default 2 */
  readonly minGroup?: number | undefined;
}

/** Columns: `task_id`, `prompt`, `trajectories` (`response`, `reward`, `step_rewards`), all of a task in input order. */
export const knowlyrGrpoExporter: Contribution<Exporter, KnowlyrGrpoOptions> = exporter(
  "knowlyr/knowlyr-grpo-v1",
  {
    description: "Flat grouped rollouts: prompt, and responses as text with rewards",
    options: z.strictObject({
      minGroup: z.number().int().min(1).default(2).describe("Least number of episodes of a group"),
    }),
    create: ({ minGroup }) =>
      perTask<FlatEpisode>("knowlyr-grpo", {
        keep: flatEpisodeOf,
        key: flatKey,
        *rows(group, skip) {
          if (group.length < minGroup) return skip("too few episodes of its task", group.length);
          const { taskId, prompt } = group[0]!;
          yield {
            task_id: taskId,
            prompt,
            trajectories: group.map(({ response, reward, stepRewards }) => ({
              response,
              reward,
              step_rewards: stepRewards,
            })),
          };
        },
      }),
  },
);
