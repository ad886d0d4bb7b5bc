/**
 * Lengths that a model was not made for.
 *
 * @module
 */
import { GymError } from "../../core/errors.ts";
import type { ModelFolder } from "../models/mod.ts";

/** @throws {GymError} `INVALID_OPTIONS` when sequences may become longer than the model's context. */
export function refuseBeyondContext({ config: { contextLength } }: ModelFolder, maxLength: number): void {
  if (maxLength <= contextLength) return;
  throw new GymError(
    "INVALID_OPTIONS",
    `Cannot train: maxLength: wanted at most ${contextLength}, the model's context: received ${maxLength}`,
    { maxLength, contextLength },
  );
}

/**
 * The same where lengths are known: one that goes too far but is not used is only told, as the default may be one.
 *
 * @returns Notices.
 */
export function checkContext(
  folder: ModelFolder,
  maxLength: number,
  sequences: readonly { readonly ids: ArrayLike<number> }[],
): readonly string[] {
  const { contextLength } = folder.config;
  if (sequences.some(({ ids }) => ids.length > contextLength)) refuseBeyondContext(folder, maxLength);
  if (maxLength <= contextLength) return [];
  return [`maxLength ${maxLength} is more than the model's context of ${contextLength}; no row is longer`];
}
