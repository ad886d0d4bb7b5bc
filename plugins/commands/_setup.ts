/**
 * Environment, wrappers and policy of episodes that are collected, with the limits that every episode has.
 *
 * @module
 */
import type { Json } from "../../core/schema.ts";
import type { Spec } from "../../core/trajectory.ts";
import type { Setup } from "./_episodes/plan.ts";

/** What {@linkcode limitedSetup} takes. */
export interface LimitedSetupOptions {
  readonly env: string;
  readonly envOptions: Json;
  /** Wrappers inside the limits, the first one innermost. */
  readonly wrappers: readonly Spec[];
  readonly policy: string;
  readonly policyOptions: Json;
  /** Steps after which an episode is truncated. */
  readonly maxSteps: number;
  /** Wall time of an episode in milliseconds. */
  readonly timeoutMs: number;
}

/** A setup whose episodes end: a step limit, and around it a limit of time. */
export function limitedSetup(options: LimitedSetupOptions): Setup {
  return {
    env: { id: options.env, options: options.envOptions },
    wrappers: [
      ...options.wrappers,
      { id: "knowlyr/max-steps-v1", options: { steps: options.maxSteps } },
      { id: "knowlyr/timeout-v1", options: { timeoutMs: options.timeoutMs } },
    ],
    policy: { id: options.policy, options: options.policyOptions },
  };
}
