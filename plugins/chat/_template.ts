/** A chat template: Jinja, without the clock. */
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { GymError, messageOf } from "../../core/errors.ts";
import type { Json } from "../../core/schema.ts";
import type { ChatTool } from "./messages.ts";

/** What a template sees beside the messages. */
export interface RenderOptions {
  readonly tools: readonly ChatTool[] | null;
  readonly generationPrompt: boolean;
  readonly variables: Readonly<Record<string, Json>>;
}

/** A parsed chat template. */
export class ChatTemplate {
  readonly #program: ReturnType<typeof parse>;
  readonly #specialTokens: Readonly<Record<string, string>>;
  readonly #now: Date | null;
  readonly #hint: string;

  /** @throws {GymError} `INVALID_DATA` when the template is no Jinja. */
  constructor(source: string, specialTokens: Readonly<Record<string, string>>, now: Date | null) {
    this.#specialTokens = specialTokens;
    this.#now = now;
    this.#hint = now === null && source.includes("strftime_now")
      ? " (it asks for the date: give option now)"
      : "";
    try {
      this.#program = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
    } catch (error) {
      throw new GymError(
        "INVALID_DATA",
        `Cannot read chat template: wanted Jinja: received ${messageOf(error)}`,
        { field: "chat_template" },
        { cause: error },
      );
    }
  }

  /** @throws {GymError} `INVALID_DATA` with what the template says is wrong with the conversation. */
  render(messages: readonly object[], { tools, generationPrompt, variables }: RenderOptions): string {
    const items = {
      ...globals(this.#now),
      ...this.#specialTokens,
      documents: null,
      ...variables,
      messages,
      tools,
      add_generation_prompt: generationPrompt,
    };
    try {
      const env = new Environment();
      for (const [name, value] of Object.entries(items)) env.set(name, value);
      return String(new Interpreter(env).run(this.#program).value);
    } catch (error) {
      throw new GymError(
        "INVALID_DATA",
        `Cannot render conversation: wanted what the chat template accepts: received ${
          messageOf(error)
        }${this.#hint}`,
        { messages: messages.length },
        { cause: error },
      );
    }
  }
}

function globals(now: Date | null): Readonly<Record<string, unknown>> {
  return {
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
    raise_exception: (message: string) => {
      throw new Error(message);
    },
    range,
    // Without a date the name stays undefined: templates that ask first then use the date they carry.
    ...(now !== null && { strftime_now: (format: string) => strftime(now, format) }),
  };
}

function range(first: number, last?: number, step = 1): number[] {
  const [start, stop] = last === undefined ? [0, first] : [first, last];
  return Array.from({ length: Math.max(0, Math.ceil((stop - start) / step)) }, (_, at) => start + at * step);
}

const MONTHS = "January February March April May June July August September October November December".split(
  " ",
);
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");
const two = (value: number): string => String(value).padStart(2, "0");

/** Codes of strftime that templates use, in UTC. */
const CODES: Readonly<Record<string, (date: Date) => string>> = {
  Y: (date) => String(date.getUTCFullYear()),
  y: (date) => two(date.getUTCFullYear() % 100),
  m: (date) => two(date.getUTCMonth() + 1),
  d: (date) => two(date.getUTCDate()),
  B: (date) => MONTHS[date.getUTCMonth()]!,
  b: (date) => MONTHS[date.getUTCMonth()]!.slice(0, 3),
  A: (date) => DAYS[date.getUTCDay()]!,
  a: (date) => DAYS[date.getUTCDay()]!.slice(0, 3),
  H: (date) => two(date.getUTCHours()),
  I: (date) => two(date.getUTCHours() % 12 || 12),
  M: (date) => two(date.getUTCMinutes()),
  S: (date) => two(date.getUTCSeconds()),
  p: (date) => date.getUTCHours() < 12 ? "AM" : "PM",
  Z: () => "UTC",
  "%": () => "%",
};

function strftime(date: Date, format: string): string {
  return format.replace(/%-?([a-zA-Z%])/g, (whole, code: string) => {
    const text = CODES[code]?.(date);
    if (text === undefined) throw new Error(`strftime_now with an unknown code: ${whole}`);
    return whole.startsWith("%-") ? text.replace(/^0(?=\d)/, "") : text;
  });
}
