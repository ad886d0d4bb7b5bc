/**
 * What an agent may say to a puzzle: verbs with one text each, as a call of a tool or as a line `VERB text`.
 *
 * @module
 */
import type { Action, ToolDefinition } from "../../core/trajectory.ts";

/** Characters of a payload; a longer one is refused before anything reads it. */
export const MAX_PAYLOAD = 2_000;

/** One thing that can be said. */
export interface Verb {
  /** Name of the tool; in capitals the first word of a line. */
  readonly name: string;
  /** One letter that stands for it in the compact form. */
  readonly letter: string;
  /** Parameter that holds the text. */
  readonly param: string;
  /** What it does, as the agent reads it. */
  readonly description: string;
  /** Texts that could be said, for policies that act at random. */
  readonly examples?: readonly string[];
}

/** A verb that was said, with its text. */
export interface Call {
  /** Name of the verb. */
  readonly verb: string;
  /** Text, trimmed, never empty. */
  readonly text: string;
}

/** Why nothing was understood: a code, and what was wanted and came. */
export interface Misunderstanding {
  /** One word in capitals. */
  readonly code: string;
  /** What was wrong. */
  readonly problem: string;
}

/** Verbs as tools. */
export function toolsOf(verbs: readonly Verb[]): readonly ToolDefinition[] {
  return verbs.map(({ name, param, description, examples }) =>
    Object.freeze({
      name,
      description,
      parameters: {
        type: "object",
        properties: { [param]: { type: "string", minLength: 1, ...(examples && { examples }) } },
        required: [param],
        additionalProperties: false,
      },
    })
  );
}

/**
 * Reads an action in either form.
 *
 * @param bare Verb of a text that names none, or null when each text must name one.
 */
export function readCall(
  action: Action,
  verbs: readonly Verb[],
  bare: string | null,
): Call | Misunderstanding {
  const call = action.tool === "" ? ofText(action.raw ?? "", verbs, bare) : ofTool(action, verbs);
  if ("code" in call) return call;
  if (call.text === "") return { code: "EMPTY", problem: `${call.verb} wants a text` };
  if (call.text.length > MAX_PAYLOAD) {
    return { code: "TOO_LONG", problem: `wanted at most ${MAX_PAYLOAD} characters, got ${call.text.length}` };
  }
  return call;
}

function ofText(raw: string, verbs: readonly Verb[], bare: string | null): Call | Misunderstanding {
  const text = raw.trim();
  const [, word = "", rest = ""] = /^(\S{1,20})(?:\s+([^]*))?$/.exec(text) ?? [];
  const said = word.toLowerCase();
  // A letter alone is as likely an answer as a verb without a text.
  const verb = verbs.find(({ name, letter }) =>
    said === name || (bare !== null && verbs.length > 1 && word === letter && rest !== "")
  );
  if (verb !== undefined) return { verb: verb.name, text: rest.trim() };
  if (bare !== null && text !== "") return { verb: bare, text };
  return { code: "UNKNOWN_VERB", problem: `received ${shown(text)}` };
}

function ofTool({ tool, params, raw }: Action, verbs: readonly Verb[]): Call | Misunderstanding {
  const verb = verbs.find(({ name }) => name === tool);
  if (verb === undefined) return { code: "UNKNOWN_VERB", problem: `received ${shown(tool)}` };
  const keys = Object.keys(params);
  if (raw !== undefined && keys.length === 0) {
    return { code: "BAD_CALL", problem: `wanted arguments as a JSON object, received ${shown(raw)}` };
  }
  const value = params[verb.param];
  const extra = keys.find((key) => key !== verb.param);
  if (extra !== undefined) return { code: "BAD_CALL", problem: `${tool} has no parameter ${shown(extra)}` };
  if (typeof value === "string") return { verb: tool, text: value.trim() };
  if (typeof value === "number" || typeof value === "boolean") return { verb: tool, text: String(value) };
  return { code: "BAD_CALL", problem: `${tool} wants ${verb.param}, a text` };
}

function shown(text: string): string {
  return JSON.stringify(text.length <= 40 ? text : `${text.slice(0, 37)}...`);
}
