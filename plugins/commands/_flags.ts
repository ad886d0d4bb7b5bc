/**
 * Fields of a command's input → flags and arguments. What a field may be is a table by the type in its JSON Schema.
 *
 * @module
 */
import { type Message, text } from "@optique/core/message";
import { map, multiple, optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, negatableFlag, option } from "@optique/core/primitives";
import { choice, float, integer, keyValue, string, type ValueParser } from "@optique/core/valueparser";
import type { Command } from "../../core/command.ts";
import { type JsonSchema, jsonSchemaOf } from "../../core/schema.ts";

/** One field of an input. */
export interface InputField {
  readonly name: string;
  readonly schema: JsonSchema;
  /** Whether it is an argument rather than a flag. */
  readonly positional: boolean;
  readonly required: boolean;
  /** One letter, without the dash. */
  readonly short?: string;
}

type AnyParser = Parser<"sync", unknown, unknown>;
type AnyValue = ValueParser<"sync", unknown>;
type Dashed = `--${string}` | `-${string}`;

/** The fields of a command's input: arguments first, in their order, then flags as the schema lists them. */
export function inputFields(command: Command): InputField[] {
  const { properties = {}, required = [] } = jsonSchemaOf(command.input) as {
    readonly properties?: Readonly<Record<string, JsonSchema>>;
    readonly required?: readonly string[];
  };
  const flags = Object.keys(properties).filter((name) => !command.positionals.includes(name));
  return [...command.positionals, ...flags].map((name) => {
    const short = command.short?.[name];
    return {
      name,
      schema: properties[name] ?? {},
      positional: command.positionals.includes(name),
      required: required.includes(name),
      ...(short === undefined ? {} : { short }),
    };
  });
}

/** How a user spells a field: `--max-steps`, or `LOGS` for an argument. */
export function flagOf(command: Pick<Command, "positionals">, name: string): string {
  return spelled({ name, positional: command.positionals.includes(name) });
}

function spelled({ name, positional }: Pick<InputField, "name" | "positional">): string {
  return positional ? kebab(name).toUpperCase() : `--${kebab(name)}`;
}

/** The parser of one field. */
export function fieldParser(field: InputField): AnyParser {
  return (FIELD_PARSERS[typeOf(field.schema)] ?? single)(field);
}

/** Fields that are more than one value parsed; every other type is a single one. */
const FIELD_PARSERS: Readonly<Record<string, (field: InputField) => AnyParser>> = {
  boolean: flagPair,
  array: (field) => {
    const items = (field.schema["items"] ?? {}) as JsonSchema;
    const values = multiple(one(field, valueParser(items, metavarOf(field))), {
      min: field.required ? 1 : 0,
      errors: { tooFew: [text(`${spelled(field)}: wanted at least one`)] },
    });
    return field.required ? values : map(values, (given) => given.length === 0 ? undefined : given);
  },
  object: (field) => {
    const values = (field.schema["additionalProperties"] ?? {}) as JsonSchema;
    const pair = keyValue({ metavar: "NAME=VALUE", value: valueParser(values, "VALUE") });
    return map(multiple(one(field, pair)), (pairs) => Object.fromEntries(pairs as [string, unknown][]));
  },
};

function single(field: InputField): AnyParser {
  return lenient(one(field, valueParser(field.schema, metavarOf(field))), field);
}

function flagPair(field: InputField): AnyParser {
  const short: Dashed[] = field.short === undefined ? [] : [`-${field.short}`];
  const pair = negatableFlag(
    { positive: [`--${kebab(field.name)}`, ...short], negative: [`--no-${kebab(field.name)}`] },
    { description: describe(field) },
  );
  return lenient(pair, field);
}

/** A flag or argument that must be there exactly once. */
function one(field: InputField, value: AnyValue): AnyParser {
  const missing = { endOfInput: [text(`${spelled(field)}: wanted, received nothing`)] };
  if (field.positional) return argument(value, { description: describe(field), errors: missing });
  const short: Dashed[] = field.short === undefined ? [] : [`-${field.short}`];
  const names: [Dashed, ...Dashed[]] = [`--${kebab(field.name)}`, ...short];
  return option(...names, value, { description: describe(field) });
}

/** Fills in what help shows as the default; the schema fills in the same value again. */
function lenient(parser: AnyParser, field: InputField): AnyParser {
  const value = field.schema["default"];
  if (value !== undefined && value !== null) return withDefault(parser, value);
  return field.required ? parser : optional(parser);
}

/** Parsers of one value by JSON Schema type; text when the type is none of these. */
const VALUE_PARSERS: Readonly<Record<string, (metavar: Metavar) => AnyValue>> = {
  integer: (metavar) => integer({ metavar }),
  number: (metavar) => float({ metavar }),
  string: (metavar) => string({ metavar }),
};

type Metavar = NonNullable<NonNullable<Parameters<typeof string>[0]>["metavar"]>;

function valueParser(schema: JsonSchema, metavar: Metavar): AnyValue {
  const choices = schema["enum"];
  if (Array.isArray(choices) && choices.every((item) => typeof item === "string")) {
    return choice(choices as string[], { metavar }) as AnyValue;
  }
  return (VALUE_PARSERS[typeOf(schema)] ?? VALUE_PARSERS["string"]!)(metavar);
}

/** The type of a schema, of the one non-null branch when it has several. */
function typeOf(schema: JsonSchema): string {
  if (typeof schema["type"] === "string") return schema["type"];
  const branches = (schema["anyOf"] ?? []) as readonly JsonSchema[];
  const types = branches.map(typeOf).filter((type) => type !== "null");
  return types.length === 1 ? types[0]! : "string";
}

function metavarOf(field: InputField): Metavar {
  return kebab(field.name).toUpperCase() as Metavar;
}

function describe(field: InputField): Message {
  return [text(String(field.schema["description"] ?? ""))];
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll("_", "-");
}
