/**
 * `--env-option name=value` as options of an environment, typed by its schema.
 *
 * @module
 */
import { env } from "../../../core/env.ts";
import { GymError } from "../../../core/errors.ts";
import type { Kernel } from "../../../core/kernel.ts";
import { fullId } from "../../../core/names.ts";
import { type Json, type JsonSchema, jsonSchemaOf } from "../../../core/schema.ts";

type Options = Readonly<Record<string, Json>>;

/**
 * Adds what texts say to `given`. What the schema says is text stays text, anything else is JSON where it can be; dots in
 * a name lead into objects.
 *
 * @throws {GymError} `INVALID_OPTIONS` for a text without `=`, `UNKNOWN_ID`.
 */
export function withEnvOptions(
  given: Options,
  texts: readonly string[],
  kernel: Kernel,
  name: string,
): Options {
  const { options } = kernel.find(env, fullId(kernel, env, name)).contribution;
  const properties = (jsonSchemaOf(options)["properties"] ?? {}) as Readonly<Record<string, JsonSchema>>;
  return texts.reduce((all, text) => {
    const at = text.indexOf("=");
    if (at < 1) {
      throw new GymError(
        "INVALID_OPTIONS",
        `Cannot use --env-option: wanted name=value: received "${text}"`,
        { text },
      );
    }
    const [path, value] = [text.slice(0, at), text.slice(at + 1)];
    const isText = Object.hasOwn(properties, path) && properties[path]!["type"] === "string";
    return assigned(all, path.split("."), isText ? value : valueOf(value));
  }, given);
}

/** The same with a value at a path. */
function assigned(target: Options, [first = "", ...rest]: readonly string[], value: Json): Options {
  if (rest.length === 0) return { ...target, [first]: value };
  const inner = Object.hasOwn(target, first) ? target[first] : null;
  const object = typeof inner === "object" && inner !== null && !Array.isArray(inner) ? inner as Options : {};
  return { ...target, [first]: assigned(object, rest, value) };
}

/** JSON where it is some, else text. */
export function valueOf(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
