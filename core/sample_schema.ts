/**
 * Random values that fit a JSON Schema: for policies that act at random and for checks of environments.
 *
 * @module
 */
import { below, type Prng } from "./prng.ts";
import type { Json, JsonSchema } from "./schema.ts";

const WORDS = ["a", "b", "main", "x.txt", "src", "1", "hello world", ".", "é", ""] as const;

type Sampler = (schema: JsonSchema, prng: Prng) => Json;

const SAMPLERS: Readonly<Record<string, Sampler>> = {
  string: sampleString,
  integer: (schema, prng) => sampleInteger(schema, prng),
  number: (schema, prng) => {
    const [low, high] = bounds(schema);
    return low + prng() * (high - low);
  },
  boolean: (_, prng) => prng() < 0.5,
  null: () => null,
  array: sampleArray,
  object: sampleObject,
};

/**
 * A value that fits `schema`, as far as type, enum, const, bounds, lengths, items, required properties and
 * alternatives say; `pattern`, `format` and references are not read. Optional properties are there half the time.
 */
export function sampleSchema(schema: JsonSchema, prng: Prng): Json {
  if ("const" in schema) return schema["const"] as Json;
  const choices = schema["enum"] ?? schema["examples"];
  if (Array.isArray(choices) && choices.length > 0) return pick(choices as Json[], prng);
  const alternatives = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(alternatives) && alternatives.length > 0) {
    return sampleSchema(pick(alternatives as JsonSchema[], prng), prng);
  }
  const type = schema["type"] ?? ("properties" in schema ? "object" : "string");
  const name = Array.isArray(type) ? pick(type as string[], prng) : String(type);
  return (SAMPLERS[name] ?? sampleString)(schema, prng);
}

/** Arguments for a tool whose parameters are `schema`. */
export function sampleParams(schema: JsonSchema, prng: Prng): Readonly<Record<string, Json>> {
  return sampleObject(schema, prng);
}

function pick<T>(items: readonly T[], prng: Prng): T {
  return items[below(prng, items.length)]!;
}

function numeric(schema: JsonSchema, key: string, otherwise: number): number {
  const value = schema[key];
  return typeof value === "number" ? value : otherwise;
}

function bounds(schema: JsonSchema): [low: number, high: number] {
  const low = Math.max(numeric(schema, "minimum", -Infinity), numeric(schema, "exclusiveMinimum", -Infinity));
  const high = Math.min(numeric(schema, "maximum", Infinity), numeric(schema, "exclusiveMaximum", Infinity));
  if (low === -Infinity) return [high === Infinity ? 0 : Math.min(0, high - 10), Math.min(high, 10)];
  return [low, Math.min(high, low + 10)];
}

function sampleInteger(schema: JsonSchema, prng: Prng): number {
  let [low, high] = bounds(schema);
  low = Math.ceil(low);
  high = Math.floor(high);
  if (low === schema["exclusiveMinimum"]) low++;
  if (high === schema["exclusiveMaximum"]) high--;
  return low + below(prng, Math.max(1, high - low + 1));
}

function sampleString(schema: JsonSchema, prng: Prng): string {
  const least = numeric(schema, "minLength", 0);
  const most = numeric(schema, "maxLength", Infinity);
  const word = pick(WORDS, prng);
  return [...word.padEnd(least, "x")].slice(0, most).join("");
}

function sampleArray(schema: JsonSchema, prng: Prng): Json[] {
  const least = numeric(schema, "minItems", 0);
  const most = numeric(schema, "maxItems", least + 3);
  const items = (schema["items"] ?? {}) as JsonSchema;
  return Array.from({ length: least + below(prng, most - least + 1) }, () => sampleSchema(items, prng));
}

function sampleObject(schema: JsonSchema, prng: Prng): Record<string, Json> {
  const required = new Set(schema["required"] as readonly string[] | undefined);
  const sampled: Record<string, Json> = {};
  for (const [name, property] of Object.entries((schema["properties"] ?? {}) as Record<string, JsonSchema>)) {
    if (required.has(name) || prng() < 0.5) sampled[name] = sampleSchema(property, prng);
  }
  return sampled;
}
