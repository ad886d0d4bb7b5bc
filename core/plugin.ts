/**
 * Plugins: a named, versioned list of contributions.
 *
 * @module
 */
import { GymError } from "./errors.ts";
import { parseId } from "./id.ts";
import type { Contribution, Kind } from "./kind.ts";

/** A plugin as its author writes it and as a kernel takes it. */
export interface Plugin {
  /** Name, `namespace/name`. */
  readonly name: string;
  /** Version of the plugin, as in its deno.json. */
  readonly version: string;
  /** What it provides. Order does not matter. */
  readonly provides: readonly Contribution<unknown, unknown>[];
  /** Kinds that it adds, so that a kernel can list them and check contract versions. */
  readonly kinds?: readonly Kind<never>[];
}

/**
 * Checks and freezes a plugin, so that a mistake fails at its author's line.
 *
 * @throws {GymError} `INVALID_ID` or `CLASHING_ID`.
 */
export function definePlugin(plugin: Plugin): Plugin {
  checkPluginShape(plugin, `plugin "${String(plugin?.name)}"`);
  return Object.freeze({ ...plugin, provides: Object.freeze([...plugin.provides]) });
}

/**
 * Checks that a value has the shape of a plugin, whichever copy of the library made it.
 *
 * @param source Where it came from, for the message.
 * @throws {GymError} `INVALID_PLUGIN`, `INVALID_ID` or `CLASHING_ID`.
 */
export function checkPluginShape(value: unknown, source: string): asserts value is Plugin {
  const plugin = value as Partial<Plugin> | null | undefined;
  const wrong = (what: string): never => {
    throw new GymError("INVALID_PLUGIN", `Cannot use ${source}: ${what}`, { source });
  };
  if (typeof plugin !== "object" || plugin === null) {
    wrong(`wanted a plugin as default export: received ${typeof value}`);
  }
  const { name, version, provides } = plugin as Partial<Plugin>;
  if (typeof name !== "string") return wrong("wanted a name, a text");
  parseId(name);
  if (typeof version !== "string") wrong("wanted a version, a text");
  if (!Array.isArray(provides)) return wrong("wanted provides, an array of contributions");
  const seen = new Set<string>();
  for (const [index, item] of (provides as readonly Partial<Contribution<unknown>>[]).entries()) {
    if (typeof item?.kind !== "string" || typeof item.id !== "string" || typeof item.create !== "function") {
      return wrong(
        `wanted a contribution at provides.${index}: received ${JSON.stringify(item) ?? typeof item}`,
      );
    }
    parseId(item.id);
    const key = `${item.kind} ${item.id}`;
    if (seen.has(key)) {
      throw new GymError("CLASHING_ID", `Cannot use ${source}: it provides ${item.kind} "${item.id}" twice`, {
        source,
        id: item.id,
      });
    }
    seen.add(key);
  }
}
