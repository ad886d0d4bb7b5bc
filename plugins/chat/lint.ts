/**
 * What a chat template does to training: found by rendering and encoding small conversations.
 *
 * @module
 */
import { messageOf } from "../../core/errors.ts";
import { type ChatCodec, type EncodedChat, trainedMask } from "./codec.ts";
import type { ChatMessage, ChatTool } from "./messages.ts";

/** Properties of a template. Plain data, to be stored beside what was made with it. */
export interface TemplateVerdict {
  /** SHA-256 of the template, in hexadecimal. */
  readonly templateHash: string;
  /**
   * Whether a longer conversation starts with the text of the shorter one. Where it does not (thoughts of earlier turns
   * are dropped), each turn must be a training row of its own, and a cache of earlier turns is of no use.
   */
  readonly appendOnly: boolean;
  /** Whether the end of an assistant's turn is among the tokens that are trained. */
  readonly stopTokenTrained: boolean;
  /** Whether training starts exactly where generation does: after the generation prompt. */
  readonly generationPromptExcluded: boolean;
  /** Whether the template renders tools, calls and results itself. */
  readonly toolsSupported: boolean;
  /** What a person should know, one sentence each. */
  readonly findings: readonly string[];
}

const TOOLS: readonly ChatTool[] = [{
  type: "function",
  function: {
    name: "read_file",
    description: "Reads a file.",
    parameters: { type: "object", properties: { path: { type: "string" } }, required: ["path"] },
  },
}];
const QUESTION: ChatMessage = { role: "user", content: "What is in the file?" };
const CALL: ChatMessage = {
  role: "assistant",
  content: "",
  reasoning_content: "The file must be read.",
  tool_calls: [{
    id: "call00000",
    type: "function",
    function: { name: "read_file", arguments: { path: "a.txt" } },
  }],
};
const RESULT: ChatMessage = { role: "tool", content: "one", name: "read_file", tool_call_id: "call00000" };
const ANSWER: ChatMessage = { role: "assistant", content: "The word one." };

type Check = "appendOnly" | "stopTokenTrained" | "generationPromptExcluded" | "toolsSupported";

/** Each check with what is said when it fails. */
const CHECKS: Readonly<
  Record<Check, { readonly holds: (codec: ChatCodec) => boolean; readonly finding: string }>
> = {
  appendOnly: {
    holds: isAppendOnly,
    finding: "The text of earlier turns changes when a turn is added: train each turn as a row of its own",
  },
  stopTokenTrained: {
    holds: isStopTrained,
    finding: "No token ends an assistant's turn: a trained model will not learn to stop",
  },
  generationPromptExcluded: {
    holds: isPromptExcluded,
    finding:
      "Training does not start where the generation prompt ends: the model will meet other text than it learned",
  },
  toolsSupported: {
    holds: ({ toolSupport }) => toolSupport === "template",
    finding: "The template shows no tools: tools and calls are written as text of messages, in Hermes form",
  },
};

/** Looks a template over. A check that the template refuses counts as failed, and the findings say why. */
export function lintTemplate(codec: ChatCodec): TemplateVerdict {
  const findings: string[] = [];
  const check = (name: Check): boolean => {
    const { holds, finding } = CHECKS[name];
    try {
      if (holds(codec)) return true;
      findings.push(finding);
    } catch (error) {
      findings.push(`${finding} (${messageOf(error)})`);
    }
    return false;
  };
  const verdict = {
    templateHash: codec.templateHash,
    appendOnly: check("appendOnly"),
    stopTokenTrained: check("stopTokenTrained"),
    generationPromptExcluded: check("generationPromptExcluded"),
    toolsSupported: check("toolsSupported"),
  };
  if (codec.templateSource === "default") findings.push("The model has no chat template: ChatML is used");
  if (codec.toolCallForm === null) {
    findings.push(
      "The template writes tool calls in a form that is not known: parse() leaves them in the content",
    );
  }
  if (/\bstrftime_now\b/.test(codec.template)) {
    findings.push("The template asks for the date: give one, or the date it carries is used");
  }
  return { ...verdict, findings };
}

function isAppendOnly(codec: ChatCodec): boolean {
  const messages = [QUESTION, CALL, RESULT, { ...ANSWER, reasoning_content: "One word." }, QUESTION, ANSWER];
  const texts = [1, 3, 4, 5, 6].map((length) => codec.render(messages.slice(0, length), { tools: TOOLS }));
  return texts.every((text, at) => at === 0 || text.startsWith(texts[at - 1]!));
}

function isStopTrained(codec: ChatCodec): boolean {
  const { spans } = codec.encode([QUESTION, ANSWER, QUESTION, ANSWER]);
  return [1, 3].every((message) => spans.some((span) => span.message === message && span.part === "end"));
}

function isPromptExcluded(codec: ChatCodec): boolean {
  const prompt = codec.encode([QUESTION], { generationPrompt: true });
  const whole = codec.encode([QUESTION, ANSWER]);
  return whole.text.startsWith(prompt.text) && firstTrained(whole) === prompt.ids.length;
}

function firstTrained(encoded: EncodedChat): number {
  return trainedMask(encoded).indexOf(1);
}
