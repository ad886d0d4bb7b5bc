/**
 * How scripted policies speak to puzzles: by tool where there are tools, by text where there are none.
 *
 * @module
 */
import type { Decision, PolicyView } from "../../core/policy.ts";

/** A decision that says `text` with the verb `tool`. */
export function saying(view: Pick<PolicyView, "tools">, tool: string, text: string): Decision {
  const definition = view.tools.find(({ name }) => name === tool);
  const param = Object.keys((definition?.parameters["properties"] ?? {}) as object)[0];
  if (param !== undefined) return { action: { tool, params: { [param]: text } } };
  const raw = BARE.has(tool) ? text : `${tool[0]!.toUpperCase()} ${text}`;
  return { action: { tool: "", params: {}, raw } };
}

/** Verbs that a text without a verb means. */
const BARE: ReadonlySet<string> = new Set(["answer", "solve"]);

/** The text without its notes and lines that only frame it: what was shown of the state. */
export function linesOf(observation: string): readonly string[] {
  return observation.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}
