import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { Json } from "../../core/schema.ts";
import {
  type ChatCodec,
  type ChatCodecOptions,
  createChatCodec,
  DEFAULT_CHAT_TEMPLATE,
  type EncodedChat,
  type EncodeOptions,
  loadChatCodec,
  trainedMask,
} from "./codec.ts";
import { callId, type ChatMessage, type ChatTool, type ChatToolCall } from "./messages.ts";
import { TEMPLATES, tokenizerWith } from "./_templates_test.ts";

const GOLDEN = new URL("../../tests/golden/models/", import.meta.url).pathname;

const TOOLS: readonly ChatTool[] = [{
  type: "function",
  function: {
    name: "ls",
    description: "Lists.",
    parameters: { type: "object", properties: { path: { type: "string" } } },
  },
}];

function codecOf(name: string, options: Partial<ChatCodecOptions> = {}): ChatCodec {
  const { source, tokens, eos, bos } = TEMPLATES[name]!;
  return createChatCodec({
    tokenizer: tokenizerWith(tokens, eos, bos ?? null),
    template: source,
    ...options,
  });
}

function call(at: number, path: Json, name = "ls"): ChatToolCall {
  return { id: callId(at), type: "function", function: { name, arguments: { path } } };
}

/** Spans as [message, part, text]. */
function spansOf(codec: ChatCodec, { ids, spans }: EncodedChat): [number, string, string][] {
  return spans.map(({ message, part, call, start, end }) => [
    message,
    call === undefined ? part : `${part} ${call}`,
    codec.tokenizer.decode(ids.subarray(start, end)),
  ]);
}

/** What the model writes for a message: everything trained but the end. */
function written(codec: ChatCodec, { ids, spans }: EncodedChat, message: number): string {
  const own = spans.filter((span) =>
    span.message === message && ["thought", "content", "tool_call"].includes(span.part)
  );
  return own.map(({ start, end }) => codec.tokenizer.decode(ids.subarray(start, end))).join("");
}

for (const model of ["tiny-llama", "tiny-qwen2", "tiny-qwen3"]) {
  Deno.test(`encode() gives text, ids and mask of the reference for ${model}`, async () => {
    const codec = await loadChatCodec(join(GOLDEN, model));
    const golden = JSON.parse(await readFile(join(GOLDEN, `${model}-tokenizer.json`), "utf8"));
    assert.equal(golden.chat.length, 5);
    for (const { messages, rendered, rendered_generation_prompt, ids, assistant_mask } of golden.chat) {
      const encoded = codec.encode(messages);
      assert.equal(encoded.text, rendered);
      assert.deepEqual([...encoded.ids], ids);
      assert.deepEqual([...trainedMask(encoded)], assistant_mask);
      assert.equal(codec.render(messages, { generationPrompt: true }), rendered_generation_prompt);
      const prompt = codec.encode(messages, { generationPrompt: true });
      assert.equal(prompt.text, rendered_generation_prompt);
      assert.deepEqual(prompt.spans.at(-1), {
        message: -1,
        role: "template",
        part: "header",
        start: ids.length,
        end: prompt.ids.length,
      });
    }
  });
}

Deno.test("encode() gives every part of a conversation with calls its place", () => {
  const codec = codecOf("qwen3");
  const encoded = codec.encode([
    { role: "system", content: "S" },
    { role: "user", content: "Q" },
    { role: "assistant", content: "Go", reasoning_content: "hm", tool_calls: [call(0, "a"), call(1, "b")] },
    { role: "tool", content: "r0", name: "ls", tool_call_id: callId(0) },
    { role: "tool", content: "r1", name: "ls", tool_call_id: callId(1) },
    { role: "assistant", content: "A" },
  ]);
  assert.deepEqual(spansOf(codec, encoded), [
    [0, "header", "<|im_start|>system\n"],
    [0, "content", "S"],
    [0, "end", "<|im_end|>"],
    [0, "other", "\n"],
    [1, "header", "<|im_start|>user\n"],
    [1, "content", "Q"],
    [1, "end", "<|im_end|>"],
    [1, "other", "\n"],
    [2, "header", "<|im_start|>assistant\n"],
    [2, "thought", "<think>\nhm\n</think>\n\n"],
    [2, "content", "Go"],
    [2, "tool_call 0", '\n<tool_call>\n{"name": "ls", "arguments": {"path": "a"}}\n</tool_call>'],
    [2, "tool_call 1", '\n<tool_call>\n{"name": "ls", "arguments": {"path": "b"}}\n</tool_call>'],
    [2, "end", "<|im_end|>"],
    [2, "other", "\n"],
    [3, "header", "<|im_start|>user\n<tool_response>\n"],
    [3, "content", "r0"],
    [4, "header", "\n</tool_response>\n<tool_response>\n"],
    [4, "content", "r1"],
    [4, "other", "\n</tool_response>"],
    [4, "end", "<|im_end|>"],
    [4, "other", "\n"],
    [5, "header", "<|im_start|>assistant\n"],
    [5, "thought", "<think>\n\n</think>\n\n"],
    [5, "content", "A"],
    [5, "end", "<|im_end|>"],
    [5, "other", "\n"],
  ]);
});

Deno.test("encode() excludes what the generation prompt holds when thinking is off", () => {
  const codec = codecOf("qwen3");
  const options: EncodeOptions = { variables: { enable_thinking: false } };
  const messages: ChatMessage[] = [{ role: "user", content: "Q" }, { role: "assistant", content: "A" }];
  const prompt = codec.encode(messages.slice(0, 1), { ...options, generationPrompt: true });
  const encoded = codec.encode(messages, options);
  assert.ok(prompt.text.endsWith("</think>\n\n"));
  assert.equal(trainedMask(encoded).indexOf(1), prompt.ids.length);
});

Deno.test("encode() finds thoughts that stand inside the content", () => {
  const codec = codecOf("qwen3");
  const content = "<think>\nhm\n</think>\n\nA";
  const encoded = codec.encode([{ role: "user", content: "Q" }, { role: "assistant", content }]);
  assert.deepEqual(spansOf(codec, encoded).slice(5, 7), [[1, "thought", "<think>\nhm\n</think>\n\n"], [
    1,
    "content",
    "A",
  ]]);
  const dropped = codecOf("r1").encode([{ role: "user", content: "Q" }, { role: "assistant", content }]);
  assert.ok(dropped.text.endsWith("<|Assistant|>\n\nA<|eos|>"));
  assert.equal(written(codecOf("r1"), dropped, 1), "\n\nA");
});

Deno.test("encode() keeps results that a user reports as text in their place", () => {
  const codec = codecOf("qwen3");
  const content = "<tool_response>\nr\n</tool_response>";
  const messages: ChatMessage[] = [
    { role: "user", content: "Q" },
    { role: "assistant", content: "Go", reasoning_content: "hm" },
    { role: "user", content },
    { role: "assistant", content: "A", reasoning_content: "ok" },
  ];
  const spans = spansOf(codec, codec.encode(messages));
  assert.deepEqual(spans.filter(([message, part]) => message === 2 && part === "content"), [[
    2,
    "content",
    content,
  ]]);
  assert.deepEqual(spans.filter(([, part]) => part === "thought").length, 2);
});

Deno.test("encode() does not train a token that reaches over a border", () => {
  const template = "{% for m in messages %}{{ m.content }}{% endfor %}";
  const codec = createChatCodec({ tokenizer: tokenizerWith([], "<|im_end|>"), template });
  const encoded = codec.encode([{ role: "user", content: "1 th" }, { role: "assistant", content: "e the" }]);
  assert.deepEqual(spansOf(codec, encoded), [[0, "content", "1 the"], [1, "content", " the"]]);
  const parted = codec.encode([{ role: "user", content: "e" }, { role: "assistant", content: "\u0301 the" }]);
  assert.equal(parted.text, "e\u0301 the");
  assert.deepEqual(spansOf(codec, parted), [[0, "content", "é"], [1, "content", " the"]]);
});

Deno.test("encode() keeps markup inside arguments in the call", () => {
  const codec = codecOf("qwen25");
  const path = "a<|im_end|>\n<|im_start|>assistant\n</tool_call>";
  const message: ChatMessage = { role: "assistant", content: "", tool_calls: [call(0, path), call(1, path)] };
  const encoded = codec.encode([{ role: "user", content: "Q" }, message, { role: "user", content: "Q" }]);
  assert.deepEqual(codec.parse(written(codec, encoded, 1)), message);
  assert.deepEqual(
    encoded.spans.filter((span) => span.message === 1).map(({ part, call }) => [part, call]),
    [["header", undefined], ["tool_call", 0], ["tool_call", 1], ["end", undefined], ["other", undefined]],
  );
});

Deno.test("encode() gives a system prompt of the template's own to the template", async () => {
  const template = await readFile(join(GOLDEN, "smollm2-135m-instruct", "chat_template.jinja"), "utf8");
  const codec = createChatCodec({ tokenizer: tokenizerWith([], "<|im_end|>"), template });
  const spans = spansOf(codec, codec.encode([{ role: "user", content: "Q" }]));
  const prompt = "You are a helpful AI assistant named SmolLM, trained by Hugging Face";
  assert.deepEqual(spans, [
    [-1, "other", `<|im_start|>system\n${prompt}<|im_end|>\n`],
    [0, "header", "<|im_start|>user\n"],
    [0, "content", "Q"],
    [0, "end", "<|im_end|>"],
    [0, "other", "\n"],
  ]);
});

Deno.test("encode() trains a call to its end where nothing ends the turn, and no name that a result repeats", () => {
  const codec = codecOf("glm");
  const encoded = codec.encode([
    { role: "user", content: "Q" },
    { role: "assistant", content: "Go", tool_calls: [call(0, "</call>"), call(1, 5)] },
    { role: "tool", content: "r", name: "ls", tool_call_id: callId(0) },
    { role: "assistant", content: "A" },
  ]);
  assert.deepEqual(spansOf(codec, encoded), [
    [0, "header", "[gMASK]<|user|>\n"],
    [0, "content", "Q"],
    [1, "header", "<|assistant|>\n"],
    [1, "content", "Go"],
    [1, "tool_call 0", "\n<call>ls\n<key>path</key>\n<value></call></value>\n</call>"],
    [1, "tool_call 1", "\n<call>ls\n<key>path</key>\n<value>5</value>\n</call>"],
    [2, "header", "<|observation|>ls\n"],
    [2, "content", "r"],
    [3, "header", "<|assistant|>\n"],
    [3, "content", "A"],
  ]);
});

Deno.test("encode() writes one beginning of text", () => {
  const codec = codecOf("llama3");
  const { ids, text } = codec.encode([{ role: "user", content: "Q" }]);
  const bos = codec.tokenizer.bosId;
  assert.ok(text.startsWith("<|begin_of_text|>"));
  assert.deepEqual([...ids].filter((id) => id === bos), [bos]);
});

Deno.test("encode() takes the date as it is given, or the one of the template", () => {
  const messages: ChatMessage[] = [{ role: "user", content: "Q" }];
  assert.match(codecOf("llama3").render(messages), /Today Date: 26 Jul 2024\n/);
  const now = new Date(Date.UTC(2030, 1, 3, 23, 59));
  assert.match(codecOf("llama3", { now }).render(messages), /Today Date: 03 Feb 2030\n/);
  const format = "{{ strftime_now('%A %-d %B %y %H:%M:%S %I %p %a %b %m %%') }}";
  const codec = createChatCodec({ tokenizer: tokenizerWith([], "<|im_end|>"), template: format, now });
  assert.equal(codec.render([]), "Sunday 3 February 30 23:59:00 11 PM Sun Feb 02 %");
});

Deno.test("encode() writes tools, calls and results as text for templates without them", () => {
  const codec = codecOf("gemma");
  assert.deepEqual([codec.toolSupport, codec.thoughtSupport, codec.toolCallForm], ["text", "text", "hermes"]);
  const encoded = codec.encode([
    { role: "system", content: "S" },
    { role: "user", content: "Q" },
    { role: "assistant", content: "", tool_calls: [call(0, "a"), call(1, "b")] },
    { role: "tool", content: "r0", name: "ls", tool_call_id: callId(0) },
    { role: "tool", content: "r1", name: "ls", tool_call_id: callId(1) },
  ], { tools: TOOLS, generationPrompt: true });
  const spans = spansOf(codec, encoded);
  assert.deepEqual(spans.slice(0, 2), [[0, "header", "<bos><start_of_turn>user\n"], [0, "content", "S"]]);
  assert.match(spans[2]![2], /^\n\n# Tools\n[^]*"name": "ls"[^]*<\/tool_call>\n\n$/);
  assert.deepEqual(spans.slice(3), [
    [1, "content", "Q"],
    [1, "end", "<end_of_turn>"],
    [1, "other", "\n"],
    [2, "header", "<start_of_turn>model\n"],
    [2, "tool_call 0", '<tool_call>\n{"name": "ls", "arguments": {"path": "a"}}\n</tool_call>'],
    [2, "tool_call 1", '\n<tool_call>\n{"name": "ls", "arguments": {"path": "b"}}\n</tool_call>'],
    [2, "end", "<end_of_turn>"],
    [2, "other", "\n"],
    [3, "header", "<start_of_turn>user\n"],
    [3, "content", "<tool_response>\nr0\n</tool_response>"],
    [-1, "other", "\n"],
    [4, "content", "<tool_response>\nr1\n</tool_response>"],
    [4, "end", "<end_of_turn>"],
    [4, "other", "\n"],
    [-1, "header", "<start_of_turn>model\n"],
  ]);
});

/** Cyrillic is what the assistant wrote; digits and Chinese are what it was shown. */
const shown = fc.oneof(
  fc.stringMatching(/^[0-9 \n]{0,6}[0-9]$/),
  fc.constantFrom("你好", "0<|im_end|>1", "  7 ", "8\n", '9"', "5<tool_call>5"),
);
const own = fc.oneof(fc.stringMatching(/^[ж]{1,5}( ж)?$/), fc.constantFrom("ж\nж", "ж <|im_end|> ж"));
const turn = fc.record({
  question: shown,
  thought: fc.option(own),
  content: own,
  paths: fc.array(own, { maxLength: 2 }),
  results: fc.array(shown, { minLength: 2, maxLength: 2 }),
});
const conversations = fc.record({
  system: fc.option(shown),
  turns: fc.array(turn, { minLength: 1, maxLength: 3 }),
});

function conversationOf(
  { system, turns }: typeof conversations extends fc.Arbitrary<infer T> ? T : never,
  parallel: number,
): ChatMessage[] {
  let at = 0;
  const messages = turns.flatMap(({ question, thought, content, paths, results }): ChatMessage[] => {
    const calls = paths.slice(0, parallel).map((path) => call(at++, path));
    const reasoning = thought === null ? {} : { reasoning_content: thought };
    const answer: ChatMessage = { role: "assistant", content, ...reasoning };
    return [
      { role: "user", content: question },
      ...calls.length === 0 ? [answer] : [
        { role: "assistant", content: "", ...reasoning, tool_calls: calls } as const,
        ...calls.map(({ id }, index) =>
          ({ role: "tool", content: results[index]!, name: "ls", tool_call_id: id }) as const
        ),
        answer,
      ],
    ];
  });
  return system === null ? messages : [{ role: "system", content: system }, ...messages];
}

for (const name of Object.keys(TEMPLATES)) {
  Deno.test(`encode() with the template of ${name} partitions the tokens and trains nothing that was shown`, () => {
    const codec = codecOf(name);
    const parallel = name === "llama3" || name === "harmony" ? 1 : 2;
    fc.assert(
      fc.property(conversations, fc.boolean(), (given, generationPrompt) => {
        const messages = conversationOf(given, parallel);
        const encoded = codec.encode(messages, { tools: TOOLS, generationPrompt });
        const { ids, text, spans } = encoded;
        assert.equal(text, codec.render(messages, { tools: TOOLS, generationPrompt }));
        assert.deepEqual(spans.map(({ start }) => start), [0, ...spans.slice(0, -1).map(({ end }) => end)]);
        assert.equal(spans.at(-1)!.end, ids.length);
        assert.equal(spansOf(codec, encoded).map(([, , part]) => part).join(""), text);
        const mask = trainedMask(encoded);
        const where = (trained: number) =>
          codec.tokenizer.decode([...ids].filter((_, at) => mask[at] === trained));
        assert.doesNotMatch(where(1).replaceAll(/call\d{5}/g, ""), /[0-9你好]/); // ids of calls are its own
        assert.doesNotMatch(where(0), /ж/);
        for (const [index, { role }] of messages.entries()) {
          const ends = spans.filter(({ message, part }) => message === index && part === "end");
          if (role === "assistant") assert.equal(ends.length, name === "glm" ? 0 : 1);
        }
      }),
      { numRuns: 60 },
    );
  });
}

const answers = fc.record({ thought: fc.option(own), content: own, paths: fc.array(own, { maxLength: 2 }) });
for (const name of ["qwen25", "qwen3", "gemma", "harmony", "llama3", "mistral"]) {
  Deno.test(`parse() gives back the message that the template of ${name} wrote`, () => {
    const codec = codecOf(name);
    const single = name === "llama3" || name === "harmony";
    fc.assert(
      fc.property(answers, fc.boolean(), ({ thought, content, paths }, stop) => {
        const calls = paths.slice(0, single ? 1 : 2).map((path, at) => call(at, path));
        // These forms hold either an answer or calls.
        const either = single || name === "mistral";
        const message: ChatMessage = {
          role: "assistant",
          content: either && calls.length > 0 ? "" : content.replaceAll("<|im_end|>", ""),
          ...(thought !== null && codec.thoughtSupport === "template" && { reasoning_content: thought }),
          ...(calls.length > 0 && { tool_calls: calls }),
        };
        const encoded = codec.encode([{ role: "user", content: "Q" }, message]);
        const end = encoded.spans.find(({ message, part }) => message === 1 && part === "end")!;
        const ending = stop ? codec.tokenizer.decode(encoded.ids.subarray(end.start, end.end)) : "";
        const parsed = codec.parse(written(codec, encoded, 1) + ending);
        // Mistral writes a space before an answer.
        const plain = name === "mistral" ? { ...parsed, content: parsed.content.replace(/^ /, "") } : parsed;
        assert.deepEqual(plain, message);
      }),
      { numRuns: 60 },
    );
  });
}

Deno.test("parse() keeps a call that cannot be read in the content, and arguments that are no object as text", () => {
  const codec = codecOf("qwen25");
  assert.deepEqual(codec.parse('Go\n<tool_call>\n{"name": <|im_end|>\n'), {
    role: "assistant",
    content: 'Go\n<tool_call>\n{"name": ',
  });
  assert.deepEqual(codec.parse('<tool_call>\n{"name": "ls", "arguments": "x"}\n</tool_call>'), {
    role: "assistant",
    content: "",
    tool_calls: [{ id: "call00000", type: "function", function: { name: "ls", arguments: "x" } }],
  });
});

Deno.test("encode() takes time in proportion to the conversation", () => {
  const codec = codecOf("qwen3");
  const turns = Array.from({ length: 40 }, (_, at): ChatMessage[] => [
    { role: "assistant", content: "Look here. ".repeat(20), tool_calls: [call(at, "x".repeat(200))] },
    { role: "tool", content: "some result ".repeat(30), name: "ls", tool_call_id: callId(at) },
  ]).flat();
  const time = (times: number) => {
    const messages = [
      { role: "user", content: "Q" } as const,
      ...Array.from({ length: times }, () => turns).flat(),
    ];
    const from = performance.now();
    codec.encode(messages);
    return performance.now() - from;
  };
  time(1);
  const small = Math.min(time(1), time(1), time(1));
  assert.ok(time(12) < 12 * 12 * small + 50);
});

Deno.test("createChatCodec() finds where generation stops", () => {
  const stops = (name: string) => {
    const { tokenizer, stopIds } = codecOf(name);
    return stopIds.map((id) => tokenizer.decode([id]));
  };
  assert.deepEqual(stops("qwen25"), ["<|im_end|>"]);
  assert.deepEqual(stops("gemma"), ["<eos>", "<end_of_turn>"]);
  assert.deepEqual(stops("harmony"), ["<|return|>", "<|call|>"]);
  assert.deepEqual(stops("mistral"), ["</s>"]);
});

Deno.test("loadChatCodec() takes ChatML, and says so, for a folder without a template", async () => {
  const folder = await mkdtemp(join(tmpdir(), "codec-"));
  try {
    const config = JSON.parse(await readFile(join(GOLDEN, "tiny-qwen3", "tokenizer_config.json"), "utf8"));
    const write = (template: unknown) =>
      writeFile(
        join(folder, "tokenizer_config.json"),
        JSON.stringify({ ...config, chat_template: template }),
      );
    await writeFile(
      join(folder, "tokenizer.json"),
      await readFile(join(GOLDEN, "tiny-qwen3", "tokenizer.json")),
    );
    await write(null);
    const plain = await loadChatCodec(folder);
    assert.deepEqual([plain.templateSource, plain.template], ["default", DEFAULT_CHAT_TEMPLATE]);
    await write([{ name: "default", template: "a" }, { name: "tool_use", template: "b" }]);
    const named = await loadChatCodec(folder, { templateName: "tool_use" });
    assert.deepEqual([named.templateSource, named.template], ["file", "b"]);
    assert.equal(named.templateHash, "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d");
    const file = join(folder, "tokenizer_config.json");
    await assert.rejects(loadChatCodec(folder, { templateName: "rag" }), {
      code: "INVALID_DATA",
      message: `Cannot read chat template of "${file}": wanted one named "rag": received default, tool_use`,
    });
    await writeFile(join(folder, "chat_template.jinja"), "c");
    assert.equal((await loadChatCodec(folder)).template, "c");
    await write(5);
    await assert.rejects(loadChatCodec(folder), {
      code: "INVALID_DATA",
      message: `Cannot read tokenizer "${file}": chat_template: invalid input: received 5`,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

const refusals: [string, string, ChatMessage[], string][] = [
  [
    "a template that is no Jinja",
    "{% for %}",
    [],
    "Cannot read chat template: wanted Jinja: received ", // and the parser's own words
  ],
  [
    "what the template refuses",
    "{{ raise_exception('no ' + messages[0].role) }}",
    [{ role: "user", content: "x" }],
    "Cannot render conversation: wanted what the chat template accepts: received no user",
  ],
  [
    "a template that asks for a date it was not given",
    "{{ strftime_now('%Y') }}",
    [{ role: "user", content: "x" }],
    "Cannot render conversation: wanted what the chat template accepts: received ",
  ],
  [
    "a template that changes a text",
    "{% for m in messages %}{{ m.content | replace('x', 'y') }}{% endfor %}",
    [{ role: "user", content: "X" }, { role: "assistant", content: "x" }],
    "Cannot find messages.1.content in the rendered conversation: wanted a chat template that shows it as it is, trimmed or as a JSON text: received one that changes it",
  ],
];
for (const [what, template, messages, message] of refusals) {
  Deno.test(`encode() refuses ${what}`, () => {
    assert.throws(
      () => createChatCodec({ tokenizer: tokenizerWith([], "<|im_end|>"), template }).encode(messages),
      (error: unknown) => {
        assert.ok(error instanceof Error && "code" in error);
        assert.equal(error.code, "INVALID_DATA");
        if (message.endsWith(" ")) assert.ok(error.message.startsWith(message));
        else assert.equal(error.message, message);
        return true;
      },
    );
  });
}
