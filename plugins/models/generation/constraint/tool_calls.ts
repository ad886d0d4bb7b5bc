/**
 * Decoding that is held to the calls of known tools: names, and arguments that fit the tools' schemas.
 *
 * What is compiled is shared; each text has a state of its own, which is one term.
 *
 * @module
 */
import { GymError } from "../../../../core/errors.ts";
import type { ChatTool, Tokenizer, ToolCallFormName } from "../../../chat/mod.ts";
import type { TokenConstraint } from "../constraint.ts";
import { framingOf } from "./call_forms.ts";
import { FreeText } from "./free_text.ts";
import { Language, type Term, TOKEN } from "./term.ts";
import { masked, TokenMasks } from "./token_masks.ts";
import { Vocabulary } from "./vocabulary.ts";

/** `required`: a text is one call. `auto`: a text is free, but a call that was opened is completed as it must be. */
export type ToolCallMode = "auto" | "required";

/** What {@linkcode compileToolCalls} takes. */
export interface ToolCallOptions {
  readonly tokenizer: Tokenizer;
  /** How the model writes calls; null, when that is not known, is refused. */
  readonly form: ToolCallFormName | null;
  /** Tools that may be called, with the JSON Schemas of their parameters. */
  readonly tools: readonly ChatTool[];
  readonly mode: ToolCallMode;
  /** Tokens that end a text. */
  readonly stopIds: readonly number[];
}

/** What one text adds to that. */
export interface ConstrainedText {
  /**
   * Most tokens of the text. A call is finished within them: towards the end only tokens are left behind which that is
   * possible.
   *
   * @default Infinity
   */
  readonly maxTokens?: number;
  /**
   * Whether the prompt ends inside a thought, as `<think>` opens one.
   *
   * @default false
   */
  readonly thinking?: boolean;
}

/** The calls of some tools, ready to hold texts to them. */
export class CompiledToolCalls {
  readonly #vocabulary: Vocabulary;
  readonly #masks: TokenMasks;
  readonly #start: Term;
  readonly #thinking: Term;

  /** Use {@linkcode compileToolCalls}. */
  constructor(vocabulary: Vocabulary, options: ToolCallOptions) {
    this.#vocabulary = vocabulary;
    this.#masks = new TokenMasks(vocabulary);
    const { start, thinking } = termsOf(vocabulary, options);
    this.#start = start;
    this.#thinking = thinking;
  }

  /** A constraint for one text. */
  begin(options: ConstrainedText = {}): TokenConstraint {
    const { maxTokens = Infinity, thinking = false } = options;
    const vocabulary = this.#vocabulary;
    const masks = this.#masks;
    let term = thinking ? this.#thinking : this.#start;
    let left = maxTokens;
    return {
      restrict: (logits) => {
        const mask = masks.of(term);
        if (mask.count === 0) return logits; // the text has ended
        if (mask.longest < left) return masked(logits, mask);
        const closing = masks.within(term, left - 1);
        return masked(logits, closing.count === 0 ? mask : closing);
      },
      accept: (id) => {
        const after = term.afterAll(vocabulary.lettersOf(id) ?? []);
        if (after.shortest === Infinity) {
          throw new RangeError(`Cannot accept token: wanted one that may come next: received ${id}`);
        }
        term = after;
        left--;
      },
    };
  }
}

/** Vocabularies by tokenizer: a trie takes longer to build than a whole call to write. */
const VOCABULARIES = new WeakMap<Tokenizer, Vocabulary>();

/**
 * Compiles the calls of tools. Schemas are read as far as `schema.ts` says; what it does not read is not enforced.
 *
 * @throws {GymError} `INVALID_OPTIONS` for a form that is not supported (`qwen-xml`, or one that is not known), no tools,
 * parameters that nothing fits, no stop token, or a tokenizer that lacks bytes that a call needs.
 */
export function compileToolCalls(options: ToolCallOptions): CompiledToolCalls {
  const { tokenizer, tools, stopIds } = options;
  let vocabulary = VOCABULARIES.get(tokenizer);
  if (vocabulary === undefined) VOCABULARIES.set(tokenizer, vocabulary = new Vocabulary(tokenizer));
  if (stopIds.length === 0) throw invalid("wanted a token that ends a text", "none");
  const missing = vocabulary.missing([...PRINTABLE, ...new TextEncoder().encode(JSON.stringify(tools))]);
  if (missing.length > 0) {
    throw invalid(
      "wanted a tokenizer with a token for each byte of a call",
      `none for ${missing.join(", ")}`,
    );
  }
  return new CompiledToolCalls(vocabulary, options);
}

/** A constraint for one text. Compile once where there are several texts. */
export function toolCallConstraint(options: ToolCallOptions & ConstrainedText): TokenConstraint {
  return compileToolCalls(options).begin(options);
}

/** A line feed and the characters of ASCII. */
const PRINTABLE: readonly number[] = [0x0a, ...Array.from({ length: 95 }, (_, at) => 0x20 + at)];

const THOUGHT = { open: "<think>", close: "</think>" } as const;

function termsOf(
  vocabulary: Vocabulary,
  { form, tools, mode, stopIds }: ToolCallOptions,
): { readonly start: Term; readonly thinking: Term } {
  const language = new Language();
  const ids = new Map(vocabulary.added.map(({ id, content }) => [content, id]));
  const tokenOf = (text: string) => ids.get(text) ?? null;
  const { call, openings, last = false } = framingOf(language, { form, tools, tokenOf });
  const added = new Map(vocabulary.added.map(({ id, content }) => [id, content]));
  const free = new FreeText(language, { added, stopIds });
  const stop = language.one(...stopIds.map((id) => TOKEN + id));
  if (mode === "required") {
    const start = language.sequence(call, stop);
    return { start, thinking: free.until("thought", THOUGHT.close, start) };
  }
  // After a call the text is free again, which is known only once it is built.
  let rest: Term = language.nothing;
  const calls = openings.map(({ then, ...opening }) => ({
    ...opening,
    then: () => language.sequence(then, last ? stop : rest),
  }));
  rest = free.term("text", calls.filter(({ where }) => where === "anywhere"));
  const answer = free.term("answer", calls);
  const thinking = free.term("thought", [{ text: THOUGHT.close, where: "anywhere", then: () => answer }]);
  return {
    start: free.term("start", [...calls, { text: THOUGHT.open, where: "first", then: () => thinking }]),
    thinking,
  };
}

function invalid(wanted: string, received: string): GymError {
  return new GymError("INVALID_OPTIONS", `Cannot constrain tool calls: ${wanted}: received ${received}`);
}
