/**
 * Counts changes, so that a rule can ask whether anything that a call depends on has changed.
 *
 * @module
 */
import type { Call } from "./_call.ts";

/** What has changed so far in one episode. Each question and each change costs one look-up. */
export class Changes {
  #all = 0;
  #wide = 0;
  readonly #targets = new Map<string, number>();

  /** Takes note of what a call changed. */
  add({ changes, target }: Call): void {
    if (changes === "nothing") return;
    this.#all++;
    if (changes === "anything") this.#wide++;
    else if (changes === "target") this.#targets.set(target!, (this.#targets.get(target!) ?? 0) + 1);
  }

  /** A number that differs from an earlier one for the same call exactly when something it depends on has changed. */
  version({ category, target }: Call): number {
    if (category !== "read" || target === null) return this.#all;
    // Both counts only rise, so their sum differs when one of them does. Moving about changes no file.
    return this.#wide + (this.#targets.get(target) ?? 0);
  }
}
