/**
 * Tasks of the sandbox: what lies in the workspace at the start, and the command that decides success.
 *
 * @module
 */
import { z } from "zod";
import { GymError } from "../../core/errors.ts";
import { describeIssues } from "../../core/schema.ts";
import type { Task } from "../../core/trajectory.ts";

const fields = z.looseObject({
  id: z.string(),
  description: z.string(),
  files: z.record(z.string(), z.string()).default({}),
  setup: z.array(z.string()).default([]),
  verifier: z.string().optional(),
  verifierFiles: z.record(z.string(), z.string()).default({}),
});

/** A task as the sandbox reads it; everything else in it is passed over. */
export interface SandboxTask {
  /** Id, for messages. */
  readonly id: string;
  /** What the agent is to do. */
  readonly description: string;
  /** Text of each file of the workspace by path. */
  readonly files: Readonly<Record<string, string>>;
  /** Commands that run before the agent sees the workspace; each must exit with 0. */
  readonly setup: readonly string[];
  /** Command that decides: exit code 0 is success. Left out, success stays unknown. */
  readonly verifier?: string | undefined;
  /** Files that exist only while the verifier runs, so that the agent can neither see nor change them. */
  readonly verifierFiles: Readonly<Record<string, string>>;
}

/** The task of a sandbox that was given none. */
export const EMPTY_TASK: Task = Object.freeze({
  id: "empty",
  description: "No task: look around in the workspace, then finish.",
});

/** Reads the fields of a task. @throws {GymError} `INVALID_DATA` naming each wrong field. */
export function parseTask(task: Task): SandboxTask {
  const parsed = fields.safeParse(task);
  if (parsed.success) return parsed.data;
  const issues = describeIssues(parsed.error.issues, task, fields);
  throw new GymError("INVALID_DATA", `Cannot use task "${task.id}": ${issues.join("; ")}`, {
    task: task.id,
    issues,
  });
}
