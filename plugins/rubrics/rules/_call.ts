/**
 * What one step's call is, in the terms of its domain: all that the rules compare.
 *
 * @module
 */
import type { Domain, ToolCategory } from "../../../core/domain.ts";
import type { Action, Step, StepResult } from "../../../core/trajectory.ts";
import type { Json } from "../../../core/schema.ts";
import { isInspection } from "./_shell.ts";

/** One call, with names and spellings made equal. */
export interface Call {
  /** Canonical name of the tool. */
  readonly tool: string;
  /** Null when the domain does not know the tool. */
  readonly category: ToolCategory | null;
  /** What is touched, normalised when it is a path; null when the call names nothing. */
  readonly target: string | null;
  /** Equal for two calls exactly when they ask for the same thing: tool, target and all other parameters. */
  readonly key: string;
  readonly failed: boolean;
  /** Whether the call may have changed what other calls see: one target, anything, the view of a page, or nothing. */
  readonly changes: "target" | "anything" | "view" | "nothing";
}

/** Parameters that some logs keep beside the arguments and that ask for nothing. */
const REMARKS: ReadonlySet<string> = new Set(["thought", "security_risk"]);

/** Exit codes of a shell that could not run a command at all. */
export const NOT_RUN: ReadonlySet<number> = new Set([126, 127]);

let last: { step: Step; domain: Domain; call: Call } | undefined;

/** The call of a step. All rules of an episode ask for the same step in turn, so the last answer is kept. */
export function callOf(step: Step, domain: Domain): Call {
  if (last?.step === step && last.domain === domain) return last.call;
  const call = read(step, domain);
  last = { step, domain, call };
  return call;
}

function read({ action, result }: Step, domain: Domain): Call {
  const profile = domain.tool(action.tool);
  const tool = profile?.name ?? action.tool;
  const category = domain.category(action);
  const raw = domain.target(action);
  const target = raw === null ? null : normalPath(raw);
  const failed = hasFailed(result, category);
  const key = keyOf(tool, target, action, profile?.key);
  return {
    tool,
    category,
    target,
    key,
    failed,
    changes: changesOf(tool, category, target, action, result, failed),
  };
}

function keyOf(
  tool: string,
  target: string | null,
  { params, raw }: Action,
  names: readonly string[] = [],
): string {
  let key = target === null ? tool : `${tool}\n${target.length}"${target}`;
  const used = target === null ? undefined : names.find((name) => params[name] !== undefined);
  for (const name of sortedNames(params)) {
    const value = params[name]!;
    if (name === used || value === null || REMARKS.has(name)) continue;
    key += `\n${name}=${canonical(value)}`;
  }
  return raw === undefined ? key : `${key}\n${raw}`;
}

/** Most calls name one parameter or write them in order, and sorting is dear. */
function sortedNames(table: { readonly [name: string]: Json }): readonly string[] {
  const names = Object.keys(table);
  for (let i = 1; i < names.length; i++) if (names[i]! < names[i - 1]!) return names.sort();
  return names;
}

/** Text that is equal for equal values, whatever the order of keys. A text has its length before it, which is quicker than escaping. */
function canonical(value: Json): string {
  if (typeof value === "string") return `${value.length}"${value}`;
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map((item: Json) => canonical(item)).join(",")}]`;
  const table = value as { readonly [key: string]: Json };
  return `{${
    sortedNames(table).map((name) => `${name.length}"${name}:${canonical(table[name]!)}`).join(",")
  }}`;
}

/** A search that finds nothing exits 1; that is an answer. */
function hasFailed({ exitCode, error }: StepResult, category: ToolCategory | null): boolean {
  if (category === "search" && exitCode === 1) return false;
  return error !== null || (exitCode !== null && exitCode !== 0);
}

function changesOf(
  tool: string,
  category: ToolCategory | null,
  target: string | null,
  { params }: Action,
  { exitCode }: StepResult,
  failed: boolean,
): Call["changes"] {
  switch (category) {
    case "write":
      return failed ? "nothing" : target === null ? "anything" : "target";
    case "execute":
      return (exitCode !== null && NOT_RUN.has(exitCode)) || tool === "run_tests" ||
          isInspection(tool, params)
        ? "nothing"
        : "anything";
    case "navigate":
      return failed ? "nothing" : "view";
    case "communicate":
    case "submit":
      return failed ? "nothing" : "anything";
    default:
      return "nothing";
  }
}

/** Folders that agents' workspaces are mounted at; a path below means the same with and without them. */
const ROOT = /^\/(?:workspace|ws|repo|testbed)\//;

/** One spelling of a path: no `./`, doubled or trailing slashes, `..` resolved, the workspace's own folder left out. */
export function normalPath(path: string): string {
  if (!path.includes("/") || path.includes("://")) return path;
  const bare = path.startsWith("/") ? path.replace(ROOT, "") : path;
  if (isPlain(bare)) return bare;
  const parts: string[] = [];
  for (const part of bare.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else parts.push(part);
  }
  return (bare.startsWith("/") ? "/" : "") + parts.join("/") || ".";
}

/** Whether no part of a path is empty or ends in a dot or starts with one, so that nothing is to be resolved. */
function isPlain(path: string): boolean {
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
    const next = path[at + 1];
    if (next === undefined || next === "/" || next === "." || path[at - 1] === ".") return false;
  }
  return true;
}
