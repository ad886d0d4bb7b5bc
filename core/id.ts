/**
 * Ids of contributions: `namespace/name-vN`, and what to say when one is not found.
 *
 * @module
 */
import { GymError } from "./errors.ts";

const GRAMMAR = /^([a-z0-9]+(?:-[a-z0-9]+)*)\/([a-z0-9]+(?:[-_][a-z0-9]+)*?)(?:-v([1-9][0-9]*|0))?$/;

/** An id in its parts. `version` is null when the id names none: the newest is meant. */
export interface IdParts {
  /** Who owns it: `knowlyr`. */
  readonly namespace: string;
  /** What it is: `sandbox`. */
  readonly name: string;
  /** N of `-vN`, or null. */
  readonly version: number | null;
}

/**
 * Splits an id.
 *
 * @throws {GymError} `INVALID_ID` when it does not follow `namespace/name` or `namespace/name-vN`.
 */
export function parseId(id: string): IdParts {
  const match = GRAMMAR.exec(id);
  if (match === null || (match[3] === undefined && /-v\d+$/.test(id))) {
    throw new GymError(
      "INVALID_ID",
      `Cannot use id "${id}": wanted namespace/name or namespace/name-vN in lower case`,
      { id },
    );
  }
  return { namespace: match[1]!, name: match[2]!, version: match[3] === undefined ? null : Number(match[3]) };
}

/**
 * The id of `known` that `id` means: itself, or the newest version when `id` names none. Undefined when there is none.
 */
export function resolveId(id: string, known: Iterable<string>): string | undefined {
  const { namespace, name, version } = parseId(id);
  let newest: { id: string; version: number } | undefined;
  for (const candidate of known) {
    if (candidate === id) return candidate;
    const parts = parseId(candidate);
    if (version !== null || parts.namespace !== namespace || parts.name !== name) continue;
    if (newest === undefined || (parts.version ?? 0) > newest.version) {
      newest = { id: candidate, version: parts.version ?? 0 };
    }
  }
  return newest?.id;
}

/** The candidate nearest to `name` by edit distance, if it is near enough to be a slip of the pen. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: { name: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(name, candidate);
    if (best === undefined || distance < best.distance) best = { name: candidate, distance };
  }
  return best !== undefined && best.distance <= Math.max(2, name.length / 3) ? best.name : undefined;
}

/** `: did you mean "x"?`, or nothing when no candidate is near. */
export function hint(name: string, candidates: Iterable<string>): string {
  const near = nearest(name, candidates);
  return near === undefined ? "" : `: did you mean "${near}"?`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
