import assert from "node:assert/strict";
import { createChatCodec } from "./codec.ts";
import { lintTemplate } from "./lint.ts";
import { TEMPLATES, tokenizerWith } from "./_templates_test.ts";

const TEXT_TOOLS =
  "The template shows no tools: tools and calls are written as text of messages, in Hermes form";
const REWRITES =
  "The text of earlier turns changes when a turn is added: train each turn as a row of its own";
const DATE = "The template asks for the date: give one, or the date it carries is used";
const PROMPT =
  "Training does not start where the generation prompt ends: the model will meet other text than it learned";

const NO_END = "No token ends an assistant's turn: a trained model will not learn to stop";
const UNKNOWN_FORM =
  "The template writes tool calls in a form that is not known: parse() leaves them in the content";

/** appendOnly, stopTokenTrained, generationPromptExcluded, toolsSupported, findings. */
const verdicts: Readonly<Record<string, [boolean, boolean, boolean, boolean, string[]]>> = {
  qwen25: [true, true, true, true, []],
  qwen3: [false, true, true, true, [REWRITES]],
  llama3: [true, true, true, true, [DATE]],
  mistral: [true, true, true, true, []],
  r1: [true, true, false, false, [PROMPT, TEXT_TOOLS]],
  gemma: [true, true, true, false, [TEXT_TOOLS]],
  harmony: [false, true, true, true, [REWRITES]],
  glm: [true, false, true, true, [NO_END, UNKNOWN_FORM]],
};

for (
  const [name, [appendOnly, stopTokenTrained, generationPromptExcluded, toolsSupported, findings]] of Object
    .entries(verdicts)
) {
  Deno.test(`lintTemplate() tells what the template of ${name} does`, () => {
    const { source, tokens, eos, bos } = TEMPLATES[name]!;
    const codec = createChatCodec({ tokenizer: tokenizerWith(tokens, eos, bos ?? null), template: source });
    const verdict = lintTemplate(codec);
    const wanted = { appendOnly, stopTokenTrained, generationPromptExcluded, toolsSupported, findings };
    assert.deepEqual(verdict, { templateHash: codec.templateHash, ...wanted });
    assert.deepEqual(JSON.parse(JSON.stringify(verdict)), verdict);
  });
}

Deno.test("lintTemplate() says when no token ends a turn, and when a template refuses a check", () => {
  const tokenizer = tokenizerWith([], "<|im_end|>");
  const source = "{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}{% if messages | length > 4 %}{{ raise_exception('long') }}{% endif %}";
  assert.deepEqual(lintTemplate(createChatCodec({ tokenizer, template: source })).findings, [
    `${REWRITES} (Cannot render conversation: wanted what the chat template accepts: received long)`,
    NO_END,
    TEXT_TOOLS,
  ]);
});

Deno.test("lintTemplate() says when the template is a default", () => {
  const verdict = lintTemplate(createChatCodec({ tokenizer: tokenizerWith([], "<|im_end|>") }));
  assert.deepEqual(verdict.findings, [TEXT_TOOLS, "The model has no chat template: ChatML is used"]);
  assert.equal(verdict.stopTokenTrained, true);
});
