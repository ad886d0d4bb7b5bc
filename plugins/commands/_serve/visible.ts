/**
 * What of a text that is still growing can be shown: no half stop text, no call that is not whole, reasoning apart.
 *
 * The one invariant: as the text grows, what is shown grows too, and nothing that was shown is taken back.
 *
 * @module
 */
import type { ToolCallFormName } from "../../chat/mod.ts";

/** What may stand at the start of a call, by form. From there on the text is kept until it is whole. */
const OPENINGS: Readonly<Record<ToolCallFormName, readonly string[]>> = {
  harmony: ["<|channel|>"],
  mistral: ["[TOOL_CALLS]"],
  "qwen-xml": ["<tool_call>", "<function="],
  hermes: ["<tool_call>"],
  react: ["Action:"],
  "llama-json": ["<|python_tag|>", "{"],
};

/** Texts at which a client stops seeing what the model writes. */
export interface Borders {
  /** Texts that end the answer. */
  readonly stop: readonly string[];
  /** Texts that may open a call. */
  readonly openings: readonly string[];
  /** Whether the prompt opened a thought. */
  readonly thinking: boolean;
}

/** An answer so far. */
export interface Visible {
  readonly reasoning: string;
  readonly content: string;
}

/** Openings of a form. Without tools the channels of harmony alone are no text. */
export function openingsOf(form: ToolCallFormName | null, tools: boolean): readonly string[] {
  if (form === null) return tools ? OPENINGS.hermes : [];
  return tools || form === "harmony" ? OPENINGS[form] : [];
}

/** Cuts a text at the first of the stop texts. */
export function cutAt(text: string, stop: readonly string[]): string {
  const places = stop.map((each) => text.indexOf(each)).filter((place) => place >= 0);
  return places.length === 0 ? text : text.slice(0, Math.min(...places));
}

/** What can be shown of a text. */
export function visibleOf(text: string, { stop, openings, thinking }: Borders): Visible {
  const whole = cutAt(text, stop);
  const more = whole.length < text.length ? [] : stop; // once one was found, none can begin
  const bare = whole.trimStart();
  const opened = bare.startsWith("<think>");
  if (!opened && !thinking) {
    const undecided = "<think>".startsWith(bare);
    return { reasoning: "", content: undecided ? "" : settled(whole, [...openings, ...more]) };
  }
  const inner = opened ? bare.slice("<think>".length) : whole;
  const end = inner.indexOf("</think>");
  const thought = end < 0 ? settled(inner, ["</think>", ...more]) : inner.slice(0, end).trimEnd();
  const rest = end < 0 ? "" : inner.slice(end + "</think>".length).replace(/^\n+/, "");
  return { reasoning: thought.replace(/^\n+/, ""), content: settled(rest, [...openings, ...more]) };
}

/** The text before any border, or before what may become one. Whitespace at its end may belong to a border. */
function settled(text: string, borders: readonly string[]): string {
  const places = borders.map((border) => {
    const found = text.indexOf(border);
    if (found >= 0) return found;
    let begun = Math.min(border.length - 1, text.length);
    while (begun > 0 && !border.startsWith(text.slice(-begun))) begun--;
    return text.length - begun;
  });
  return text.slice(0, Math.min(text.length, ...places)).trimEnd();
}
