/**
 * A tool of the sandbox: a name, parameters with a schema, and what it does in a workspace.
 *
 * @module
 */
import type { z } from "zod";
import type { StepInfo } from "../../core/env.ts";
import type { Runtime } from "../../core/runtime.ts";
import { describeIssues, jsonSchemaOf } from "../../core/schema.ts";
import type { Action, ToolDefinition } from "../../core/trajectory.ts";
import { hint } from "../../core/id.ts";
import type { SandboxTask } from "./task.ts";

/** Problems with the arguments of one call that an agent is told. */
const MAX_ISSUES = 5;

/** Characters of an unknown name that are looked at and shown. */
const MAX_NAME = 60;

/** What a tool works with. */
export interface ToolContext {
  readonly runtime: Runtime;
  readonly task: SandboxTask;
  /** Time a command of the tool has, at most. */
  readonly timeoutMs: number;
  /** Position of the call in the episode, from 0. */
  readonly step: number;
  readonly signal: AbortSignal | undefined;
}

/** What a tool did. */
export interface ToolOutcome {
  /** What the agent sees. */
  readonly observation: string;
  /** Exit code of the command behind it; 0 or 1 where there is none. */
  readonly exitCode: number;
  /** Why it failed, or null. */
  readonly error: string | null;
  /** Whether output was cut already. */
  readonly truncated?: boolean;
  /** Further facts for the record. */
  readonly info?: StepInfo;
  /** Whether the episode ends here. */
  readonly ends?: boolean;
}

/** One tool. */
export interface SandboxTool {
  readonly definition: ToolDefinition;
  /** Checks the arguments; a text says what is wrong with them. */
  parse(action: Action): { readonly run: (context: ToolContext) => Promise<ToolOutcome> } | string;
}

/** Declares a tool; what its parameters mean stands in their schema. */
export function defineTool<P>(
  name: string,
  description: string,
  params: z.ZodType<P>,
  run: (params: P, context: ToolContext) => Promise<ToolOutcome>,
): SandboxTool {
  const { $schema: _, ...parameters } = jsonSchemaOf(params);
  return {
    definition: Object.freeze({ name, description, parameters }),
    parse(action) {
      if (action.raw !== undefined && Object.keys(action.params).length === 0) {
        return `Cannot call tool "${name}": wanted arguments as a JSON object: received ${
          JSON.stringify(action.raw.slice(0, 80))
        }`;
      }
      const parsed = params.safeParse(action.params);
      if (parsed.success) return { run: (context) => run(parsed.data, context) };
      const issues = describeIssues(parsed.error.issues, action.params, params);
      const more = issues.length > MAX_ISSUES ? `; and ${issues.length - MAX_ISSUES} more` : "";
      return `Cannot call tool "${name}": ${issues.slice(0, MAX_ISSUES).join("; ")}${more}`;
    },
  };
}

/** The tool that an action calls, ready to run, or a text that says why there is none. */
export function findCall(
  tools: readonly SandboxTool[],
  action: Action,
): { readonly run: (context: ToolContext) => Promise<ToolOutcome> } | string {
  const tool = tools.find((tool) => tool.definition.name === action.tool);
  if (tool !== undefined) return tool.parse(action);
  const names = tools.map((tool) => tool.definition.name);
  const there = `: there are ${names.join(", ")}`;
  if (action.tool === "") return `Cannot go on: wanted a call of a tool: received text alone${there}`;
  const called = action.tool.length <= MAX_NAME ? action.tool : `${action.tool.slice(0, MAX_NAME)}...`;
  return `Cannot call tool "${called}": no such tool${hint(called, names) || there}`;
}

/** A plain success. */
export function done(observation: string): ToolOutcome {
  return { observation, exitCode: 0, error: null };
}

/** A plain failure: the agent sees why. */
export function failed(error: string): ToolOutcome {
  return { observation: `Error: ${error}`, exitCode: 1, error };
}
