/** Tools and calls as rows have them, made whole: JSON text parsed, null padding of columnar files taken out. */
import type { Json } from "../../../../core/schema.ts";
import { callId, type ChatTool, type ChatToolCall } from "../../../chat/mod.ts";
import type { Field } from "./field.ts";

/** The column `tools`: a list, or JSON text of one; null when absent or empty. */
export function toolsOf(row: Field): readonly ChatTool[] | null {
  const column = row.at("tools");
  if (column.absent || column.value === "") return null;
  const tools = column.parsed("tools as a list or JSON text of one").items().map(toolOf);
  return tools.length === 0 ? null : tools;
}

function toolOf(item: Field): ChatTool {
  const tool = item.has("function") ? item.at("function") : item;
  const parameters = tool.first("parameters", "input_schema");
  return {
    type: "function",
    function: {
      name: tool.at("name").text(),
      description: tool.at("description").textOrEmpty(),
      // A schema has no use for null: there it is padding.
      parameters: parameters.absent
        ? { type: "object", properties: {} }
        : withoutNulls(parameters.object()) as { readonly [key: string]: Json },
    },
  };
}

function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== null)
      .map(([key, member]) => [key, withoutNulls(member)]),
  );
}

/** What {@linkcode callsOf} takes beside the calls. */
export interface CallContext {
  /** Tools of the row; a null argument that its tool does not declare is padding. */
  readonly tools: readonly ChatTool[] | null;
  /** Calls before these in the conversation; names a call without an id. */
  readonly before: number;
}

/** Calls of a message: `{function: {name, arguments}}`, or name and arguments directly. */
export function callsOf(calls: readonly Field[], { tools, before }: CallContext): ChatToolCall[] {
  return calls.map((item, at) => {
    const call = item.has("function") ? item.at("function") : item;
    const name = call.at("name").text();
    const id = item.at("id");
    return {
      id: id.absent || id.value === "" ? callId(before + at) : id.text(),
      type: "function",
      function: { name, arguments: argumentsOf(call.first("arguments", "parameters"), name, tools) },
    };
  });
}

function argumentsOf(
  field: Field,
  name: string,
  tools: readonly ChatTool[] | null,
): { readonly [key: string]: Json } | string {
  if (field.absent) return {};
  if (typeof field.value === "string") return objectOf(field.value) ?? field.value;
  const given = field.object();
  const declared = tools?.find((tool) => tool.function.name === name)?.function.parameters["properties"];
  if (typeof declared !== "object" || declared === null) return given;
  return Object.fromEntries(
    Object.entries(given).filter(([key, value]) => value !== null || Object.hasOwn(declared, key)),
  );
}

/** The object that a JSON text says, or null for anything else. */
export function objectOf(text: string): { readonly [key: string]: Json } | null {
  try {
    const value: unknown = JSON.parse(text);
    // Sound: what JSON.parse returns is JSON, and an object that is no list has named fields.
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as { readonly [key: string]: Json }
      : null;
  } catch {
    return null; // not JSON: the caller keeps the text
  }
}
