/**
 * Untrusted data and options through zod: parse once at the edge, with the field's path in every message; describe
 * as JSON Schema for help, tools and documentation.
 *
 * @module
 */
import { z } from "zod";
import { GymError } from "./errors.ts";
import { hint } from "./id.ts";

/** A JSON Schema, draft 2020-12, as plain data. */
export type JsonSchema = { readonly [key: string]: unknown };

/** Any value that survives `JSON.stringify`. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** One thing that is wrong with a value. */
export interface Issue {
  /** What sort of thing, for example `unrecognized_keys`. */
  readonly code?: string | undefined;
  /** Keys and indices that lead to the place. */
  readonly path: readonly PropertyKey[];
  /** What was wanted. */
  readonly message: string;
  /** Names of unknown fields, for `unrecognized_keys`. */
  readonly keys?: readonly string[];
  /** Values that are accepted, where these are few. */
  readonly values?: readonly unknown[];
}

/**
 * What this library uses of a zod schema, as a shape, so that a schema of another copy of zod fits as well.
 *
 * `O` is what comes out of it, `I` what may go in.
 */
export interface Schema<O = unknown, I = unknown> {
  /** Parses without throwing. */
  safeParse(input: unknown):
    | { readonly success: true; readonly data: O }
    | { readonly success: false; readonly error: { readonly issues: readonly Issue[] } };
  /** Types of both sides; there for inference only. */
  readonly _zod: { readonly output: O; readonly input: I };
}

/** Schema of a thing that takes no options. */
export const noOptions: Schema<Record<string, never>, Record<string, never>> = z.strictObject(
  {},
) as unknown as Schema<
  Record<string, never>,
  Record<string, never>
>; // sound: an empty strict object has no member of any type

/**
 * Parses options.
 *
 * @param what What the options are for, for the message: `env "acme/triage-v0"`.
 * @throws {GymError} `INVALID_OPTIONS`, naming each field, what was wanted and, for unknown fields, the nearest name.
 */
export function parseOptions<O>(schema: Schema<O>, options: unknown, what: string): O {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const issues = describeIssues(result.error.issues, options, schema);
  throw new GymError("INVALID_OPTIONS", `Cannot use options of ${what}: ${issues.join("; ")}`, {
    what,
    issues,
  });
}

/** A schema as JSON Schema of what it accepts: fields with defaults are optional. */
export function jsonSchemaOf(schema: Schema): JsonSchema {
  return z.toJSONSchema(schema as unknown as z.ZodType, {
    io: "input",
    unrepresentable: "any",
  }) as JsonSchema;
}

/** One line an issue: `field: what was wanted: received what came`. */
export function describeIssues(
  issues: readonly Issue[],
  input: unknown,
  schema?: Schema,
): string[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map(String).join(".");
    if (issue.code === "unrecognized_keys") {
      const known = schema === undefined ? [] : propertyNames(schema, issue.path);
      return (issue.keys ?? []).map((key) =>
        `${path === "" ? key : `${path}.${key}`}: unknown field${hint(key, known)}`
      );
    }
    const received = valueAt(input, issue.path);
    const shown = received === undefined ? "nothing" : shorten(JSON.stringify(received) ?? String(received));
    return [
      `${path === "" ? "" : `${path}: `}${lower(issue.message)}: received ${shown}${near(received, issue)}`,
    ];
  });
}

function near(received: unknown, { values = [] }: Issue): string {
  if (typeof received !== "string") return "";
  // Of a single value nothing is to be guessed: the message names it.
  return values.length < 2 ? "" : hint(received, values.filter((value) => typeof value === "string"));
}

function propertyNames(schema: Schema, path: readonly PropertyKey[]): string[] {
  let node: JsonSchema | undefined = jsonSchemaOf(schema);
  for (const key of path) {
    const properties: unknown = node?.["properties"];
    node = (properties as Record<string, JsonSchema> | undefined)?.[String(key)] ??
      (node?.["items"] as JsonSchema | undefined);
  }
  return Object.keys((node?.["properties"] as Record<string, unknown> | undefined) ?? {});
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

function lower(message: string): string {
  return message.replace(/^Invalid input: /, "").replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase())
    .replace(/, received .*$/, "");
}
