/** Chat templates in the manner of well-known models, written for tests. */
import { readFileSync } from "node:fs";
import { Tokenizer } from "./tokenizer.ts";

const FOLDER = new URL("../../tests/golden/models/tiny-qwen3/", import.meta.url);

/** The tiny tokenizer with the special tokens of another model. */
export function tokenizerWith(tokens: readonly string[], eos: string, bos: string | null = null): Tokenizer {
  const tokenizer = JSON.parse(readFileSync(new URL("tokenizer.json", FOLDER), "utf8"));
  const known = new Set(tokenizer.added_tokens.map(({ content }: { content: string }) => content));
  for (const content of new Set(tokens.filter((token) => !known.has(token)))) {
    tokenizer.added_tokens.push({ id: 509 + known.size, content, special: true });
    known.add(content);
  }
  return new Tokenizer({ tokenizer, config: { eos_token: eos, bos_token: bos } });
}

/** A template, the tokens it needs, and what is known about it. */
export interface TemplateCase {
  readonly source: string;
  readonly tokens: readonly string[];
  readonly eos: string;
  readonly bos?: string;
}

const CALLS =
  `{%- for call in m.tool_calls or [] %}{{ ('\\n' if m.content or not loop.first else '') + '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}{{ call.function.arguments if call.function.arguments is string else call.function.arguments | tojson }}{{ '}\\n</tool_call>' }}{%- endfor %}`;
const TOOLS =
  `{%- if tools %}{{ '<|im_start|>system\\n' }}{%- if messages[0].role == 'system' %}{{ messages[0].content + '\\n\\n' }}{%- endif %}{{ '# Tools\\n<tools>' }}{%- for tool in tools %}{{ '\\n' }}{{ tool | tojson }}{%- endfor %}{{ '\\n</tools><|im_end|>\\n' }}{%- elif messages[0].role == 'system' %}{{ '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}{%- endif %}`;
const RESULT =
  `{%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}{{ '<|im_start|>user' }}{%- endif %}{{ '\\n<tool_response>\\n' + m.content + '\\n</tool_response>' }}{%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{ '<|im_end|>\\n' }}{%- endif %}`;

/** Templates by the model they are like. */
export const TEMPLATES: Readonly<Record<string, TemplateCase>> = {
  /** Tools in the system turn, results in a user turn; calls in Hermes form. */
  qwen25: {
    source:
      `${TOOLS}{%- for m in messages %}{%- if m.role == 'user' or (m.role == 'system' and not loop.first) %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{%- elif m.role == 'assistant' %}{{ '<|im_start|>assistant\\n' + m.content }}${CALLS}{{ '<|im_end|>\\n' }}{%- elif m.role == 'tool' %}${RESULT}{%- endif %}{%- endfor %}{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{%- endif %}`,
    tokens: [],
    eos: "<|im_end|>",
  },
  /** Thoughts are shown after the last question only, also when they stand inside the content. */
  qwen3: {
    source:
      `${TOOLS}{%- set ns = namespace(last=messages|length - 1, open=true) %}{%- for m in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}{%- if ns.open and m.role == 'user' and not (m.content.startswith('<tool_response>') and m.content.endswith('</tool_response>')) %}{%- set ns.open = false %}{%- set ns.last = index %}{%- endif %}{%- endfor %}{%- for m in messages %}{%- if m.role == 'user' or (m.role == 'system' and not loop.first) %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{%- elif m.role == 'assistant' %}{%- set content = m.content %}{%- set thought = '' %}{%- if m.reasoning_content %}{%- set thought = m.reasoning_content %}{%- elif '</think>' in content %}{%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}{{ '<|im_start|>assistant\\n' }}{%- if loop.index0 > ns.last and (loop.last or thought) %}{{ '<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}{%- else %}{{ content }}{%- endif %}${CALLS}{{ '<|im_end|>\\n' }}{%- elif m.role == 'tool' %}${RESULT}{%- endif %}{%- endfor %}{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}`,
    tokens: [],
    eos: "<|im_end|>",
  },
  /** Trims contents, writes results as JSON, one call a message, and a date. */
  llama3: {
    source:
      `{{- bos_token }}{%- if strftime_now is defined %}{%- set date = strftime_now('%d %b %Y') %}{%- else %}{%- set date = '26 Jul 2024' %}{%- endif %}{%- if messages[0].role == 'system' %}{%- set system = messages[0].content | trim %}{%- set messages = messages[1:] %}{%- else %}{%- set system = '' %}{%- endif %}{{ '<|start_header_id|>system<|end_header_id|>\\n\\nToday Date: ' + date + '\\n\\n' }}{%- if tools %}{%- for t in tools %}{{ t | tojson }}{{ '\\n\\n' }}{%- endfor %}{%- endif %}{{ system + '<|eot_id|>' }}{%- for m in messages %}{%- if m.tool_calls %}{%- if m.tool_calls | length != 1 %}{{ raise_exception('This model only supports single tool-calls at once!') }}{%- endif %}{%- set call = m.tool_calls[0].function %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n{"name": "' + call.name + '", "parameters": ' }}{{ call.arguments | tojson }}{{ '}<|eot_id|>' }}{%- elif m.role == 'tool' %}{{ '<|start_header_id|>ipython<|end_header_id|>\\n\\n' }}{{ m.content | tojson }}{{ '<|eot_id|>' }}{%- else %}{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n' + m.content | trim + '<|eot_id|>' }}{%- endif %}{%- endfor %}{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}`,
    tokens: [
      "<|begin_of_text|>",
      "<|start_header_id|>",
      "<|end_header_id|>",
      "<|eot_id|>",
      "<|end_of_text|>",
    ],
    eos: "<|eot_id|>",
    bos: "<|begin_of_text|>",
  },
  /** No generation prompt; the system text stands in the first user message; calls in a list. */
  mistral: {
    source:
      `{{- bos_token }}{%- set ns = namespace(system='') %}{%- for m in messages %}{%- if m.role == 'system' %}{%- set ns.system = m.content %}{%- elif m.role == 'user' %}{%- if tools and loop.index0 <= 1 %}{{ '[AVAILABLE_TOOLS] ' }}{{ tools | tojson }}{{ '[/AVAILABLE_TOOLS]' }}{%- endif %}{{ '[INST] ' }}{%- if ns.system %}{{ ns.system + '\\n\\n' }}{%- set ns.system = '' %}{%- endif %}{{ m.content + '[/INST]' }}{%- elif m.tool_calls %}{{ '[TOOL_CALLS] [' }}{%- for call in m.tool_calls %}{{ '{"name": "' + call.function.name + '", "arguments": ' }}{{ call.function.arguments | tojson }}{{ ', "id": "' + call.id + '"}' }}{{ ', ' if not loop.last else ']' + eos_token }}{%- endfor %}{%- elif m.role == 'assistant' %}{{ ' ' + m.content | trim + eos_token }}{%- elif m.role == 'tool' %}{{ '[TOOL_RESULTS] {"content": ' + m.content + '}[/TOOL_RESULTS]' }}{%- endif %}{%- endfor %}`,
    tokens: ["<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"],
    eos: "</s>",
    bos: "<s>",
  },
  /** Drops thoughts of earlier turns from the content; the prompt opens the thought. */
  r1: {
    source:
      `{{- bos_token }}{%- for m in messages %}{%- if m.role == 'system' %}{{ m.content }}{%- elif m.role == 'user' %}{{ '<|User|>' + m.content }}{%- elif m.role == 'assistant' %}{%- set content = m.content %}{%- if '</think>' in content %}{%- set content = content.split('</think>')[-1] %}{%- endif %}{{ '<|Assistant|>' + content + '<|eos|>' }}{%- endif %}{%- endfor %}{%- if add_generation_prompt %}{{ '<|Assistant|><think>\\n' }}{%- endif %}`,
    tokens: ["<|bos|>", "<|eos|>", "<|User|>", "<|Assistant|>"],
    eos: "<|eos|>",
    bos: "<|bos|>",
  },
  /** No system messages, roles must alternate, no tools. */
  gemma: {
    source:
      `{{ bos_token }}{%- if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{%- endif %}{%- for m in messages %}{%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant') }}{%- endif %}{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' + m.content | trim + '<end_of_turn>\\n' }}{%- endfor %}{%- if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{%- endif %}`,
    tokens: ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"],
    eos: "<eos>",
    bos: "<bos>",
  },
  /** Nothing ends a turn, calls are tags of their own, and a result repeats the name of its tool. */
  glm: {
    source:
      `[gMASK]{%- for t in tools or [] %}{{ t | tojson }}{%- endfor %}{%- for m in messages %}{%- if m.role == 'assistant' %}{{ '<|assistant|>\\n' + m.content }}{%- for call in m.tool_calls or [] %}{{ '\\n<call>' + call.function.name }}{%- for key, value in call.function.arguments.items() %}{{ '\\n<key>' + key + '</key>\\n<value>' }}{{ value if value is string else value | tojson }}{{ '</value>' }}{%- endfor %}{{ '\\n</call>' }}{%- endfor %}{%- elif m.role == 'tool' %}{{ '<|observation|>' + messages[loop.index0 - 1].tool_calls[0].function.name if messages[loop.index0 - 1].tool_calls else '<|observation|>' }}{{ '\\n' + m.content }}{%- else %}{{ '<|' + m.role + '|>\\n' + m.content }}{%- endif %}{%- endfor %}{%- if add_generation_prompt %}{{ '<|assistant|>\\n' }}{%- endif %}`,
    tokens: ["<|assistant|>", "<|user|>", "<|system|>", "<|observation|>", "<|endoftext|>"],
    eos: "<|endoftext|>",
  },
  /** gpt-oss: thoughts and answers in channels. */
  harmony: {
    source:
      `{%- for t in tools or [] %}{{ '<|start|>developer<|message|>' }}{{ t | tojson }}{{ '<|end|>' }}{%- endfor %}{%- for m in messages %}{%- if m.role == 'assistant' %}{%- if m.thinking %}{{ '<|start|>assistant<|channel|>analysis<|message|>' + m.thinking + '<|end|>' }}{%- endif %}{%- if m.tool_calls %}{{ '<|start|>assistant<|channel|>commentary to=functions.' + m.tool_calls[0].function.name + ' <|constrain|>json<|message|>' }}{{ m.tool_calls[0].function.arguments | tojson }}{{ '<|call|>' }}{%- else %}{{ '<|start|>assistant<|channel|>final<|message|>' + m.content + ('<|return|>' if loop.last else '<|end|>') }}{%- endif %}{%- elif m.role == 'tool' %}{{ '<|start|>functions.' + m.name + ' to=assistant<|channel|>commentary<|message|>' }}{{ m.content | tojson }}{{ '<|end|>' }}{%- else %}{{ '<|start|>' + m.role + '<|message|>' + m.content + '<|end|>' }}{%- endif %}{%- endfor %}{%- if add_generation_prompt %}{{ '<|start|>assistant' }}{%- endif %}`,
    tokens: ["<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|call|>", "<|return|>"],
    eos: "<|return|>",
  },
};
