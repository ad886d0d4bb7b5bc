/**
 * Episodes of a policy in an environment, many at once; the result does not depend on how many.
 *
 * @module
 */
import type { Env } from "../../../core/env.ts";
import type { Kernel } from "../../../core/kernel.ts";
import { rollout } from "../../../core/rollout.ts";
import type { Json } from "../../../core/schema.ts";
import type { Trajectory } from "../../../core/trajectory.ts";
import { makeEnv } from "../../../core/wrapper.ts";
import { ActingModel, type ActingOptions, type ChatModel } from "../../models/generation/acting_model.ts";

/** Where episodes are played. */
export interface Arena {
  readonly kernel: Kernel;
  /** Id of the environment. */
  readonly env: string;
  readonly envOptions: Readonly<Record<string, Json>>;
  readonly maxSteps: number;
  /** Episodes at once. */
  readonly concurrency: number;
}

/** Seeds of one episode. */
export interface EpisodeSeeds {
  /** Decides the task and everything the environment does. */
  readonly seed: bigint;
  /** Decides what the policy draws. */
  readonly policySeed: bigint;
}

/** Plays an episode for each pair of seeds; results are in their order. @throws What aborted the signal. */
export async function playEpisodes(
  { kernel, env, envOptions, maxSteps, concurrency }: Arena,
  model: ChatModel,
  acting: ActingOptions,
  seeds: readonly EpisodeSeeds[],
  signal?: AbortSignal,
): Promise<Trajectory[]> {
  const episodes: Trajectory[] = [];
  let next = 0;
  const play = async () => {
    for (let at = next++; at < seeds.length; at = next++) {
      signal?.throwIfAborted();
      // A new one for each: what an environment keeps between episodes would depend on who played where.
      await using place: Env = await makeEnv(kernel, { id: env, options: envOptions });
      const policy = new ActingModel(model, acting, "in training");
      episodes[at] = await rollout(place, policy, {
        ...seeds[at]!,
        maxSteps,
        now: () => 0, // times would make equal episodes differ
        ...(signal === undefined ? {} : { signal }),
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, seeds.length) }, play));
  signal?.throwIfAborted();
  return episodes.map((episode) => ({ ...episode, reward: rewardOf(episode) }));
}

/** What an episode earned. One that ended by an error is not judged: what it earned until then says little. */
function rewardOf({ reward, steps, outcome }: Trajectory): number | null {
  if (outcome.error !== null) return null;
  return reward ?? steps.reduce((sum, step) => sum + (step.reward ?? 0), 0);
}
