/**
 * One unit → one trajectory.
 *
 * @module
 */
import type { Kernel } from "../../../core/kernel.ts";
import type { Kind } from "../../../core/kind.ts";
import { policy } from "../../../core/policy.ts";
import { rollout } from "../../../core/rollout.ts";
import { env } from "../../../core/env.ts";
import type { Spec, Trajectory } from "../../../core/trajectory.ts";
import { makeEnv, wrapper } from "../../../core/wrapper.ts";
import type { Setup, Unit } from "./plan.ts";

/** What {@linkcode playUnit} takes beside the unit. */
export interface PlayOptions {
  readonly kernel: Kernel;
  readonly setup: Setup;
  /** Whether times are recorded. Without them, same seed means same bytes. */
  readonly timestamps: boolean;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/**
 * Plays a unit in an environment of its own, so that one broken episode leaves its siblings alone. Null when the
 * signal ended it: half an episode is no record of this unit.
 *
 * @throws {GymError} When environment or policy cannot be made. A failing episode is a record, not an exception.
 */
export async function playUnit(unit: Unit, options: PlayOptions): Promise<Trajectory | null> {
  const { kernel, setup, timestamps, now, signal } = options;
  const actor = await kernel.make(policy, setup.policy.id, setup.policy.options);
  try {
    await using world = await makeEnv(kernel, { ...setup.env, wrappers: setup.wrappers });
    const played = await rollout(world, actor, {
      seed: unit.seed,
      ...(unit.task === null ? {} : { task: unit.task }),
      now,
      signal,
      metadata: { unit: unit.record },
    });
    if (signal.aborted) return null;
    return timestamps ? played : withoutTimes(played);
  } finally {
    await actor[Symbol.asyncDispose]?.();
  }
}

/** A setup with its ids in full, after making each part once: unknown ids and wrong options show before any work. */
export async function checkSetup(kernel: Kernel, setup: Setup): Promise<Setup> {
  const full = <T>(spec: Spec, kind: Kind<T>): Spec => ({
    ...spec,
    id: kernel.find(kind, spec.id).contribution.id,
  });
  const resolved: Setup = {
    env: full(setup.env, env),
    wrappers: setup.wrappers.map((spec) => full(spec, wrapper)),
    policy: full(setup.policy, policy),
  };
  const actor = await kernel.make(policy, resolved.policy.id, resolved.policy.options);
  await actor[Symbol.asyncDispose]?.();
  const world = await makeEnv(kernel, { ...resolved.env, wrappers: resolved.wrappers });
  await world[Symbol.asyncDispose]();
  return resolved;
}

function withoutTimes(played: Trajectory): Trajectory {
  return {
    ...played,
    reset: { ...played.reset, timestamp: null },
    steps: played.steps.map((step) => ({
      ...step,
      timestamp: null,
      result: { ...step.result, durationMs: null },
    })),
    usage: { ...played.usage, durationMs: null },
  };
}
