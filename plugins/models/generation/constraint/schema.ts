/**
 * JSON Schema to the term of the texts that fit it.
 *
 * Read are: type, properties, required, additionalProperties, items, minItems, maxItems, enum, const, anyOf, oneOf, allOf of
 * one schema, `$ref` inside the document, minLength, maxLength, the bounds of whole numbers, and of others whether they may be
 * negative. Other keywords are not looked at: the term then also has texts that do not fit
 * them. An object whose properties are listed has no others unless additionalProperties asks for them, its keys come in
 * any order and none twice. Names and values of enum and const are spelled as `JSON.stringify` does.
 *
 * Containers nest up to a depth. What would need more does not fit.
 *
 * @module
 */
import type { Json } from "../../../../core/schema.ts";
import { type JsonTerms, jsonTerms } from "./json.ts";
import type { Language, Term } from "./term.ts";

/** A JSON Schema: keywords, or whether anything or nothing fits. */
export type SchemaNode = { readonly [keyword: string]: Json } | boolean;

type Keywords = Exclude<SchemaNode, boolean>;

/** A property of an object, as terms. */
interface Member {
  readonly key: Term;
  readonly value: Term;
  readonly required: boolean;
}

/** An object as terms. */
interface Members {
  /** Tells it from other objects. */
  readonly id: string;
  readonly listed: readonly Member[];
  /** What may stand beside the listed ones, any number of times; null for nothing. */
  readonly further: Member | null;
}

/** Containers inside each other, where the caller says nothing. */
export const DEFAULT_DEPTH = 12;

/** References that lead to one another without a value in between; more are a circle. */
const MOST_REFERENCES = 32;

/** What each type allows. */
const TYPES: Readonly<Record<string, (from: SchemaTerms, schema: Keywords, depth: number) => Term>> = {
  object: (from, schema, depth) => from.object(schema, depth),
  array: (from, schema, depth) => from.array(schema, depth),
  string: ({ json }, schema) =>
    json.string(countOf(schema.minLength, 0), countOf(schema.maxLength, Infinity)),
  number: ({ json }, { minimum }) =>
    typeof minimum === "number" && minimum >= 0 ? json.positiveNumber : json.number,
  integer: ({ json }, { minimum, maximum, exclusiveMinimum, exclusiveMaximum }) =>
    json.integer(
      Math.max(numberOf(minimum, -Infinity), Math.floor(numberOf(exclusiveMinimum, -Infinity)) + 1),
      Math.min(numberOf(maximum, Infinity), Math.ceil(numberOf(exclusiveMaximum, Infinity)) - 1),
    ),
  boolean: ({ language }) => language.either(language.text("true"), language.text("false")),
  null: ({ language }) => language.text("null"),
};

/** Makes terms of the schemas of one document. */
export class SchemaTerms {
  /** Where the terms are. */
  readonly language: Language;
  /** The parts of JSON in it. */
  readonly json: JsonTerms;
  readonly #document: SchemaNode;
  readonly #known = new Map<SchemaNode, (Term | undefined)[]>();
  readonly #name: string;
  #objects = 0;
  readonly #colon: Term;
  readonly #comma: Term;

  /** @param document What references start from. @param name Tells it from other documents in the language. */
  constructor(language: Language, document: SchemaNode, name: string) {
    this.language = language;
    this.#name = name;
    this.json = jsonTerms(language);
    this.#document = document;
    const { space } = this.json;
    this.#colon = language.sequence(space, language.text(":"), space);
    this.#comma = language.sequence(space, language.text(","), space);
  }

  /** The texts of the values that fit. @param depth How many containers may lie inside each other. */
  term(schema: Json | undefined, depth: number = DEFAULT_DEPTH): Term {
    if (schema === false) return this.language.nothing;
    const keywords = isKeywords(schema) ? schema : EMPTY;
    const known = this.#known.get(keywords) ?? [];
    this.#known.set(keywords, known);
    return known[depth] ??= this.#made(keywords, depth);
  }

  #made(schema: Keywords, depth: number): Term {
    const { language, json } = this;
    const resolved = this.#resolved(schema);
    const choice = resolved.anyOf ?? resolved.oneOf;
    if (Array.isArray(choice)) {
      const { anyOf: _, oneOf: __, ...rest } = resolved;
      return language.either(...choice.map((part: Json) => this.term(merged(rest, part), depth)));
    }
    if (resolved.const !== undefined) return json.value(resolved.const);
    if (Array.isArray(resolved.enum)) {
      return language.either(...resolved.enum.map((value: Json) => json.value(value)));
    }
    return language.either(...typesOf(resolved).map((type) => TYPES[type]!(this, resolved, depth)));
  }

  /** With references, and allOf of one schema, put in place. */
  #resolved(schema: Keywords): Keywords {
    let resolved = schema;
    for (let count = 0; count < MOST_REFERENCES; count++) {
      const { $ref, allOf, ...rest } = resolved;
      const all: readonly Json[] = Array.isArray(allOf) ? allOf : [];
      const target = typeof $ref === "string" ? this.#at($ref) : all.length === 1 ? all[0]! : undefined;
      if (target === undefined) return resolved;
      const next = merged(typeof $ref === "string" ? { ...rest, ...(allOf && { allOf }) } : rest, target);
      if (next === false) return { enum: [] };
      resolved = next;
    }
    return { enum: [] }; // references in a circle: nothing fits
  }

  /** What a reference points to; anything when that lies outside the document. */
  #at(reference: string): Json {
    if (!reference.startsWith("#")) return true;
    const path = decodeURIComponent(reference.slice(1)).split("/").slice(1);
    let found: Json | undefined = this.#document;
    for (const part of path) {
      const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
      found = typeof found === "object" && found !== null && Object.hasOwn(found, key)
        ? (found as { readonly [key: string]: Json })[key]
        : undefined;
    }
    return found ?? true;
  }

  /** A list of values of one schema. */
  array(schema: Keywords, depth: number): Term {
    const { language } = this;
    if (depth === 0) return language.nothing;
    const item = this.term(schema.items, depth - 1);
    const [least, most] = [countOf(schema.minItems, 0), countOf(schema.maxItems, Infinity)];
    const further = language.sequence(this.#comma, item);
    const items = language.sequence(item, language.repeat(further, least - 1, most - 1));
    const none = least > 0 ? language.nothing : language.empty;
    return this.#enclosed("[", language.either(none, most < Math.max(least, 1) ? none : items), "]");
  }

  #enclosed(open: string, inner: Term, close: string): Term {
    const { language, json: { space } } = this;
    return language.sequence(language.text(open), space, inner, space, language.text(close));
  }

  /** An object: its keys in any order. */
  object(schema: Keywords, depth: number): Term {
    const { language, json } = this;
    if (depth === 0) return language.nothing;
    const properties = isKeywords(schema.properties) ? schema.properties : EMPTY;
    const required = new Set(Array.isArray(schema.required) ? schema.required : []);
    const names = [...new Set([...Object.keys(properties), ...required])].filter((name) =>
      typeof name === "string"
    );
    const members = names.map((name): Member => ({
      key: language.text(JSON.stringify(name)),
      value: this.term(
        Object.hasOwn(properties, name) ? properties[name] : schema.additionalProperties,
        depth - 1,
      ),
      required: required.has(name),
    }));
    const value = isOpen(schema) ? this.term(schema.additionalProperties, depth - 1) : language.nothing;
    const object: Members = {
      id: `${this.#name}.${this.#objects++}`,
      listed: members.filter((member) => member.required || member.value !== language.nothing),
      further: value === language.nothing ? null : { key: json.keyOtherThan(names), value, required: false },
    };
    return this.#enclosed(
      "{",
      language.either(required.size === 0 ? language.empty : language.nothing, this.#members(object, 0n)),
      "}",
    );
  }

  /** One member and all after it. @param used A bit for each listed member that stands before. */
  #members(object: Members, used: bigint): Term {
    const { language } = this;
    const left = object.listed.map((member, at) => ({ ...member, used: used | 1n << BigInt(at) }))
      .filter((member) => member.used !== used);
    const choice = object.further === null ? left : [...left, { ...object.further, used }];
    return language.later(
      `members ${object.id} ${used}`,
      shortestMembers(choice),
      () =>
        language.either(
          ...choice.map((member) =>
            language.sequence(
              member.key,
              this.#colon,
              member.value,
              this.#furtherMembers(object, member.used),
            )
          ),
        ),
    );
  }

  #furtherMembers(object: Members, used: bigint): Term {
    const { language } = this;
    const complete = object.listed.every(({ required }, at) => !required || (used >> BigInt(at) & 1n) === 1n);
    return language.either(
      complete ? language.empty : language.nothing,
      language.sequence(this.#comma, this.#members(object, used)),
    );
  }
}

const EMPTY: Keywords = {};

/** Bytes of the shortest text with all required members, or with one where none is. */
function shortestMembers(members: readonly Member[]): number {
  const length = ({ key, value }: Member) => key.shortest + 1 + value.shortest;
  const required = members.filter((member) => member.required);
  return required.length > 0
    ? required.reduce((sum, member) => sum + length(member), required.length - 1)
    : Math.min(...members.map(length));
}

/** Whether an object may have members that are not listed. */
function isOpen({ additionalProperties: further, properties }: Keywords): boolean {
  return further === undefined ? properties === undefined : further !== false;
}

/** The types that a schema names or that its keywords imply. */
function typesOf({ type, properties, items }: Keywords): readonly string[] {
  const named = [type].flat().filter((name) => typeof name === "string" && Object.hasOwn(TYPES, name));
  if (named.length > 0) return named as string[]; // sound: filtered
  return properties !== undefined ? ["object"] : items !== undefined ? ["array"] : Object.keys(TYPES);
}

/** A schema with the keywords of another in it, which win where both have them; false when nothing fits. */
function merged(schema: Keywords, other: Json): Keywords | false {
  if (other === false) return false;
  if (!isKeywords(other)) return schema;
  const [properties, more] = [schema.properties, other.properties];
  const required = [schema.required, other.required].flatMap((names) => Array.isArray(names) ? names : []);
  return {
    ...schema,
    ...other,
    ...(isKeywords(properties) && isKeywords(more) && { properties: { ...properties, ...more } }),
    ...(required.length > 0 && { required }),
  };
}

function isKeywords(value: Json | undefined): value is Keywords {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function countOf(value: Json | undefined, otherwise: number): number {
  return typeof value === "number" && value >= 0 ? value : otherwise;
}

function numberOf(value: Json | undefined, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}
