/**
 * Decoding that is held to the calls of known tools: names, and arguments that fit the tools' schemas.
 *
 * What is compiled is shared; each text has a state of its own, which is one term.
 *
 * @module
 */
import type { ChatTool, Tokenizer, ToolCallFormName } from "../../../chat/mod.ts";
import type { TokenConstraint } from "../constraint.ts";
import { framingOf, invalid } from "./call_forms.ts";
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

/** Where texts begin. */
interface Start {
  readonly language: Language;
  /** Terms in the language before the first text. */
  readonly size: number;
  readonly text: Term;
  /** The same when the prompt ends inside a thought. */
  readonly thinking: Term;
  readonly masks: TokenMasks;
}

/** Terms that texts may add to a language before it is given up for a fresh one: about 50 MB. */
const MOST_TERMS = 20_000;

/** The calls of some tools, ready to hold texts to them. */
export class CompiledToolCalls {
  readonly #vocabulary: Vocabulary;
  readonly #options: ToolCallOptions;
  #start: Start;

  /** Use {@linkcode compileToolCalls}. */
  constructor(vocabulary: Vocabulary, options: ToolCallOptions) {
    this.#vocabulary = vocabulary;
    this.#options = options;
    this.#start = startOf(vocabulary, options);
  }

  /** A constraint for one text. */
  begin(options: ConstrainedText = {}): TokenConstraint {
    const { maxTokens = Infinity, thinking = false } = options;
    const vocabulary = this.#vocabulary;
    const { masks, ...start } = this.#fresh();
    let term = thinking ? start.thinking : start.text;
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

  /** A start in a language of bounded size; texts in the one before keep theirs. */
  #fresh(): Start {
    const { language, size } = this.#start;
    if (language.size - size > MOST_TERMS) this.#start = startOf(this.#vocabulary, this.#options);
    return this.#start;
  }
}

/** What is kept for a tokenizer: its trie takes longer to build than a whole call to write. */
interface Kept {
  readonly vocabulary: Vocabulary;
  readonly compiled: Map<string, CompiledToolCalls>;
}

const KEPT = new WeakMap<Tokenizer, Kept>();

/** Sets of tools that are kept compiled for a tokenizer. */
const MOST_COMPILED = 16;

/**
 * Compiles the calls of tools; what was compiled lately is given again. Schemas are read as far as `schema.ts` says; what
 * it does not read is not enforced.
 *
 * @throws {GymError} `INVALID_OPTIONS` for a form that is not supported (`qwen-xml`, or one that is not known), no tools,
 * parameters that nothing fits, no stop token, or a tokenizer that lacks bytes that a call needs.
 */
export function compileToolCalls(options: ToolCallOptions): CompiledToolCalls {
  const { tokenizer, form, tools, mode, stopIds } = options;
  const kept = KEPT.get(tokenizer) ?? { vocabulary: new Vocabulary(tokenizer), compiled: new Map() };
  KEPT.set(tokenizer, kept);
  const { vocabulary, compiled } = kept;
  const key = JSON.stringify([form, tools, mode, stopIds]);
  const known = compiled.get(key);
  if (known !== undefined) return known;
  if (!stopIds.some((id) => vocabulary.isAdded(id))) {
    throw invalid("wanted an added token that ends a text", stopIds.join(", ") || "none");
  }
  const missing = vocabulary.missing([...PRINTABLE, ...new TextEncoder().encode(JSON.stringify(tools))]);
  if (missing.length > 0) {
    throw invalid(
      "wanted a tokenizer with a token for each byte of a call",
      `none for ${missing.join(", ")}`,
    );
  }
  const made = new CompiledToolCalls(vocabulary, options);
  if (compiled.size >= MOST_COMPILED) compiled.delete(compiled.keys().next().value!);
  compiled.set(key, made);
  return made;
}

/** A constraint for one text. Compile once where there are several texts. */
export function toolCallConstraint(options: ToolCallOptions & ConstrainedText): TokenConstraint {
  return compileToolCalls(options).begin(options);
}

/** A line feed and the characters of ASCII. */
const PRINTABLE: readonly number[] = [0x0a, ...Array.from({ length: 95 }, (_, at) => 0x20 + at)];

const THOUGHT = { open: "<think>", close: "</think>" } as const;

/** Where a thought that the prompt opened has not ended. */
const IN_THOUGHT = /<think>\s*$/;

/** Whether a prompt ends inside a thought. @param prompt Its text, or the end of it. */
export function endsInThought(prompt: string): boolean {
  return IN_THOUGHT.test(prompt);
}

function startOf(vocabulary: Vocabulary, options: ToolCallOptions): Start {
  const language = new Language();
  const terms = termsOf(language, vocabulary, options);
  return { language, size: language.size, ...terms, masks: new TokenMasks(vocabulary) };
}

function termsOf(
  language: Language,
  vocabulary: Vocabulary,
  { form, tools, mode, stopIds }: ToolCallOptions,
): Pick<Start, "text" | "thinking"> {
  const ids = new Map(vocabulary.added.map(({ id, content }) => [content, id]));
  const tokenOf = (text: string) => ids.get(text) ?? null;
  const { call, openings, last = false } = framingOf(language, { form, tools, tokenOf });
  const added = new Map(vocabulary.added.map(({ id, content }) => [id, content]));
  const free = new FreeText(language, { added, stopIds });
  const stop = language.one(...stopIds.map((id) => TOKEN + id));
  if (mode === "required") {
    const text = language.sequence(call, stop);
    return { text, thinking: free.until("thought", THOUGHT.close, text) };
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
    text: free.term("start", [...calls, { text: THOUGHT.open, where: "first", then: () => thinking }]),
    thinking,
  };
}
