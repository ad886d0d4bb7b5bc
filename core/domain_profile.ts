/**
 * Reads a domain profile from JSON: the form of knowlyr's profile files, checked.
 *
 * @module
 */
import { z } from "zod";
import { type DomainProfile, type OutcomeRule, TOOL_CATEGORIES, type ToolProfile } from "./domain.ts";
import { GymError, type Place, placeText } from "./errors.ts";
import { describeIssues } from "./schema.ts";

const toolSchema = z.object({
  name: z.string().min(1),
  category: z.enum(TOOL_CATEGORIES),
  stateful_key: z.string().default(""),
  aliases: z.array(z.string().min(1)).default([]),
});

const profileSchema = z.object({
  domain: z.string().min(1),
  display_name: z.string().default(""),
  tools: z.array(toolSchema).default([]),
  outcome_spec: z.object({
    success_field: z.string().default("success"),
    score_field: z.string().default(""),
    total_field: z.string().default(""),
    partial_credit_field: z.string().default("partial_credit"),
  }).prefault({}),
  task_fields: z.record(z.string(), z.string()).default({}),
  default_rubric_weights: z.record(z.string(), z.number().min(0).max(1)).default({}),
});

/** Parameters that name what a call touches when the profile does not say, in order. */
const TARGETS = ["file_path", "path", "url", "element_id"] as const;

/**
 * Turns a parsed profile file into a profile.
 *
 * Fields: `domain`, `display_name`, `tools[{name, category, stateful_key, aliases}]`, `outcome_spec`, `task_fields`,
 * `default_rubric_weights`; all but `domain` may be missing. A tool of category `submit` ends the episode. An outcome
 * is read from partial credit first, then from the tests when the profile names fields of both counts, then from success.
 *
 * @param place Where the value comes from, for messages.
 * @throws {GymError} `INVALID_DATA` naming the field: a wrong type, an unknown category, a name or alias that occurs twice.
 */
export function parseDomainProfile(value: unknown, place: Place = {}): DomainProfile {
  const result = profileSchema.safeParse(value);
  if (!result.success) throw invalid(place, describeIssues(result.error.issues, value).join("; "));
  const parsed = result.data;
  checkNames(parsed.tools, place);
  return {
    name: parsed.domain,
    title: parsed.display_name || parsed.domain,
    description: parsed.display_name || parsed.domain,
    tools: parsed.tools.map(toolOf),
    outcome: rulesOf(parsed.outcome_spec),
    taskFields: parsed.task_fields,
    rubricWeights: parsed.default_rubric_weights,
  };
}

type RawTool = z.output<typeof toolSchema>;

function toolOf({ name, category, stateful_key, aliases }: RawTool): ToolProfile {
  const key = stateful_key === ""
    ? TARGETS
    : [stateful_key, ...TARGETS.filter((target) => target !== stateful_key)];
  return { name, category, key, aliases, terminal: category === "submit" };
}

function rulesOf(spec: z.output<typeof profileSchema>["outcome_spec"]): OutcomeRule[] {
  const tests: OutcomeRule[] = /test/.test(spec.score_field) && spec.total_field !== "" ? ["tests"] : [];
  return ["score", ...tests, "success"];
}

function checkNames(tools: readonly RawTool[], place: Place): void {
  const seen = new Map<string, string>();
  for (const [index, tool] of tools.entries()) {
    const fields: [string, string][] = [[`tools.${index}.name`, tool.name]];
    for (const [at, alias] of tool.aliases.entries()) fields.push([`tools.${index}.aliases.${at}`, alias]);
    for (const [field, name] of fields) {
      const other = seen.get(name);
      if (other !== undefined) {
        throw invalid(
          place,
          `${field}: wanted a name that no other tool has: received "${name}", which is ${other}`,
        );
      }
      seen.set(name, field);
    }
  }
}

function invalid(place: Place, problem: string): GymError {
  const where = placeText(place);
  return new GymError(
    "INVALID_DATA",
    `Cannot read domain profile${where === "" ? "" : ` ${where}`}: ${problem}`,
    { ...place, problem },
  );
}
