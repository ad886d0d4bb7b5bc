/**
 * Tool calls as models write them, as terms: one table entry a form of `plugins/chat/tool_call_text.ts`.
 *
 * @module
 */
import { GymError } from "../../../../core/errors.ts";
import type { ChatTool, ToolCallFormName } from "../../../chat/mod.ts";
import type { Opening } from "./free_text.ts";
import type { JsonTerms } from "./json.ts";
import { SchemaTerms } from "./schema.ts";
import { type Language, type Term, TOKEN } from "./term.ts";

/** How calls stand in a text. */
export interface Framing {
  /** One call with its marks and the whitespace that may stand before it. */
  readonly call: Term;
  /** Whether only the end of the text tells where a call ends, so that nothing may stand behind it. */
  readonly last?: boolean;
  /** What opens a call, and the rest of it. */
  readonly openings: readonly {
    readonly text: string;
    readonly where: Opening["where"];
    readonly then: Term;
  }[];
}

/** What a form is built of. */
interface CallTerms {
  readonly language: Language;
  readonly json: JsonTerms;
  /** Whitespace before a call. */
  readonly lead: Term;
  /** A mark: its token where it is one, else its text. */
  mark(text: string): Term;
  /** A known name as it is, what stands between, and its arguments. */
  plain(between: Term): Term;
  /** The rest of a JSON object of name and arguments, from behind the key of the name on. */
  rest(key: "arguments" | "parameters", end?: Term): Term;
}

/** Blanks and line breaks before a call. */
const MOST_LEAD = 4;

type Form = (terms: CallTerms) => Framing;

const FORMS: Readonly<Partial<Record<ToolCallFormName, Form>>> = {
  hermes: (terms) => marked(terms, "<tool_call>", object(terms, "arguments"), terms.mark("</tool_call>")),
  mistral: (terms) => {
    const { language, json: { space } } = terms;
    const call = object(terms, "arguments", language.optional(mistralId(terms)));
    return marked(
      terms,
      "[TOOL_CALLS]",
      language.sequence(language.text("["), space, call, space),
      language.text("]"),
    );
  },
  "llama-json": (terms) => {
    const { language, mark } = terms;
    const call = object(terms, "parameters");
    const lead = language.sequence(terms.lead, language.optional(mark("<|python_tag|>")));
    const begun = ['{"name"', '{ "name"'].map((text) => ({
      text,
      where: "first" as const,
      then: terms.rest("parameters"),
    }));
    return {
      call: language.sequence(lead, call),
      openings: [
        { text: "<|python_tag|>", where: "anywhere", then: language.sequence(terms.json.space, call) },
        ...begun,
      ],
    };
  },
  react: ({ language, plain }) => {
    const blank = language.optional(language.text(" "));
    const then = language.sequence(blank, plain(language.sequence(language.text("\nAction Input:"), blank)));
    return {
      // Read at the beginning of a line alone.
      call: language.sequence(language.repeat(language.text("\n"), 0, 2), language.text("Action:"), then),
      openings: [{ text: "Action:", where: "first", then }, { text: "\nAction:", where: "anywhere", then }],
    };
  },
  harmony: ({ language, lead, mark, plain }) => {
    const between = language.sequence(
      language.text(" "),
      mark("<|constrain|>"),
      language.text("json"),
      mark("<|message|>"),
    );
    const then = language.sequence(language.text("functions."), plain(between));
    return {
      call: language.sequence(lead, mark("<|channel|>"), language.text("commentary to="), then),
      openings: [{ text: "<|channel|>commentary to=", where: "anywhere", then }],
      last: true,
    };
  },
};

/** What {@linkcode framingOf} takes. */
export interface FramingOptions {
  readonly form: ToolCallFormName | null;
  readonly tools: readonly ChatTool[];
  /** Id of an added token by its text; null when there is none. */
  readonly tokenOf: (text: string) => number | null;
}

/**
 * The calls of some tools in a form.
 *
 * @throws {GymError} `INVALID_OPTIONS` for a form that is not supported, no tools, or a tool whose parameters nothing fits.
 */
export function framingOf(language: Language, { form, tools, tokenOf }: FramingOptions): Framing {
  const build = form === null ? undefined : FORMS[form];
  if (build === undefined) {
    throw invalid(`wanted calls in the form ${Object.keys(FORMS).join(", ")}`, JSON.stringify(form));
  }
  if (tools.length === 0) throw invalid("wanted at least one tool", "none");
  const documents = tools.map(({ function: { name, parameters } }, at) => {
    const schemas = new SchemaTerms(language, parameters, String(at));
    const value = schemas.term({ ...parameters, type: "object" });
    if (value === language.nothing) {
      throw invalid(`wanted parameters of tool ${JSON.stringify(name)} that an object can fit`, "others");
    }
    return { name, value, json: schemas.json };
  });
  const { json } = documents[0]!;
  const calls = (write: (name: string) => Term, between: Term) =>
    language.either(...documents.map(({ name, value }) => language.sequence(write(name), between, value)));
  const key = (name: string) =>
    language.sequence(
      ...spaced(json, language.text(","), language.text(name), language.text(":")),
      json.space,
    );
  return build({
    language,
    json,
    lead: language.repeat(language.one(0x0a, 0x20), 0, MOST_LEAD),
    mark: (text) => {
      const id = tokenOf(text);
      return id === null ? language.text(text) : language.one(TOKEN + id);
    },
    plain: (between) => calls((name) => language.text(name), between),
    rest: (name, end = language.empty) =>
      language.sequence(
        ...spaced(json, language.empty, language.text(":")),
        json.space,
        calls((tool) => language.text(JSON.stringify(tool)), key(JSON.stringify(name))),
        end,
        json.space,
        language.text("}"),
      ),
  });
}

/** Parts with whitespace before each but none. */
function spaced({ space }: JsonTerms, ...parts: readonly Term[]): Term[] {
  return parts.flatMap((part) => [space, part]);
}

function object(
  { language, json: { space }, rest }: CallTerms,
  key: "arguments" | "parameters",
  end: Term = language.empty,
): Term {
  return language.sequence(language.text("{"), space, language.text('"name"'), rest(key, end));
}

function marked(
  { language, json: { space }, lead, mark }: CallTerms,
  open: string,
  call: Term,
  close: Term,
): Framing {
  const then = language.sequence(space, call, space, close);
  return {
    call: language.sequence(lead, mark(open), then),
    openings: [{ text: open, where: "anywhere", then }],
  };
}

/** What Mistral's templates write behind the arguments. */
function mistralId({ language, json: { space } }: CallTerms): Term {
  const sign = language.one([0x30, 0x39], [0x41, 0x5a], [0x61, 0x7a]);
  const text = (part: string) => language.text(part);
  return language.sequence(
    ...[text(","), text('"id"'), text(":")].flatMap((part) => [space, part]),
    space,
    text('"'),
    language.repeat(sign, 9, 9),
    text('"'),
  );
}

/** What is thrown when calls cannot be constrained. */
export function invalid(wanted: string, received: string): GymError {
  return new GymError("INVALID_OPTIONS", `Cannot constrain tool calls: ${wanted}: received ${received}`);
}
