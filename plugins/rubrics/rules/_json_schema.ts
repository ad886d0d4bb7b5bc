/**
 * Checks a value against the part of JSON Schema that descriptions of tools use: type, enum, const, required,
 * properties, additionalProperties, items, anyOf, oneOf, and the bounds of numbers, texts and lists. Other keywords are not looked at.
 *
 * @module
 */
import type { Json, JsonSchema } from "../../../core/schema.ts";

/** The first thing wrong with a value, or null. @param field Dotted path of the value, empty at the top. */
export function problemOf(value: Json, schema: JsonSchema, field: string): string | null {
  const at = field === "" ? "parameters" : field;
  const { type, enum: allowed, const: only } = schema;
  if (type !== undefined && ![type].flat().some((name) => hasType(value, name))) {
    return `${at}: wanted ${[type].flat().join(" or ")}: received ${typeName(value)}`;
  }
  if (Array.isArray(allowed) && !allowed.some((item) => JSON.stringify(item) === JSON.stringify(value))) {
    return `${at}: wanted one of ${allowed.map((item) => JSON.stringify(item)).join(", ")}: received ${
      short(value)
    }`;
  }
  if (only !== undefined && JSON.stringify(only) !== JSON.stringify(value)) {
    return `${at}: wanted ${JSON.stringify(only)}: received ${short(value)}`;
  }
  const options = schema["anyOf"] ?? schema["oneOf"];
  if (
    Array.isArray(options) && !options.some((option: JsonSchema) => problemOf(value, option, field) === null)
  ) {
    return `${at}: wanted one of ${options.length} forms: received ${short(value)}`;
  }
  return boundProblem(value, schema, at) ?? partProblem(value, schema, field);
}

function hasType(value: Json, name: unknown): boolean {
  if (name === "number") return typeof value === "number";
  return typeName(value) === name;
}

function typeName(value: Json): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

/** Keyword, what it measures, and whether it is a lower bound. */
const BOUNDS: readonly (readonly [string, (value: Json) => number | null, boolean])[] = [
  ["minimum", (value) => typeof value === "number" ? value : null, true],
  ["maximum", (value) => typeof value === "number" ? value : null, false],
  ["minLength", (value) => typeof value === "string" ? value.length : null, true],
  ["maxLength", (value) => typeof value === "string" ? value.length : null, false],
  ["minItems", (value) => Array.isArray(value) ? value.length : null, true],
  ["maxItems", (value) => Array.isArray(value) ? value.length : null, false],
];

function boundProblem(value: Json, schema: JsonSchema, at: string): string | null {
  for (const [keyword, measure, lower] of BOUNDS) {
    const bound = schema[keyword];
    const size = typeof bound === "number" ? measure(value) : null;
    if (size === null || (lower ? size >= (bound as number) : size <= (bound as number))) continue;
    return `${at}: wanted ${keyword} ${bound}: received ${short(value)}`;
  }
  return null;
}

function partProblem(value: Json, schema: JsonSchema, field: string): string | null {
  if (typeof value !== "object" || value === null) return null;
  if (Array.isArray(value)) return itemProblem(value, schema["items"], field);
  const table = value as { readonly [key: string]: Json };
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, JsonSchema>>;
  const path = (name: string): string => field === "" ? name : `${field}.${name}`;
  for (const name of (schema["required"] ?? []) as readonly string[]) {
    if (!Object.hasOwn(table, name)) return `${path(name)}: wanted a value: received nothing`;
  }
  for (const [name, item] of Object.entries(table)) {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (known === undefined && schema["additionalProperties"] === false) {
      return `${path(name)}: unknown parameter`;
    }
    const problem = known === undefined ? null : problemOf(item, known, path(name));
    if (problem !== null) return problem;
  }
  return null;
}

function itemProblem(items: readonly Json[], schema: unknown, field: string): string | null {
  if (typeof schema !== "object" || schema === null) return null;
  for (const [index, item] of items.entries()) {
    const problem = problemOf(item, schema as JsonSchema, `${field}.${index}`);
    if (problem !== null) return problem;
  }
  return null;
}

function short(value: Json): string {
  const text = JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
