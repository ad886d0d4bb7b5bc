/**
 * Settings that must not change between a run and its continuation.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { GymError } from "../../core/errors.ts";
import type { Json } from "../../core/schema.ts";
import { canonicalJson } from "../../core/trajectory_id.ts";
import { CHANGEABLE } from "./_options.ts";

/** SHA-256 of the settings that must stay, in hex. */
export function configHash(config: { readonly [key: string]: Json }): string {
  const kept = Object.fromEntries(Object.entries(config).filter(([name]) => !CHANGEABLE.has(name)));
  return createHash("sha256").update(canonicalJson(kept)).digest("hex");
}

/** @param what `options` or `data`. @throws {GymError} `INVALID_DATA` when they are not what they were. */
export function refuseOther(folder: string, what: string, before: string, now: string): void {
  if (before === now) return;
  throw new GymError(
    "INVALID_DATA",
    `Cannot resume from ${folder}: wanted the ${what} that the run began with: received others`,
    { folder, what },
  );
}
