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
  const grows = whole.length === text.length; // once a stop text was found, nothing more can begin
  const settled = (part: string, borders: readonly string[]): string =>
    grows ? before(part, [...borders, ...stop], begun) : before(part, borders, found);
  const bare = whole.trimStart();
  const opened = bare.startsWith("<think>");
  if (!opened && !thinking) {
    const undecided = grows && "<think>".startsWith(bare);
    return { reasoning: "", content: undecided ? "" : settled(whole, openings) };
  }
  const inner = opened ? bare.slice("<think>".length) : whole;
  const end = inner.indexOf("</think>");
  const thought = end < 0 ? settled(inner, ["</think>"]) : inner.slice(0, end).trimEnd();
  const rest = end < 0 ? "" : inner.slice(end + "</think>".length).replace(/^\n+/, "");
  return { reasoning: thought.replace(/^\n+/, ""), content: settled(rest, openings) };
}

/** The text before any border. Whitespace at its end may belong to a border. */
function before(
  text: string,
  borders: readonly string[],
  place: (text: string, border: string) => number,
): string {
  return text.slice(0, Math.min(text.length, ...borders.map((border) => place(text, border)))).trimEnd();
}

/** Where a border stands; the end of the text when it does not. */
function found(text: string, border: string): number {
  const place = text.indexOf(border);
  return place < 0 ? text.length : place;
}

/** Where a border stands or may have begun. */
function begun(text: string, border: string): number {
  if (text.includes(border)) return text.indexOf(border);
  let length = Math.min(border.length - 1, text.length);
  while (length > 0 && !border.startsWith(text.slice(-length))) length--;
  return text.length - length;
}
