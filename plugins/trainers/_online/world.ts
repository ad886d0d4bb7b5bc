/**
 * What the tries of a run need, looked at before anything is written.
 *
 * @module
 */
import { type Env, env } from "../../../core/env.ts";
import { GymError } from "../../../core/errors.ts";
import type { Kernel } from "../../../core/kernel.ts";
import { fullId } from "../../../core/names.ts";
import { deriveSeed } from "../../../core/prng.ts";
import { rubric } from "../../../core/rubric.ts";
import { makeEnv } from "../../../core/wrapper.ts";
import type { OnlineOptions } from "../online.ts";

/** Id of the task that stands for none. */
const NO_TASK = "empty";

/**
 * Makes once what every try will need.
 *
 * @throws {GymError} For a wrong name or option, and `INVALID_OPTIONS` for an environment that has no task to learn.
 */
export async function checkWorld(
  kernel: Kernel,
  { env: name, envOptions, rubrics, seed }: Pick<OnlineOptions, "env" | "envOptions" | "rubrics" | "seed">,
): Promise<void> {
  const id = fullId(kernel, env, name);
  for (const name of rubrics) await kernel.make(rubric, fullId(kernel, rubric, name));
  await using place = await makeEnv(kernel, { id, options: envOptions });
  if (await firstTask(place, seed) !== NO_TASK) return;
  throw new GymError(
    "INVALID_OPTIONS",
    `Cannot learn in ${id}: wanted an environment that chooses a task at its reset: received none, for its tasks come ` +
      "from outside; give it one by its options, or write an environment that draws from yours by its seed",
    { env: id },
  );
}

/** Null where there is none, or where a reset fails: episodes will tell that, for it may fail at times only. */
async function firstTask(place: Env, seed: number): Promise<string | null> {
  try {
    const { info } = await place.reset({ seed: deriveSeed(seed, "look") });
    return info.task?.id ?? null;
  } catch {
    return null;
  }
}
