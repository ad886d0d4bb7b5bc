/**
 * `name=value` flags as options.
 *
 * @module
 */
import { GymError } from "../../core/errors.ts";
import type { Json } from "../../core/schema.ts";

/**
 * `["steps=5", "name=x"]` → `{ steps: 5, name: "x" }`. A value that is JSON is taken as such, anything else as text.
 * Dots in the name lead into objects: `limits.cpu=2`.
 *
 * @param flag Name of the flag, for messages.
 * @throws {GymError} `INVALID_OPTIONS` for a text without `=`.
 */
export function parseAssignments(texts: readonly string[], flag: string): Record<string, Json> {
  const options: Record<string, Json> = Object.create(null);
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at < 1) {
      throw new GymError("INVALID_OPTIONS", `Cannot use ${flag}: wanted name=value: received "${text}"`, {
        flag,
        text,
      });
    }
    assign(options, text.slice(0, at).split("."), valueOf(text.slice(at + 1)));
  }
  return { ...options };
}

function assign(target: Record<string, Json>, path: readonly string[], value: Json): void {
  const [first, ...rest] = path;
  if (first === undefined) return;
  if (rest.length === 0) {
    Object.defineProperty(target, first, { value, enumerable: true, configurable: true, writable: true });
    return;
  }
  const inner = Object.hasOwn(target, first) ? target[first] : undefined;
  const object =
    (typeof inner === "object" && inner !== null && !Array.isArray(inner) ? { ...inner } : {}) as Record<
      string,
      Json
    >;
  assign(object, rest, value);
  Object.defineProperty(target, first, {
    value: object,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

function valueOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
