/**
 * Domains: what the tools of a field mean, as data. A profile says which tools read, write or end an episode, which
 * parameter names what they touch, and how much each rubric weighs.
 *
 * @module
 */
import { GymError } from "./errors.ts";
import { parseId } from "./id.ts";
import type { Kernel } from "./kernel.ts";
import { defineKind, type Kind } from "./kind.ts";
import { fullId } from "./names.ts";
import type { Action, Trajectory } from "./trajectory.ts";

/** What a tool does. */
export const TOOL_CATEGORIES = [
  "read",
  "search",
  "write",
  "execute",
  "navigate",
  "submit",
  "think",
  "communicate",
] as const;

/** What a tool does: one of {@linkcode TOOL_CATEGORIES}. */
export type ToolCategory = (typeof TOOL_CATEGORIES)[number];

/** One tool of a domain. */
export interface ToolProfile {
  /** Name under which it is listed. */
  readonly name: string;
  /** What a call does, unless `categoryBy` says otherwise. */
  readonly category: ToolCategory;
  /** For a tool that does several things: the parameter that tells which, and the category of each of its values. */
  readonly categoryBy?: {
    readonly param: string;
    readonly values: Readonly<Record<string, ToolCategory>>;
  };
  /** Parameter that names what is touched, for example `path`; further spellings follow it in order. */
  readonly key?: readonly string[];
  /** Other names of the same tool. */
  readonly aliases?: readonly string[];
  /** Whether a call of it ends the episode. @default false */
  readonly terminal?: boolean;
  /** One line for people. */
  readonly description?: string;
}

/** How a domain reads an episode's outcome. The first rule that can be evaluated decides. */
export type OutcomeRule = "score" | "tests" | "success";

/** A domain as data. */
export interface DomainProfile {
  /** Short name, the value of `trajectory.domain`: `coding`. */
  readonly name: string;
  /** Name for people. */
  readonly title: string;
  /** One sentence. */
  readonly description: string;
  /** Tools of the field. */
  readonly tools: readonly ToolProfile[];
  /** Rules in order of preference. */
  readonly outcome: readonly OutcomeRule[];
  /** Fields a task of this domain may have, with what they mean. */
  readonly taskFields: Readonly<Record<string, string>>;
  /** Weight of each rubric by name; only weights of rubrics that were evaluated count, renormalised. */
  readonly rubricWeights: Readonly<Record<string, number>>;
}

/** A profile with its look-ups built. */
export interface Domain {
  /** The data behind it. */
  readonly profile: DomainProfile;
  /** The tool that a name or alias means. */
  tool(name: string): ToolProfile | undefined;
  /** What a call does, or null when the domain does not know the tool. */
  category(action: Action): ToolCategory | null;
  /** What a call touches, for example a path, or null. */
  target(action: Action): string | null;
}

/** Builds the look-ups of a profile. @throws {GymError} `INVALID_DATA` on a name or alias that occurs twice. */
export function createDomain(profile: DomainProfile): Domain {
  const byName = new Map<string, ToolProfile>();
  for (const tool of profile.tools) {
    for (const name of [tool.name, ...(tool.aliases ?? [])]) {
      const other = byName.get(name);
      if (other !== undefined) {
        throw new GymError(
          "INVALID_DATA",
          `Cannot use domain "${profile.name}": tools "${other.name}" and "${tool.name}" both answer to "${name}"`,
          { domain: profile.name, name },
        );
      }
      byName.set(name, tool);
    }
  }
  const target = (action: Action): string | null => {
    for (const key of byName.get(action.tool)?.key ?? []) {
      const value = action.params[key];
      if (typeof value === "string" || typeof value === "number") return String(value);
    }
    return null;
  };
  const category = (action: Action): ToolCategory | null => {
    const tool = byName.get(action.tool);
    if (tool === undefined) return null;
    const by = tool.categoryBy;
    const value = by === undefined ? undefined : action.params[by.param];
    return typeof value === "string" && by !== undefined && Object.hasOwn(by.values, value)
      ? by.values[value]!
      : tool.category;
  };
  return Object.freeze({ profile, tool: (name: string) => byName.get(name), category, target });
}

/** The kind of domains. */
export const domain: Kind<Domain> = defineKind<Domain>("domain");

/** The domain with `name`, a profile's short name or a contribution's id. @throws {GymError} `UNKNOWN_ID` with the nearest name. */
export async function findDomain(kernel: Kernel, name: string): Promise<Domain> {
  return await kernel.make(domain, fullId(kernel, domain, name));
}

/** The domain of a trajectory; an unknown name falls back to `generic`. */
export async function domainOf(kernel: Kernel, trajectory: Pick<Trajectory, "domain">): Promise<Domain> {
  const known = kernel.list(domain).some(({ contribution }) =>
    parseId(contribution.id).name === trajectory.domain
  );
  return await findDomain(kernel, known ? trajectory.domain : "generic");
}
