/**
 * Options of trainers as fields of a command's input: each may be left out, so that what was typed can be told from
 * what was not, and its default stands in the help instead.
 *
 * @module
 */
import { z } from "zod";

/** Fields of an input or of options, by name. */
export type Fields = Readonly<Record<string, z.ZodType>>;

/** The same fields, none of them required, without their defaults. */
export function optionalFields(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, optional(field)]));
}

function optional(field: z.ZodType): z.ZodType {
  const description = field.description ?? "";
  const filled = field.safeParse(undefined);
  const shown = filled.success && filled.data !== undefined ? ` (default ${said(filled.data)})` : "";
  return bare(field).optional().describe(description + shown);
}

/** A field without the modifiers that let it be left out. */
function bare(field: z.ZodType): z.ZodType {
  let inner = field;
  // Sound: what these modifiers wrap is a type of the same library.
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodOptional) inner = inner.unwrap() as z.ZodType;
  return inner;
}

function said(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map(said).join(", ");
  if (typeof value !== "object" || value === null) return String(value);
  return Object.keys(value).length === 0 ? "none" : JSON.stringify(value);
}

/** Data to train or evaluate on. */
export const dataField: z.ZodType<string[], string[]> = z.array(z.string()).min(1).describe(
  "JSON Lines: files, folders or globs",
);

/** The fields of some names. */
export function picked(fields: Fields, names: Iterable<string>): Fields {
  return Object.fromEntries([...names].map((name) => [name, fields[name]!]));
}
