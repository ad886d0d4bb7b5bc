/**
 * A chat model that acts: an episode as a conversation, a turn as calls of tools or plain text.
 *
 * Within an episode the prompt only grows: what the model wrote stays in it token for token, so that ids and
 * log-probabilities of a whole episode are one sequence that a trainer can use as it was sampled.
 *
 * @module
 */
import { GymError } from "../../../core/errors.ts";
import type { Decision, Policy, PolicyView } from "../../../core/policy.ts";
import type { Action, Step } from "../../../core/trajectory.ts";
import {
  type ChatCodec,
  type ChatMessage,
  type ChatTool,
  chatTool,
  type ChatToolCall,
  type EncodedChat,
  messagesOf,
  turnsOf,
} from "../../chat/mod.ts";
import type { TokenConstraint } from "./constraint.ts";
import { compileToolCalls, endsInThought, type ToolCallMode } from "./constraint/tool_calls.ts";
import { takesSeveralCalls } from "./_several_calls.ts";
import type { Generation, Generator } from "./generator.ts";
import type { TextState } from "./text_state.ts";

/** A model and how it reads and writes messages; policies share it. */
export interface ChatModel {
  readonly codec: ChatCodec;
  readonly generator: Generator;
  /** Adapter of the generator to use, by name. @default its own parameters */
  readonly adapter?: string;
}

/** How a model acts. */
export interface ActingOptions {
  /** System prompt. */
  readonly system?: string | undefined;
  /** Whether the definitions of tools stand in the prompt. */
  readonly tools: boolean;
  readonly temperature: number;
  /** 0 keeps all tokens. */
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  /** Most tokens of a turn. */
  readonly maxNewTokens: number;
  /** Texts that end a turn. */
  readonly stop: readonly string[];
  /**
   * Whether what was computed for a turn is kept for the next, so that only what is new of a prompt is computed. It takes
   * 2 · layers · key-value heads · head size · 4 bytes a token while the episode lasts.
   *
   * @default true
   */
  readonly reuse?: boolean | undefined;
  /**
   * Whether what is written is held to calls of the tools on offer: `auto` where it opens one, `required` as a whole. The
   * record then has the log-probabilities among the tokens that were allowed, and says so.
   *
   * @default "free"
   */
  readonly toolCalls?: "free" | ToolCallMode | undefined;
}

/** What was shown to the model and what it wrote, up to a step. */
interface Seen {
  readonly steps: number;
  readonly ids: readonly number[];
  /** Steps of the history that are not in `ids`. */
  readonly omitted: number;
  /** Whether the last turn ended with a stop token. */
  readonly ended: boolean;
}

/** Ids to go on from. */
interface Prompt {
  readonly ids: readonly number[];
  /** Steps of the history that are not in it. */
  readonly omitted: number;
}

/** A policy on a chat model. One episode at a time; several policies may share the model. */
export class ActingModel implements Policy {
  /** Name for the record. */
  readonly name: string = "onnx-model";
  /** Name of the model for the record. */
  readonly model: string;
  readonly #settings: ActingOptions;
  readonly #shared: ChatModel;
  #seen: Seen | null = null;
  #state: TextState | null = null;

  constructor(shared: ChatModel, settings: ActingOptions, model: string) {
    this.model = model;
    this.#settings = settings;
    this.#shared = shared;
  }

  /** Forgets the episode before. */
  reset(): void {
    this.#seen = null;
    this.#state = null;
  }

  /** Writes one turn. @throws {GymError} `LIMIT_EXCEEDED` when task and latest turn do not fit into the context. */
  async act(view: PolicyView): Promise<Decision> {
    const { codec, generator, adapter = null } = this.#shared;
    const { reuse = true } = this.#settings;
    const tools = this.#settings.tools ? view.tools.map(chatTool) : null;
    const prompt = this.#prompt(view, tools);
    const seed = String(Math.floor(view.prng.fork(view.history.length)() * 2 ** 53));
    const made = await generator.generate({
      promptIds: Int32Array.from(prompt.ids),
      maxNewTokens: this.#settings.maxNewTokens,
      sampling: this.#settings,
      seed: BigInt(seed),
      stopIds: codec.stopIds,
      adapter,
      keepState: reuse,
      ...(this.#state === null ? {} : { state: this.#state }),
      ...this.#heldToCalls(view, prompt),
      ...this.#stopAtText(),
      ...(view.signal === undefined ? {} : { signal: view.signal }),
    });
    this.#state = made.state ?? null;
    const decision = this.#decision(made, prompt, tools, seed);
    this.#seen = {
      steps: view.history.length + 1 + (decision.more?.length ?? 0),
      ids: [...prompt.ids, ...made.ids],
      omitted: prompt.omitted,
      ended: made.reason === "stop",
    };
    return decision;
  }

  /** Ids to go on from. When the history does not fit, the task and the most of its latest turns that do. */
  #prompt(view: PolicyView, tools: readonly ChatTool[] | null): Prompt {
    const whole = this.#grown(view, tools);
    if (whole.ids.length + this.#room <= this.#limit) return whole;
    // Turns are left out whole: an answer of a tool never stands without its call.
    const starts = turnsOf(view.history).map(([first]) => first!.index);
    const most = Math.max(starts.length - 1, 0);
    const without = (turns: number): Prompt => {
      const omitted = starts[turns]!;
      return { ids: [...this.#encode(view, tools, view.history.slice(omitted)).ids], omitted };
    };
    let [low, high] = [Math.max(starts.indexOf(whole.omitted), 1), most]; // fewest omitted turns that fit lie in between
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (without(middle).ids.length + this.#room <= this.#limit) high = middle;
      else low = middle + 1;
    }
    const least = most === 0 ? whole : without(low);
    if (least.ids.length < this.#limit) return least;
    throw new GymError(
      "LIMIT_EXCEEDED",
      `Cannot act: wanted the task and the latest turn in ${this.#limit} tokens: received ${least.ids.length}`,
      { limit: this.#limit, received: least.ids.length },
    );
  }

  get #limit(): number {
    return this.#shared.generator.maxLength;
  }

  /** Tokens kept free for the answer: what was asked for, but no more than a quarter of the context. */
  get #room(): number {
    return Math.min(this.#settings.maxNewTokens, Math.floor(this.#limit / 4));
  }

  /** What the model saw and wrote, token for token, and behind it what is new since. */
  #grown(view: PolicyView, tools: readonly ChatTool[] | null): Prompt {
    const encoded = this.#encode(view, tools, view.history);
    const anew = { ids: [...encoded.ids], omitted: 0 };
    const seen = this.#seen;
    if (seen === null || seen.steps !== view.history.length) return anew;
    const behind = afterLastAnswer(encoded, seen.ended);
    return behind === null
      ? anew
      : { ids: [...seen.ids, ...encoded.ids.subarray(behind)], omitted: seen.omitted };
  }

  #encode(view: PolicyView, tools: readonly ChatTool[] | null, steps: readonly Step[]): EncodedChat {
    const { messages } = messagesOf({
      system: this.#settings.system ?? null,
      task: view.task,
      reset: { observation: view.resetObservation, timestamp: null },
      tools: null,
      steps,
    }, { callIds: "position" });
    return this.#shared.codec.encode(messages, { tools, generationPrompt: true });
  }

  #heldToCalls(view: PolicyView, { ids }: Prompt): { readonly constraint?: TokenConstraint } {
    const { toolCalls = "free", maxNewTokens } = this.#settings;
    if (toolCalls === "free" || (toolCalls === "auto" && view.tools.length === 0)) return {};
    const { tokenizer, toolCallForm, stopIds } = this.#shared.codec;
    const tools = view.tools.map(chatTool);
    const compiled = compileToolCalls({ tokenizer, form: toolCallForm, tools, mode: toolCalls, stopIds });
    const maxTokens = Math.min(maxNewTokens, this.#limit - ids.length);
    const thinking = endsInThought(tokenizer.decode(ids.slice(-8)));
    return { constraint: compiled.begin({ maxTokens, thinking }) };
  }

  #stopAtText(): { readonly onToken?: (id: number) => boolean } {
    const { stop } = this.#settings;
    if (stop.length === 0) return {};
    const ids: number[] = [];
    const { tokenizer } = this.#shared.codec;
    const reach = Math.max(...stop.map((text) => text.length)) + 8; // tokens are at least a character, save for bytes
    return {
      onToken: (id) => {
        ids.push(id);
        const tail = tokenizer.decode(ids.slice(-reach));
        return stop.some((text) => tail.includes(text));
      },
    };
  }

  #decision(
    made: Generation,
    prompt: Prompt,
    tools: readonly ChatTool[] | null,
    seed: string,
  ): Decision {
    const { codec } = this.#shared;
    const { temperature, topK, topP, minP, repetitionPenalty, toolCalls = "free" } = this.#settings;
    const written = cutAtStop(codec.tokenizer.decode(made.ids), this.#settings.stop);
    const message = codec.parse(written, { tools });
    const thought = [message.reasoning_content, message.tool_calls === undefined ? "" : message.content]
      .filter((text) => text !== undefined && text !== "").join("\n");
    const [action, ...further] = actionsOf(message);
    const more = takesSeveralCalls(codec) ? further : [];
    const dropped = further.length - more.length;
    const notes = {
      ...(prompt.omitted > 0 ? { omittedSteps: prompt.omitted } : {}),
      ...(made.reason === "length" ? { cut: true } : {}),
      ...(dropped > 0 ? { droppedCalls: dropped } : {}),
    };
    return {
      action,
      ...(more.length === 0 ? {} : { more }),
      thought,
      tokens: {
        promptIds: prompt.ids,
        completionIds: [...made.ids],
        logProbs: [...made.drawnLogProbabilities],
        sampling: {
          temperature,
          topK: topK === 0 ? null : topK,
          topP: topP === 1 ? null : topP,
          minP: minP === 0 ? null : minP,
          repetitionPenalty: repetitionPenalty === 1 ? null : repetitionPenalty,
          seed,
          ...(toolCalls === "free" ? {} : { constraint: toolCalls }),
        },
        promptTokens: prompt.ids.length,
        completionTokens: made.ids.length,
        reencoded: false,
      },
      ...(Object.keys(notes).length === 0 ? {} : { extra: notes }),
    };
  }
}

/** The calls of a message; plain text where there is none. Beside others a call without a name is none. */
function actionsOf({ tool_calls = [], content }: ChatMessage): readonly [Action, ...Action[]] {
  const named = tool_calls.filter((call) => call.function.name !== "");
  const [first = tool_calls[0], ...rest] = named;
  if (first === undefined) return [{ tool: "", params: {}, raw: content.trim() }];
  return [actionOf(first), ...rest.map(actionOf)];
}

function actionOf({ function: { name, arguments: given } }: ChatToolCall): Action {
  return typeof given === "string" ? { tool: name, params: {}, raw: given } : { tool: name, params: given };
}

/** First token behind the last assistant message, its end included when the model wrote that; null when there is none. */
function afterLastAnswer({ spans }: EncodedChat, ended: boolean): number | null {
  const last = spans.findLast(({ role, message }) => role === "assistant" && message >= 0)?.message;
  if (last === undefined) return null;
  const own = spans.filter(({ message, part }) => message === last && part !== "other");
  const end = own.findLast(({ part }) => part === "end");
  return ended ? own.at(-1)!.end : (end?.start ?? own.at(-1)!.end);
}

function cutAtStop(text: string, stop: readonly string[]): string {
  const places = stop.map((each) => text.indexOf(each)).filter((place) => place >= 0);
  return places.length === 0 ? text : text.slice(0, Math.min(...places));
}
