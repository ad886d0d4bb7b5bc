/**
 * Conformance of plugins: ids, descriptions, schemas, loading.
 *
 * @module
 */
import { parseId } from "../id.ts";
import { createKernel } from "../kernel.ts";
import { checkPluginShape, type Plugin } from "../plugin.ts";
import { jsonSchemaOf } from "../schema.ts";
import { brief, must, type Report, runChecks } from "./report.ts";

/** Checks a plugin without making anything it provides. */
export function checkPlugin(plugin: Plugin): Promise<Report> {
  const name = String((plugin as Partial<Plugin> | null)?.name);
  const each = (check: (item: Plugin["provides"][number]) => void) => () => {
    checkPluginShape(plugin, `plugin "${name}"`);
    plugin.provides.forEach(check);
  };
  return runChecks(`plugin "${name}"`, {
    "it has a name, a version and contributions": () => checkPluginShape(plugin, `plugin "${name}"`),
    "its version is MAJOR.MINOR.PATCH": () =>
      must(/^\d+\.\d+\.\d+/.test(plugin.version), `received ${brief(plugin.version)}`),
    "its ids carry a version": each(({ id }) =>
      must(parseId(id).version !== null, `wanted namespace/name-vN: received ${brief(id)}`)
    ),
    "its contributions say what they do": each(({ id, description }) =>
      must(typeof description === "string" && description.trim() !== "", `${brief(id)} has no description`)
    ),
    "its options are described as JSON Schema": each(({ id, options }) => {
      const schema = jsonSchemaOf(options);
      must(
        schema["type"] === "object",
        `options of ${brief(id)}: wanted an object: received ${brief(schema)}`,
      );
    }),
    "its options are described field by field": each(({ id, options }) => {
      for (const [field, said] of Object.entries(propertiesOf(jsonSchemaOf(options)))) {
        must(typeof said.description === "string", `option "${field}" of ${brief(id)} has no description`);
      }
    }),
    "its options refuse unknown fields": each(({ id, options }) =>
      must(
        !options.safeParse({ "an-unknown-field": 1 }).success,
        `options of ${brief(id)} accept an unknown field`,
      )
    ),
    "a kernel loads it": () => void createKernel({ plugins: [plugin] }),
  }, 5000);
}

function propertiesOf(schema: Readonly<Record<string, unknown>>): Record<string, { description?: unknown }> {
  return (schema["properties"] ?? {}) as Record<string, { description?: unknown }>;
}
