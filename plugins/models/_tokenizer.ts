/**
 * A tokenizer of bytes: token id = byte, specials above. It reads every text, needs no training, and both
 * @huggingface/tokenizers and the Python library load it.
 *
 * @module
 */

/** Special tokens in the order of their ids, from 256, and whether decoding may skip them. */
const ADDED: readonly (readonly [string, boolean])[] = [
  ["<|endoftext|>", true],
  ["<|im_start|>", true],
  ["<|im_end|>", true],
  ["<|pad|>", true],
  ["<tool_call>", false],
  ["</tool_call>", false],
  ["<think>", false],
  ["</think>", false],
];

const BYTES = 256;

/** Number of tokens. */
export const TOKENS: number = BYTES + ADDED.length;

/** The id of a special token. */
export function specialId(token: string): number {
  return BYTES + ADDED.findIndex(([name]) => name === token);
}

/** The files of the tokenizer, by name. @param contextLength Tokens. */
export function tokenizerFiles(contextLength: number, template: ChatTemplateName): Record<string, string> {
  return {
    "tokenizer.json": asText(tokenizer()),
    "tokenizer_config.json": asText(tokenizerConfig(contextLength, template)),
    "generation_config.json": asText({
      eos_token_id: [specialId("<|im_end|>"), specialId("<|endoftext|>")],
      pad_token_id: specialId("<|pad|>"),
    }),
  };
}

function asText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function tokenizer(): unknown {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: ADDED.map(([content], at) => ({ id: BYTES + at, ...added(content) })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(byteLetters().map((letter, byte) => [letter, byte])),
      merges: [],
    },
  };
}

function added(content: string): Record<string, unknown> {
  const special = ADDED.find(([name]) => name === content)![1];
  return { content, single_word: false, lstrip: false, rstrip: false, normalized: false, special };
}

/**
 * GPT-2's letter for each byte: itself when it prints, else the next free letter from U+0100.
 *
 * Source: bytes_to_unicode in openai/gpt-2, src/encoder.py.
 */
function byteLetters(): string[] {
  let free = 0x100;
  return Array.from({ length: BYTES }, (_, byte) => {
    const prints = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    return String.fromCharCode(prints ? byte : free++);
  });
}

function tokenizerConfig(contextLength: number, template: ChatTemplateName): unknown {
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    add_bos_token: false,
    add_prefix_space: false,
    added_tokens_decoder: Object.fromEntries(ADDED.map(([content], at) => [BYTES + at, added(content)])),
    additional_special_tokens: ["<|im_start|>", "<|im_end|>"],
    bos_token: null,
    eos_token: "<|im_end|>",
    pad_token: "<|pad|>",
    unk_token: null,
    clean_up_tokenization_spaces: false,
    errors: "replace",
    model_max_length: contextLength,
    split_special_tokens: false,
    chat_template: CHAT_TEMPLATES[template],
  };
}

/**
 * ChatML with tools in the Hermes form. Append-only: what is rendered of the first messages is the beginning of what is
 * rendered of all, so each tool message is a turn of its own and thoughts stay.
 */
const CHAT_TEMPLATE = [
  "{%- set system = messages[0]['content'] if messages and messages[0]['role'] == 'system' else '' %}",
  "{%- if tools %}",
  "{{- '<|im_start|>system\\n' }}",
  "{%- if system %}{{- system + '\\n\\n' }}{%- endif %}",
  "{{- '# Tools\\n<tools>' }}",
  "{%- for tool in tools %}{{- '\\n' + (tool | tojson) }}{%- endfor %}",
  '{{- \'\\n</tools>\\nTo call one:\\n<tool_call>\\n{"name": NAME, "arguments": OBJECT}\\n</tool_call><|im_end|>\\n\' }}',
  "{%- elif system %}",
  "{{- '<|im_start|>system\\n' + system + '<|im_end|>\\n' }}",
  "{%- endif %}",
  "{%- for message in messages %}",
  "{%- if message['role'] == 'assistant' %}",
  "{{- '<|im_start|>assistant\\n' }}",
  "{%- if message['reasoning_content'] %}{{- '<think>\\n' + message['reasoning_content'] + '\\n</think>\\n\\n' }}{%- endif %}",
  "{%- if message['content'] %}{{- message['content'] }}{%- endif %}",
  "{%- for call in message['tool_calls'] or [] %}",
  "{%- if message['content'] or not loop.first %}{{- '\\n' }}{%- endif %}",
  "{{- '<tool_call>\\n{\"name\": ' + (call['function']['name'] | tojson) + ', \"arguments\": ' }}",
  "{%- if call['function']['arguments'] is string %}{{- call['function']['arguments'] }}{%- else %}{{- call['function']['arguments'] | tojson }}{%- endif %}",
  "{{- '}\\n</tool_call>' }}",
  "{%- endfor %}",
  "{{- '<|im_end|>\\n' }}",
  "{%- elif not (loop.first and message['role'] == 'system') %}",
  "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}",
  "{%- endif %}",
  "{%- endfor %}",
  "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}",
].join("\n");

/**
 * Messages one after another, and an end of turn behind each answer: for models so small that headers would be most of
 * what they read. It knows no tools.
 */
const BARE_TEMPLATE = [
  "{%- for message in messages -%}",
  "{{- message['content'] -}}",
  "{%- if message['role'] == 'assistant' -%}{{- '<|im_end|>' -}}{%- endif -%}",
  "{%- endfor -%}",
].join("\n");

/** Name of a chat template that a new model can have. */
export type ChatTemplateName = "chatml" | "bare";

const CHAT_TEMPLATES: Readonly<Record<ChatTemplateName, string>> = {
  chatml: CHAT_TEMPLATE,
  bare: BARE_TEMPLATE,
};
