/**
 * `plugin list`, `plugin show`, `plugin check`, `plugin new`: what is loaded, and writing one's own.
 *
 * @module
 */
import { resolve } from "node:path";
import { z } from "zod";
import type { Command, CommandContext } from "../../core/command.ts";
import { adapter } from "../../core/adapter.ts";
import { env } from "../../core/env.ts";
import { GymError } from "../../core/errors.ts";
import { exporter } from "../../core/exporter.ts";
import { hint, parseId } from "../../core/id.ts";
import { createKernel, type Kernel } from "../../core/kernel.ts";
import type { Contribution } from "../../core/kind.ts";
import { loadPlugin } from "../../core/load.ts";
import type { Plugin } from "../../core/plugin.ts";
import { rubric } from "../../core/rubric.ts";
import { checkEnv, checkExporter, checkPlugin, checkRubric, type Report } from "../../core/testing/mod.ts";
import { fileError, writeAtomic } from "../files/mod.ts";
import { checked } from "./_catalogue.ts";
import { templateFiles } from "./_plugin_template.ts";
import { table } from "./_table.ts";
import { verb } from "./_verb.ts";

/** `plugin list`: the plugins that are loaded. */
export const pluginList: Contribution<Command> = verb("knowlyr/plugin-list-v1", {
  path: ["plugin", "list"],
  summary: "List the plugins that are loaded",
  input: z.strictObject({}),
  positionals: [],
  examples: [{
    line: "plugin list --plugin ./triage",
    does: "Lists the built-in plugins and one of your own",
  }],
  run(_input, { kernel }) {
    const data = kernel.plugins.map(({ name, version, provides }) => ({
      name,
      version,
      provides: provides.length,
    }));
    const text = table(
      ["plugin", "version", "provides"],
      data.map((one) => [one.name, one.version, one.provides]),
    );
    return Promise.resolve({ data, text });
  },
});

/** `plugin show`: what one plugin provides. */
export const pluginShow: Contribution<Command> = verb("knowlyr/plugin-show-v1", {
  path: ["plugin", "show"],
  summary: "Show what a plugin provides",
  input: z.strictObject({
    plugin: z.string().describe("Name of a loaded plugin, or where to load one from"),
  }),
  positionals: ["plugin"],
  examples: [{ line: "plugin show knowlyr/rubrics", does: "Lists what the plugin provides" }],
  async run({ plugin }, context) {
    const { name, version, provides } = await pluginNamed(plugin, context);
    const data = provides.map(({ kind, id, description }) => ({ kind, id, description }));
    return {
      data: { name, version, provides: data },
      text: `${name} ${version}\n\n${
        table(["kind", "id", "description"], data.map((one) => [one.kind, one.id, one.description]))
      }`,
    };
  },
});

/** `plugin check`: the conformance kits on a plugin and on what it provides. */
export const pluginCheck: Contribution<Command> = verb("knowlyr/plugin-check-v1", {
  path: ["plugin", "check"],
  summary: "Check that a plugin and what it provides keep their contracts",
  input: z.strictObject({
    plugin: z.string().describe("File, folder or specifier (jsr:, npm:, https:), or name of a loaded plugin"),
  }),
  positionals: ["plugin"],
  examples: [{ line: "plugin check ./triage", does: "Loads the plugin and runs every kit that fits" }],
  async run({ plugin: name }, context) {
    const plugin = await pluginNamed(name, context);
    const reports = [await checkPlugin(plugin)];
    const loaded = context.kernel.plugins.some((other) => other.name === plugin.name);
    if (reports[0]!.checks.every(({ status }) => status !== "failed")) {
      const plugins = loaded ? context.kernel.plugins : [...context.kernel.plugins, plugin];
      reports.push(...await contributionReports(plugin, createKernel({ plugins })));
    }
    return checked(reports);
  },
});

/** `plugin new`: a folder with a plugin that works. */
export const pluginNew: Contribution<Command> = verb("knowlyr/plugin-new-v1", {
  path: ["plugin", "new"],
  summary: "Write the start of a plugin: a domain, an environment, a rubric and a test",
  input: z.strictObject({
    folder: z.string().describe("Folder to make; must be empty when it exists"),
    name: z.string().default("acme/triage").describe("Name of the plugin, namespace/name"),
  }),
  positionals: ["folder"],
  examples: [{
    line: "plugin new triage --name acme/triage",
    does: "Writes triage/; then: plugin check ./triage",
  }],
  async run({ folder, name }, { cwd }) {
    parseId(name);
    const path = resolve(cwd, folder);
    await refuseContents(path, folder);
    const files = templateFiles(name);
    for (const [file, text] of Object.entries(files)) await writeAtomic(resolve(path, file), text);
    const names = Object.keys(files);
    return { data: { folder, files: names }, text: [...names.map((file) => `${folder}/${file}`)].join("\n") };
  },
});

/** A loaded plugin by its name, or one to be loaded. */
async function pluginNamed(name: string, { kernel, cwd }: CommandContext): Promise<Plugin> {
  const loaded = kernel.plugins.find((plugin) => plugin.name === name);
  if (loaded !== undefined) return loaded;
  try {
    return await loadPlugin(name, { cwd });
  } catch (thrown) {
    const near = hint(name, kernel.plugins.map((plugin) => plugin.name));
    if (near === "" || (thrown as GymError).code !== "PLUGIN_LOAD") throw thrown;
    throw new GymError("UNKNOWN_ID", `Cannot find plugin "${name}": none is loaded under that name${near}`, {
      name,
    });
  }
}

/** Kits by kind, for what can be made without options. Adapters need a log to be checked with. */
const KITS: Readonly<Record<string, (kernel: Kernel, id: string) => Promise<Report>>> = {
  [env.kindName]: (kernel, id) => checkEnv(() => kernel.make(env, id)),
  [rubric.kindName]: async (kernel, id) => await checkRubric(await kernel.make(rubric, id)),
  [exporter.kindName]: async (kernel, id) => await checkExporter(await kernel.make(exporter, id)),
  [adapter.kindName]: (_kernel, id) =>
    Promise.resolve(skipped("adapter", id, "it needs a log: see checkAdapter")),
};

async function contributionReports(plugin: Plugin, kernel: Kernel): Promise<Report[]> {
  const reports: Report[] = [];
  for (const { kind, id, options } of plugin.provides) {
    const kit = Object.hasOwn(KITS, kind) ? KITS[kind] : undefined;
    if (kit === undefined) continue;
    const needs = !options.safeParse({}).success;
    reports.push(needs ? skipped(kind, id, "it cannot be made without options") : await kit(kernel, id));
  }
  return reports;
}

function skipped(kind: string, id: string, detail: string): Report {
  return { name: `${kind} "${id}"`, checks: [{ name: "it keeps its contract", status: "skipped", detail }] };
}

async function refuseContents(path: string, folder: string): Promise<void> {
  try {
    for await (const entry of Deno.readDir(path)) {
      throw new GymError(
        "FILE_ACCESS",
        `Cannot write plugin to "${folder}": wanted an empty folder: received one that holds "${entry.name}"`,
        { path: folder },
      );
    }
  } catch (thrown) {
    if (thrown instanceof GymError) throw thrown;
    if (!(thrown instanceof Deno.errors.NotFound)) throw fileError("write", folder, thrown);
  }
}
