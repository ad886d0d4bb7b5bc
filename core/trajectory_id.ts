/**
 * Ids of trajectories: SHA-256 over the canonical content, so that the same episode has the same id everywhere.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Trajectory } from "./trajectory.ts";

/**
 * JSON with sorted keys and no blanks: equal values give equal text. Properties that are undefined are left out.
 *
 * Source: the key order and number form of RFC 8785.
 *
 * @throws {TypeError} For what JSON cannot say: NaN, infinities, functions, undefined itself.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return canonicalArray(value);
  if (typeof value === "object" && value !== null) return canonicalObject(value as Record<string, unknown>);
  if (value === null || typeof value === "boolean" || Number.isFinite(value)) return JSON.stringify(value);
  throw new TypeError(`Cannot write canonical JSON: wanted a JSON value: received ${String(value)}`);
}

function canonicalArray(items: readonly unknown[]): string {
  let text = "";
  for (const item of items) text += text === "" ? canonicalJson(item) : `,${canonicalJson(item)}`;
  return `[${text}]`;
}

function canonicalObject(members: Readonly<Record<string, unknown>>): string {
  let text = "";
  for (const key of Object.keys(members).sort()) {
    const member = members[key];
    if (member !== undefined) {
      text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${canonicalJson(member)}`;
    }
  }
  return `{${text}}`;
}

/**
 * The id of a trajectory: `sha256:` and 64 hex digits.
 *
 * It leaves out id, rewards, scores, metadata, timestamps and durations: scoring an episode, annotating it or running
 * it again at another time keeps the id.
 */
export function trajectoryId(trajectory: Omit<Trajectory, "id">): string {
  return `sha256:${createHash("sha256").update(canonicalJson(contentOf(trajectory))).digest("hex")}`;
}

/** The trajectory with its id. */
export function withId(trajectory: Omit<Trajectory, "id">): Trajectory {
  const { schema, ...rest } = trajectory;
  return { schema, ...{ id: "" }, ...rest, ...{ id: trajectoryId(trajectory) } };
}

function contentOf(trajectory: Omit<Trajectory, "id">): unknown {
  const { id: _, reward: _reward, scores: _scores, metadata: _metadata, ...content } =
    trajectory as Trajectory;
  return {
    ...content,
    reset: { ...content.reset, timestamp: undefined },
    steps: content.steps.map((step) => ({
      ...step,
      result: { ...step.result, durationMs: undefined },
      reward: undefined,
      scores: undefined,
      timestamp: undefined,
    })),
    usage: { ...content.usage, durationMs: undefined },
  };
}
