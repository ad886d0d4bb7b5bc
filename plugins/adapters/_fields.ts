/**
 * Reading fields of foreign logs: every place may be missing or of another type, and then the answer is null.
 *
 * @module
 */
import type { Json } from "../../core/schema.ts";
import type { StepTokens, ToolDefinition } from "../../core/trajectory.ts";

/** An object of unknown fields. */
export type Fields = Readonly<Record<string, unknown>>;

const NONE: Fields = Object.freeze({});

/** Whether a value is an object that is not an array. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value if it is an object, else one without fields. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : NONE;
}

/** The value if it is an array, else an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The value if it is a text with something in it. */
export function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** The value if it is a finite number. */
export function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** The value if it is an integer. */
export function integerOf(value: unknown): number | null {
  return Number.isSafeInteger(value) ? value as number : null;
}

/** The value if it is a count: an integer from 0. */
export function countOf(value: unknown): number | null {
  const count = integerOf(value);
  return count !== null && count >= 0 ? count : null;
}

/** True and false, also as words. Anything else is unknown. */
export function booleanOf(value: unknown): boolean | null {
  if (typeof value === "boolean") return value;
  const word = typeof value === "string" ? value.toLowerCase() : "";
  return word === "true" ? true : word === "false" ? false : null;
}

/** The text of a message: a string, or the text parts of a list joined by newlines. */
export function contentText(value: unknown): string {
  if (typeof value === "string") return value;
  const parts = listOf(value).map((part) =>
    typeof part === "string" ? part : textOf(fieldsOf(part)["text"]) ?? ""
  );
  return parts.filter((part) => part !== "").join("\n");
}

/** A time that needs only to be cut to milliseconds: no offset, and a day that every month has. */
const PLAIN_TIME =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3,}Z?$/;

/**
 * A time as UTC with milliseconds and `Z`. A time without offset is taken as UTC, so that the answer does not depend
 * on the machine.
 */
export function utcOf(value: unknown): string | null {
  if (typeof value !== "string") return null;
  if (PLAIN_TIME.test(value)) return `${value.slice(0, 23)}Z`;
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(value)) return null;
  const iso = value.replace(" ", "T");
  const time = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(iso) ? iso : `${iso}Z`);
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

/** Milliseconds between two times, or null when one is unknown or they are out of order. */
export function elapsedMs(from: string | null, to: string | null): number | null {
  if (from === null || to === null) return null;
  const elapsed = Date.parse(to) - Date.parse(from);
  return elapsed >= 0 ? elapsed : null;
}

/** A record of JSON values. What was read with `JSON.parse` holds nothing else. */
export function jsonOf(value: Fields): Readonly<Record<string, Json>> {
  return value as Readonly<Record<string, Json>>;
}

/** A record without the fields that are null or undefined. */
export function known(value: Readonly<Record<string, Json | null | undefined>>): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, Json] =>
      entry[1] !== null && entry[1] !== undefined
    ),
  );
}

/** Arguments of a tool call, which APIs write as JSON text. Null when the text is no JSON object. */
export function argumentsOf(value: unknown): Fields | null {
  if (isFields(value)) return value;
  if (typeof value !== "string") return null;
  if (value.trim() === "") return NONE;
  try {
    const parsed: unknown = JSON.parse(value);
    return isFields(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

/** Tool definitions in the shapes that chat APIs and MCP use. Null when there is none. */
export function toolsOf(value: unknown): readonly ToolDefinition[] | null {
  const tools = listOf(value).flatMap((item) => {
    const tool = isFields(fieldsOf(item)["function"]) ? fieldsOf(fieldsOf(item)["function"]) : fieldsOf(item);
    const name = textOf(tool["name"]) ?? textOf(tool["title"]);
    const parameters = fieldsOf(tool["parameters"] ?? tool["inputSchema"] ?? tool["input_schema"]);
    return name === null ? [] : [{ name, description: textOf(tool["description"]) ?? "", parameters }];
  });
  return tools.length === 0 ? null : tools;
}

/** Token counts of a model call; null when neither is known. */
export function tokenCounts(promptTokens: number | null, completionTokens: number | null): StepTokens | null {
  if (promptTokens === null && completionTokens === null) return null;
  return {
    promptIds: null,
    completionIds: null,
    logProbs: null,
    sampling: null,
    promptTokens,
    completionTokens,
    reencoded: false,
  };
}
