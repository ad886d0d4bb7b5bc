/**
 * Plays a fixed list of actions.
 *
 * @module
 */
import { z } from "zod";
import type { Contribution } from "../../core/kind.ts";
import { type Policy, policy } from "../../core/policy.ts";
import { entryOf, type ScriptedAction, scriptedAction } from "./_script.ts";

/** Options of {@linkcode scriptedPolicy}. */
export interface ScriptedOptions {
  /** Actions in order. */
  readonly actions: readonly ScriptedAction[];
}

/**
 * Plays the actions of its options, whatever comes back. When the list is over it hands in, with a tool named `submit`
 * or `finish` if there is one, and fails otherwise.
 */
export const scriptedPolicy: Contribution<Policy, ScriptedOptions> = policy("knowlyr/scripted-v1", {
  description: "Plays a fixed list of actions",
  options: z.strictObject({
    actions: z.array(scriptedAction).readonly().describe("Actions in order"),
  }) as z.ZodType<ScriptedOptions, ScriptedOptions>,
  create: ({ actions }): Policy => ({
    name: "scripted",
    model: null,
    act: ({ history, tools }) => entryOf(actions, history.length, tools),
  }),
});
