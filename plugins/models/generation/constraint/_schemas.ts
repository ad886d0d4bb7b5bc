/** For tests: schemas at random, their values, and a validator that shares nothing with what is tested. */
import fc from "fast-check";
import type { Json } from "../../../../core/schema.ts";

/** A schema as an object. */
export type TestSchema = { readonly [keyword: string]: Json };

const name = fc.oneof(
  fc.constantFrom("a", "ab", "abc", "path", "count", "Straße", 'q"uote', "tab\t"),
  fc.string({ unit: "grapheme", maxLength: 5 }),
).filter((key) => key !== "__proto__");

const counts = fc.tuple(fc.nat(2), fc.nat(3)).map(([least, more]) => ({ least, most: least + more }));

const leaf: fc.Arbitrary<TestSchema> = fc.oneof(
  fc.constantFrom<TestSchema>(
    { type: "string" },
    { type: "number" },
    { type: "integer" },
    { type: "boolean" },
    { type: "null" },
    { type: ["string", "null"] },
    { type: "number", minimum: 0 },
    { type: "integer", minimum: -3, maximum: 12 },
    { type: "object" },
    {},
  ),
  counts.map(({ least, most }) => ({ type: "string", minLength: least, maxLength: most })),
  fc.array(fc.jsonValue({ maxDepth: 1 }), { minLength: 1, maxLength: 4 }).map((values) => ({
    enum: jsonOf(values) as Json[],
  })),
  fc.jsonValue({ maxDepth: 2 }).map((value) => ({ const: jsonOf(value) })),
);

/** A schema of the keywords that terms are made of. */
export const arbitrarySchema: fc.Arbitrary<TestSchema> = fc.letrec<{ schema: TestSchema }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    leaf,
    fc.tuple(tie("schema"), counts).map(([items, { least, most }]) => ({
      type: "array",
      items,
      minItems: least,
      maxItems: most,
    })),
    fc.tuple(
      fc.dictionary(name, tie("schema"), { maxKeys: 4, noNullPrototype: true }),
      fc.nat(15),
      fc.option(tie("schema"), { freq: 3 }),
    ).map(([properties, flags, further]) => ({
      type: "object",
      properties,
      required: Object.keys(properties).filter((_, at) => flags >> at & 1),
      additionalProperties: further ?? false,
    })),
    fc.array(tie("schema"), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
  ),
})).schema;

/** Schemas of parameters: objects of listed properties. */
export const arbitraryParameters: fc.Arbitrary<TestSchema> = fc.tuple(
  fc.dictionary(name, arbitrarySchema, { maxKeys: 3, noNullPrototype: true }),
  fc.nat(7),
).map(([properties, flags]) => ({
  type: "object",
  properties,
  required: Object.keys(properties).filter((_, at) => flags >> at & 1),
}));

/** As JSON has it: −0 is 0. */
function jsonOf(value: unknown): Json {
  return JSON.parse(JSON.stringify(value));
}

/** Values that fit a schema of {@linkcode arbitrarySchema}. */
export function valueOf(schema: TestSchema): fc.Arbitrary<Json> {
  if (schema.anyOf !== undefined) return fc.oneof(...(schema.anyOf as TestSchema[]).map(valueOf));
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum as Json[]);
  if ("const" in schema) return fc.constant(schema.const!);
  const types = [schema.type ?? ["object", "array", "string", "number", "boolean", "null"]]
    .flat() as string[];
  return fc.oneof(...types.map((type) => VALUES[type]!(schema)));
}

const size = (least: Json | undefined, most: Json | undefined) => ({
  minLength: (least ?? 0) as number,
  maxLength: (most ?? 6) as number,
});

const VALUES: Readonly<Record<string, (schema: TestSchema) => fc.Arbitrary<Json>>> = {
  string: ({ minLength, maxLength }) => fc.string({ unit: "binary", ...size(minLength, maxLength) }),
  number: ({ minimum }) =>
    fc.double({ min: (minimum ?? -1e190) as number, max: 1e190, noNaN: true }).map((value) => value || 0),
  integer: ({ minimum, maximum }) =>
    fc.integer({ min: (minimum ?? -1e9) as number, max: (maximum ?? 1e9) as number }),
  boolean: () => fc.boolean(),
  null: () => fc.constant(null),
  array: ({ items, minItems, maxItems }) =>
    fc.array(items === undefined ? fc.integer() : valueOf(items as TestSchema), size(minItems, maxItems)),
  object: ({ properties = {}, required = [], additionalProperties: further }) => {
    const listed = Object.entries(properties as { [key: string]: TestSchema });
    const more = further === false ? fc.constant({}) : fc.dictionary(
      fc.stringMatching(/^[a-z~]{0,4}$/).filter((key) => !Object.hasOwn(properties as object, key)),
      further === undefined ? fc.boolean() : valueOf(further as TestSchema),
      { maxKeys: 2, noNullPrototype: true },
    );
    const values = listed.map(([key, schema]) =>
      (required as string[]).includes(key) ? valueOf(schema) : fc.option(valueOf(schema), { nil: undefined })
    );
    return fc.tuple(more, fc.tuple(...values), fc.nat(1e6)).map(([extra, found, order]) => {
      const entries = [...listed.map(([key], at) => [key, found[at]] as const), ...Object.entries(extra)]
        .filter(([, value]) => value !== undefined) as [string, Json][];
      const shift = entries.length === 0 ? 0 : order % entries.length;
      return Object.fromEntries([...entries.slice(shift), ...entries.slice(0, shift)]);
    });
  },
};

/** Whether a value fits a schema. */
export function fits(schema: Json | undefined, value: Json): boolean {
  if (typeof schema !== "object" || schema === null) return schema !== false;
  const rule = schema as TestSchema;
  if (rule.anyOf !== undefined && !(rule.anyOf as Json[]).some((part) => fits(part, value))) return false;
  if (rule.enum !== undefined && !(rule.enum as Json[]).some((each) => same(each, value))) return false;
  if ("const" in rule && !same(rule.const, value)) return false;
  if (rule.type !== undefined && ![rule.type].flat().some((type) => isOf(type as string, value))) {
    return false;
  }
  if (typeof value === "string") {
    const length = [...value].length;
    return value.isWellFormed() && length >= Number(rule.minLength ?? 0) &&
      length <= Number(rule.maxLength ?? Infinity);
  }
  if (typeof value === "number") {
    return Number.isFinite(value) && value >= Number(rule.minimum ?? -Infinity) &&
      value <= Number(rule.maximum ?? Infinity);
  }
  if (Array.isArray(value)) {
    return value.length >= Number(rule.minItems ?? 0) && value.length <= Number(rule.maxItems ?? Infinity) &&
      value.every((item) => fits(rule.items, item));
  }
  if (typeof value !== "object" || value === null) return true;
  const properties = (rule.properties ?? {}) as { [key: string]: Json };
  return ((rule.required ?? []) as string[]).every((key) => Object.hasOwn(value, key)) &&
    Object.entries(value).every(([key, item]) =>
      fits(Object.hasOwn(properties, key) ? properties[key] : rule.additionalProperties, item)
    );
}

function isOf(type: string, value: Json): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "integer") return Number.isInteger(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  const own: string = typeof value;
  return own === type;
}

/** Whether two values are the same JSON, whatever the order of their keys. */
function same(a: Json | undefined, b: Json | undefined): boolean {
  const sorted = (_: string, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([x], [y]) => x < y ? -1 : 1))
      : value;
  return JSON.stringify(a, sorted) === JSON.stringify(b, sorted);
}
