/**
 * `env list`, `env show`, `env check`: the environments of a kernel.
 *
 * @module
 */
import { z } from "zod";
import type { Command } from "../../core/command.ts";
import { env } from "../../core/env.ts";
import type { Kernel } from "../../core/kernel.ts";
import type { Contribution } from "../../core/kind.ts";
import { type Json, jsonSchemaOf } from "../../core/schema.ts";
import { checkEnv } from "../../core/testing/mod.ts";
import type { ToolDefinition } from "../../core/trajectory.ts";
import { checked, described, listed, optionsTable } from "./_catalogue.ts";
import { fullId } from "../../core/names.ts";
import { table } from "./_table.ts";
import { typedOptions } from "./_typed_options.ts";
import { verb } from "./_verb.ts";

const id = z.string().describe("Id or short name of the environment");

/** `env list`: environments with what they are. */
export const envList: Contribution<Command> = verb("knowlyr/env-list-v1", {
  path: ["env", "list"],
  summary: "List the environments",
  input: z.strictObject({}),
  positionals: [],
  examples: [{ line: "env list", does: "Lists the environments of all plugins" }],
  run: (_input, { kernel }) => Promise.resolve(listed(kernel, env)),
});

/** `env show`: options, domain and tools of one environment. */
export const envShow: Contribution<Command> = verb("knowlyr/env-show-v1", {
  path: ["env", "show"],
  summary: "Show the options and tools of an environment",
  input: z.strictObject({ id }),
  positionals: ["id"],
  examples: [{ line: "env show sandbox", does: "Shows what the sandbox takes and which tools it offers" }],
  async run({ id }, { kernel }) {
    const entry = kernel.find(env, fullId(kernel, env, id));
    const about = described(entry);
    const made = await defaultsOf(kernel, entry.contribution);
    const lines = [
      `${entry.contribution.id}: ${entry.contribution.description}`,
      `plugin ${about["plugin"]}${made === null ? "" : `, domain ${made.domain}`}`,
      "",
      optionsTable(jsonSchemaOf(entry.contribution.options)),
    ];
    if (made !== null) {
      lines.push("", table(["tool", "description"], made.tools.map((tool) => [tool.name, tool.description])));
    }
    return { data: { ...about, ...made as unknown as Record<string, Json> }, text: lines.join("\n") };
  },
});

/** `env check`: the conformance kit on one environment. */
export const envCheck: Contribution<Command> = verb("knowlyr/env-check-v1", {
  path: ["env", "check"],
  summary: "Check that an environment keeps its contract",
  input: z.strictObject({
    id,
    set: z.array(z.string()).default([]).describe("Option of the environment, name=value"),
  }),
  positionals: ["id"],
  examples: [{ line: "env check sandbox", does: "Runs the conformance kit; exit code 1 when a check fails" }],
  async run({ id, set }, { kernel }) {
    const { contribution } = kernel.find(env, fullId(kernel, env, id));
    const options = typedOptions(set, contribution);
    return checked([await checkEnv(() => kernel.make(env, contribution.id, options))]);
  },
});

/** Domain and tools of an environment made without options; null when it needs some. */
async function defaultsOf(
  kernel: Kernel,
  { id, options }: Contribution<unknown, unknown>,
): Promise<{ readonly domain: string; readonly tools: readonly ToolDefinition[] } | null> {
  if (!options.safeParse({}).success) return null;
  await using made = await kernel.make(env, id);
  return { domain: made.domain, tools: made.tools };
}
