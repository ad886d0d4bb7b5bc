/**
 * What a kernel holds, for `list` and `show`.
 *
 * @module
 */
import type { CommandResult } from "../../core/command.ts";
import type { Entry, Kernel } from "../../core/kernel.ts";
import type { Kind } from "../../core/kind.ts";
import { type Json, type JsonSchema, jsonSchemaOf } from "../../core/schema.ts";
import type { Report } from "../../core/testing/mod.ts";
import { type Cell, table } from "./_table.ts";

/** All contributions of a kind, one a line. */
export function listed<T>(kernel: Kernel, kind: Kind<T>): CommandResult {
  const data = kernel.list(kind).map(({ contribution: { id, description }, plugin }) => ({
    id,
    description,
    plugin: plugin.name,
  }));
  return {
    data,
    text: table(["id", "description", "plugin"], data.map((one) => [one.id, one.description, one.plugin])),
  };
}

/** Id, description, plugin and options of one contribution. */
export function described({ contribution, plugin }: Entry<unknown>): Readonly<Record<string, Json>> {
  const { id, description, options } = contribution;
  return {
    id,
    description,
    plugin: `${plugin.name} ${plugin.version}`,
    options: jsonSchemaOf(options) as Json,
  };
}

/** The options of a JSON Schema as a table, or a line that says there are none. */
export function optionsTable(schema: JsonSchema): string {
  const properties = Object.entries((schema["properties"] ?? {}) as Readonly<Record<string, JsonSchema>>);
  if (properties.length === 0) return "No options";
  const required = (schema["required"] ?? []) as readonly string[];
  return table(
    ["option", "type", "default", "description"],
    properties.map(([name, property]): Cell[] => [
      name,
      typeText(property),
      required.includes(name) ? "(required)" : JSON.stringify(property["default"]) ?? "",
      String(property["description"] ?? ""),
    ]),
  );
}

function typeText(property: JsonSchema): string {
  const { enum: choices, type } = property;
  if (Array.isArray(choices)) return choices.map(String).join("|");
  return typeof type === "string" ? type : "any";
}

/** What conformance kits found; exit code 1 when a check failed. */
export function checked(reports: readonly Report[]): CommandResult {
  const checks = reports.flatMap((report) => report.checks.map((check) => ({ ...check, of: report.name })));
  const failed = checks.filter(({ status }) => status === "failed").length;
  return {
    data: reports as unknown as Json,
    text: [
      ...reports.flatMap(({ name, checks }) => [
        name,
        ...checks.map(({ name, status, detail }) =>
          `  ${status}: ${name}${detail === "" ? "" : `: ${detail}`}`
        ),
      ]),
      `${checks.length} checks, ${failed} failed`,
    ].join("\n"),
    exitCode: failed === 0 ? 0 : 1,
  };
}
