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

/** Schema of a thing that takes no options. */
export const noOptions: z.ZodType<Record<string, never>, Record<string, never>> = z.strictObject(
  {},
) as z.ZodType<
  Record<string, never>,
  Record<string, never>
>;

/**
 * Parses options.
 *
 * @param what What the options are for, for the message: `env "acme/triage-v0"`.
 * @throws {GymError} `INVALID_OPTIONS`, naming each field, what was wanted and, for unknown fields, the nearest name.
 */
export function parseOptions<O>(schema: z.ZodType<O>, options: unknown, what: string): O {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const issues = describeIssues(result.error.issues, options, schema);
  throw new GymError("INVALID_OPTIONS", `Cannot use options of ${what}: ${issues.join("; ")}`, {
    what,
    issues,
  });
}

/** A schema as JSON Schema of what it accepts: fields with defaults are optional. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
}

/** One line an issue: `field: what was wanted: received what came`. */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
  input: unknown,
  schema?: z.ZodType,
): string[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map(String).join(".");
    if (issue.code === "unrecognized_keys") {
      const known = schema === undefined ? [] : propertyNames(schema, issue.path);
      return issue.keys.map((key) =>
        `${path === "" ? key : `${path}.${key}`}: unknown field${hint(key, known)}`
      );
    }
    const received = valueAt(input, issue.path);
    const shown = received === undefined ? "nothing" : shorten(JSON.stringify(received) ?? String(received));
    return [`${path === "" ? "" : `${path}: `}${lower(issue.message)}: received ${shown}`];
  });
}

function propertyNames(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
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
