/** JSON inside the text of a model. */
import { jsonProblem } from "../../core/json_problem.ts";
import type { Json } from "../../core/schema.ts";

/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json };

/** JSON with a space after commas and colons, as Python and chat templates write it. */
export function spacedJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(spacedJson).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value as JsonObject);
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}: ${spacedJson(item)}`).join(", ")}}`;
}

/** Levels of a value that a model wrote. */
const MAX_DEPTH = 100;

/**
 * The value of a JSON text; undefined when it is none, or one that records and templates could not hold: of more than 100
 * levels, or with a number that is read as ∞, such as `1e999`.
 */
export function parseJson(text: string): Json | undefined {
  try {
    const value: Json = JSON.parse(text);
    return jsonProblem(value, MAX_DEPTH) === null ? value : undefined;
  } catch {
    return undefined; // the caller says what was wanted
  }
}

/** The object of a JSON text; null when it is none. */
export function parseObject(text: string): JsonObject | null {
  const value = parseJson(text);
  return isObject(value) ? value : null;
}

/** Whether a value is a JSON object. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// A string without an end reaches to the end of the text, so that no part of it is looked at twice.
const TOKEN = /"[^"\\]*(?:\\[^][^"\\]*)*(?:"|\\?$)|[[\]{}]/g;

/**
 * End of the object or array that starts at `from`; -1 when it is never closed. Brackets inside strings do not count,
 * and whether the rest is JSON is not looked at.
 */
export function closingOf(text: string, from: number): number {
  TOKEN.lastIndex = from;
  let depth = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    if (match[0] === "{" || match[0] === "[") depth++;
    else if ((match[0] === "}" || match[0] === "]") && --depth === 0) return TOKEN.lastIndex;
  }
  return -1;
}

/** First place at or after `from` that is no whitespace. */
export function skipSpace(text: string, from: number): number {
  const space = /\s*/y;
  space.lastIndex = from;
  space.test(text);
  return space.lastIndex;
}
