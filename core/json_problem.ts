/**
 * What keeps a value from being JSON.
 *
 * @module
 */

/** Levels of a whole record. */
const MAX_DEPTH = 200;

/**
 * What keeps a value from being JSON of so many levels, as `path: what was wanted: received what came`; null when nothing
 * does.
 */
export function jsonProblem(value: unknown, maxDepth: number = MAX_DEPTH): string | null {
  const found = findProblem(value, maxDepth);
  if (found === null) return null;
  const what = found.what ?? `expected at most ${maxDepth} levels: received more`;
  return `${found.path.reverse().slice(0, 8).join(".")}: ${what}`;
}

interface Problem {
  /** Keys from the inside out. */
  readonly path: string[];
  /** Null for too many levels. */
  readonly what: string | null;
}

function findProblem(value: unknown, levels: number): Problem | null {
  if (typeof value !== "object" || value === null) {
    return isScalar(value) ? null : { path: [], what: `expected a JSON value: received ${String(value)}` };
  }
  if (levels === 0) return { path: [], what: null };
  for (const [key, member] of Array.isArray(value) ? value.entries() : Object.entries(value)) {
    if (isScalar(member) || (member === undefined && !Array.isArray(value))) continue; // undefined is left out
    const found = findProblem(member, levels - 1);
    if (found === null) continue;
    found.path.push(String(key));
    return found;
  }
  return null;
}

function isScalar(value: unknown): boolean {
  return value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
}
