/**
 * Contributions by short name: `sft` for `knowlyr/sft-v1`.
 *
 * @module
 */
import { GymError } from "./errors.ts";
import { hint, parseId } from "./id.ts";
import type { Kernel } from "./kernel.ts";
import type { Kind } from "./kind.ts";

/**
 * The full id that an id or a short name means; of several versions the newest.
 *
 * @throws {GymError} `UNKNOWN_ID` with the nearest name, or when plugins share the short name.
 */
export function fullId<T>(kernel: Kernel, kind: Kind<T>, name: string): string {
  if (name.includes("/")) return kernel.find(kind, name).contribution.id;
  const ids = kernel.list(kind).map(({ contribution }) => contribution.id);
  const matching = ids.filter((id) => parseId(id).name === name);
  const [first, ...others] = new Set(matching.map((id) => id.replace(/-v\d+$/, "")));
  if (first !== undefined && others.length === 0) return kernel.find(kind, first).contribution.id;
  const names = [...new Set(ids.map((id) => parseId(id).name))];
  const near = hint(name, names);
  const known = near === "" ? `: known are ${names.join(", ") || "none"}` : near;
  throw new GymError(
    "UNKNOWN_ID",
    `Cannot find ${kind.kindName} "${name}": ${
      first === undefined ? `no such name${known}` : `wanted one: received ${matching.join(", ")}`
    }`,
    { kind: kind.kindName, name },
  );
}
