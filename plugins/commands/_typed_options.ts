/**
 * `--set name=value` as options of a contribution, typed by its schema.
 *
 * @module
 */
import { type Json, type JsonSchema, jsonSchemaOf } from "../../core/schema.ts";
import type { Contribution } from "../../core/kind.ts";
import { parseAssignments } from "./_assignments.ts";

/** Reads the assignments; a field that the schema says is text stays text, even when it looks like a number. */
export function typedOptions(
  texts: readonly string[],
  contribution: Contribution<unknown, unknown>,
): Record<string, Json> {
  const options = parseAssignments(texts, "--set");
  const properties = (jsonSchemaOf(contribution.options)["properties"] ?? {}) as Record<string, JsonSchema>;
  for (const text of texts) {
    const name = text.slice(0, text.indexOf("="));
    if (properties[name]?.["type"] === "string") options[name] = text.slice(name.length + 1);
  }
  return options;
}
