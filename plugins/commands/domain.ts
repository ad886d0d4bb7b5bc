/**
 * `domain list`, `domain show`: what the tools of a field mean.
 *
 * @module
 */
import { z } from "zod";
import type { Command } from "../../core/command.ts";
import { domain } from "../../core/domain.ts";
import type { Contribution } from "../../core/kind.ts";
import type { Json } from "../../core/schema.ts";
import { listed } from "./_catalogue.ts";
import { domainNamed } from "./_domains.ts";
import { table } from "./_table.ts";
import { verb } from "./_verb.ts";

/** `domain list`: domains with what they are. */
export const domainList: Contribution<Command> = verb("knowlyr/domain-list-v1", {
  path: ["domain", "list"],
  summary: "List the domains",
  input: z.strictObject({}),
  positionals: [],
  examples: [{ line: "domain list", does: "Lists the domains of all plugins" }],
  run: (_input, { kernel }) => Promise.resolve(listed(kernel, domain)),
});

/** `domain show`: tools, outcome and weights of one domain. */
export const domainShow: Contribution<Command> = verb("knowlyr/domain-show-v1", {
  path: ["domain", "show"],
  summary: "Show the tools and weights of a domain, or check a profile file",
  input: z.strictObject({ domain: z.string().describe("Short name, id, or a profile in a JSON file") }),
  positionals: ["domain"],
  examples: [
    { line: "domain show coding", does: "Shows which tools read, write and end an episode" },
    { line: "domain show profile.json", does: "Reads a profile file and shows what it means" },
  ],
  async run({ domain: name }, context) {
    const { profile } = await domainNamed(name, context);
    const tools = profile.tools.map((tool) => [
      tool.name,
      tool.category,
      (tool.key ?? []).join(" "),
      (tool.aliases ?? []).join(" "),
    ]);
    const weights = Object.entries(profile.rubricWeights);
    return {
      data: profile as unknown as Json,
      text: [
        `${profile.name}: ${profile.title}`,
        `outcome from ${profile.outcome.join(", ")}`,
        "",
        table(["tool", "category", "key", "aliases"], tools),
        ...(weights.length === 0 ? [] : ["", table(["rubric", "weight"], weights)]),
      ].join("\n"),
    };
  },
});
