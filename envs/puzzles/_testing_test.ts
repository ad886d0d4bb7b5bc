/** What tests of puzzles share. */
import { env } from "../../core/env.ts";
import { createKernel, type Kernel } from "../../core/kernel.ts";
import { type Policy, policy } from "../../core/policy.ts";
import { rollout } from "../../core/rollout.ts";
import type { Action, Trajectory } from "../../core/trajectory.ts";
import policies from "../../plugins/policies/mod.ts";
import envs from "../mod.ts";

/** Environments and policies, nothing else. */
export const gym: Kernel = createKernel({ plugins: [envs, policies] });

/** Episodes of seeds 0 … in one environment. */
export async function played(
  id: string,
  options: Readonly<Record<string, unknown>>,
  acting: Policy | string,
  episodes = 50,
  actingOptions: Readonly<Record<string, unknown>> = {},
): Promise<readonly Trajectory[]> {
  await using place = await gym.make(env, id, options);
  const agent = typeof acting === "string" ? await gym.make(policy, acting, actingOptions) : acting;
  const all: Trajectory[] = [];
  for (let seed = 0; seed < episodes; seed++) {
    all.push(await rollout(place, agent, { seed: BigInt(seed), now: () => 0 }));
  }
  return all;
}

/** Share of episodes that succeeded. */
export function successOf(all: readonly Trajectory[]): number {
  return all.filter(({ outcome }) => outcome.success === true).length / all.length;
}

/** Sum of the rewards of an episode. */
export function returnOf({ steps }: Trajectory): number {
  return steps.reduce((sum, { reward }) => sum + (reward ?? 0), 0);
}

/** A policy that does the same at each step, or what `act` says of the step's number. */
export function always(act: Action | ((step: number) => Action)): Policy {
  return {
    name: "always",
    model: null,
    act: ({ history }) => ({ action: typeof act === "function" ? act(history.length) : act }),
  };
}

/** Plain text. */
export function text(raw: string): Action {
  return { tool: "", params: {}, raw };
}
