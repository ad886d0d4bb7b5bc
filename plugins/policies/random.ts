/**
 * Calls tools at random.
 *
 * @module
 */
import type { Contribution } from "../../core/kind.ts";
import { type Policy, policy } from "../../core/policy.ts";
import { below } from "../../core/prng.ts";
import { sampleParams } from "../../core/sample_schema.ts";
import { noOptions } from "../../core/schema.ts";

/** Picks a tool uniformly and arguments that fit its JSON Schema; every choice comes from the episode's seed. */
export const randomPolicy: Contribution<Policy, Record<string, never>> = policy("knowlyr/random-v1", {
  description: "Calls a random tool with random arguments that fit its schema",
  options: noOptions,
  create: (): Policy => ({
    name: "random",
    model: null,
    act: ({ tools, prng }) => {
      const tool = tools[below(prng, tools.length)];
      if (tool === undefined) {
        throw new RangeError("Cannot act at random: wanted at least one tool: received none");
      }
      return { action: { tool: tool.name, params: sampleParams(tool.parameters, prng) } };
    },
  }),
});
