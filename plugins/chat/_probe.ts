/** Finds out what a template can render and where its borders lie, by rendering small conversations. */
import type { Json } from "../../core/schema.ts";
import type { TemplateSupport } from "./_draft.ts";
import { formOf, type ToolCallFormName } from "./tool_call_text.ts";
import { type Borders, commonEnd } from "./_spans.ts";
import type { ChatTemplate, RenderOptions } from "./_template.ts";

const USER = "GymUserText";
const ANSWER = "GymAnswerText";
const THOUGHT = "GymThoughtText";
const SYSTEM = "GymSystemText";
const TOOL = "gym_probe_tool";
const VALUE = "GymArgumentText";
const RESULT = "GymResultText";

const user = { role: "user", content: USER };
const answer = { role: "assistant", content: ANSWER };
const call = (given: { readonly [key: string]: Json }) => ({
  role: "assistant",
  content: "",
  tool_calls: [{ id: "call00000", type: "function", function: { name: TOOL, arguments: given } }],
});
const result = { role: "tool", content: RESULT, name: TOOL, tool_call_id: "call00000" };
const tool = {
  type: "function",
  function: {
    name: TOOL,
    description: "Reads.",
    parameters: {
      type: "object",
      properties: { path: { type: "string", description: "A path" } },
      required: ["path"],
    },
  },
} as const;

/** What a template can do, and the form it writes calls in. */
export interface Ability extends TemplateSupport {
  readonly form: ToolCallFormName | null;
}

/** Renders probes; a template that refuses one gives null. */
export class Probe {
  readonly #template: ChatTemplate;
  readonly #options: RenderOptions;

  constructor(template: ChatTemplate, variables: Readonly<Record<string, Json>>) {
    this.#template = template;
    this.#options = { tools: null, generationPrompt: false, variables };
  }

  /** What the template renders itself. @param thoughtField Name under which it looks for thoughts. */
  ability(thoughtField: string): Ability {
    const offered = this.#render([user], { tools: [tool] })?.includes(TOOL) ?? false;
    const called = this.#render([user, call({ path: VALUE }), result], { tools: [tool] });
    const calls = called !== null && [TOOL, VALUE, RESULT].every((text) => called.includes(text));
    const written = called?.slice(0, called.indexOf(RESULT)).split(USER).at(-1) ?? "";
    return {
      tools: offered && calls,
      thoughts: this.#render([user, { ...answer, [thoughtField]: THOUGHT }])?.includes(THOUGHT) ?? false,
      system: this.#render([{ role: "system", content: SYSTEM }, user])?.includes(SYSTEM) ?? false,
      form: offered && calls ? formOf(written) : null,
    };
  }

  /** Ends of turns and headers. @param controls Special tokens, which may end a turn. @param eos Always ends one. */
  borders(controls: readonly string[], eos: string | null): Borders {
    const last = after(this.#render([user, answer]), ANSWER);
    const inner = after(this.#render([user, answer, user]), ANSWER).split(USER)[0]!;
    const closing = this.#closing();
    // What follows an answer wherever it stands; where that is nothing, the last turn ends in its own way.
    const both = lastOf(last.slice(0, commonStart(last, inner)), controls);
    const finals = new Set(
      [eos, both ?? lastOf(last, controls), lastOf(closing, controls)].filter((s) => s !== null),
    );
    const opening = this.#opening(controls);
    const inside = both === null
      ? firstOf(inner, controls.filter((token) => !opening.includes(token)))
      : null;
    const stops = [...new Set([...finals, ...(inside === null ? [] : [inside])])].sort((a, b) =>
      b.length - a.length
    );
    return {
      stops,
      finals: [...finals],
      closing,
      headers: {
        user: afterTurn(after(this.#render([user], { generationPrompt: true }), USER), stops),
        tool: afterTurn(
          after(
            this.#render([user, call({ path: VALUE }), result], { tools: [tool], generationPrompt: true }),
            RESULT,
          ),
          stops,
        ),
      },
    };
  }

  /** What closes the last call of a message whatever its arguments, with what ends the turn. */
  #closing(): string {
    const variants: readonly { readonly [key: string]: Json }[] = [{ path: VALUE }, { path: 7 }, {}];
    const tails = variants.map((given) => after(this.#render([user, call(given)], { tools: [tool] }), TOOL));
    return tails.reduce((a, b) => a.slice(a.length - commonEnd(a, b)));
  }

  /** What opens a user message: what stands before it, from the token on that also opens an assistant's. */
  #opening(controls: readonly string[]): string {
    const text = this.#render([user])?.split(USER)[0] ?? "";
    const [without, asked] = [
      this.#render([user]) ?? "",
      this.#render([user], { generationPrompt: true }) ?? "",
    ];
    const opener = firstOf(asked.slice(commonStart(without, asked)), controls);
    return opener === null || !text.includes(opener) ? text : text.slice(text.lastIndexOf(opener));
  }

  #render(messages: readonly object[], options: Partial<RenderOptions> = {}): string | null {
    try {
      return this.#template.render(messages, { ...this.#options, ...options });
    } catch {
      return null; // the template refuses such conversations, which is what was asked
    }
  }
}

function after(text: string | null, mark: string): string {
  return text?.includes(mark) ? text.slice(text.lastIndexOf(mark) + mark.length) : "";
}

function firstOf(text: string, tokens: readonly string[]): string | null {
  const found = tokens.map((token) => ({ token, at: text.indexOf(token) })).filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at || b.token.length - a.token.length);
  return found[0]?.token ?? null;
}

/** The token that occurs last in a text. */
function lastOf(text: string, tokens: readonly string[]): string | null {
  const found = tokens.map((token) => ({ token, at: text.lastIndexOf(token) })).filter(({ at }) => at >= 0)
    .sort((a, b) => b.at + b.token.length - (a.at + a.token.length) || b.token.length - a.token.length);
  return found[0]?.token ?? null;
}

function commonStart(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** What follows the end of a turn and its whitespace. */
function afterTurn(text: string, stops: readonly string[]): string {
  const stop = firstOf(text, stops);
  return stop === null ? text : text.slice(text.indexOf(stop) + stop.length).replace(/^\s+/, "");
}
