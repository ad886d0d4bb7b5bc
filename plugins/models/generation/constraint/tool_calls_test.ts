/** What comes of random logits, and of an untrained model, when they are held to calls. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { seeded } from "../../../../core/prng.ts";
import type { Json } from "../../../../core/schema.ts";
import {
  type ChatTool,
  createChatCodec,
  type Tokenizer,
  TOOL_CALL_FORMS,
  type ToolCallFormName,
} from "../../../chat/mod.ts";
import { openModelFolder } from "../../folder.ts";
import { initModel } from "../../init.ts";
import type { TokenConstraint } from "../constraint.ts";
import { Generator } from "../generator.ts";
import { sampleToken } from "../sampling.ts";
import { arbitraryParameters, fits, type TestSchema } from "./_schemas.ts";
import { bpeTokenizer, byteTokenizer, pieceTokenizer } from "./_tokenizers.ts";
import {
  compileToolCalls,
  endsInThought,
  toolCallConstraint,
  type ToolCallMode,
  type ToolCallOptions,
} from "./tool_calls.ts";

const FORMS: readonly ToolCallFormName[] = ["hermes", "mistral", "llama-json", "react", "harmony"];
const HARMONY = ["<|channel|>", "<|constrain|>", "<|message|>", "<|call|>"];
const [bytes, bpe, pieces] = [byteTokenizer(), bpeTokenizer(...HARMONY), pieceTokenizer()];

const tool = (name: string, parameters: TestSchema): ChatTool => ({
  type: "function",
  function: { name, description: "", parameters },
});
const roll = tool("roll", {
  type: "object",
  properties: { sides: { type: "integer", minimum: 2, maximum: 20 }, note: { type: "string" } },
  required: ["sides"],
});

/** The settings for a tokenizer. */
function settings(tokenizer: Tokenizer, more: Partial<ToolCallOptions> = {}): ToolCallOptions {
  return { tokenizer, form: "hermes", tools: [roll], mode: "required", stopIds: [tokenizer.eosId!], ...more };
}

/** Draws tokens with random logits, after some that are given. */
function walk(
  constraint: TokenConstraint,
  tokenizer: Tokenizer,
  seed: number,
  most: number,
  { first = "", padding = 0 }: { first?: string; padding?: number } = {},
): number[] {
  const prng = seeded(seed);
  const ids = [...tokenizer.encode(first)];
  for (const id of ids) constraint.accept(id);
  while (ids.length < most && ids.at(-1) !== tokenizer.eosId) {
    const logits = Float32Array.from({ length: tokenizer.vocabularySize + padding }, () => 6 * prng());
    for (const { id } of tokenizer.addedTokens) logits[id]! -= 12;
    const { id } = sampleToken(constraint.restrict(logits), [], {}, prng);
    constraint.accept(id);
    ids.push(id);
  }
  return ids;
}

/** Text of ids, byte by byte; fails where it is no UTF-8. */
function textOf(tokenizer: Tokenizer, ids: readonly number[]): string {
  const parts = ids.filter((id) => id !== tokenizer.eosId).flatMap((id) => [...tokenizer.bytesOf(id)!]);
  return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(parts));
}

/** Whether a text, byte by byte, is one that a constraint lets through to its end. */
function lets(constraint: TokenConstraint, tokenizer: Tokenizer, text: string): boolean {
  const logits = new Float32Array(tokenizer.vocabularySize);
  for (const id of [...tokenizer.encode(text), tokenizer.eosId!]) {
    if (constraint.restrict(logits)[id] === -Infinity) return false;
    constraint.accept(id);
  }
  return true;
}

Deno.test("random logits held to a call end in one call of a known tool whose arguments fit", () => {
  const names = fc.constantFrom("roll", "read_file", "über", "a.b-c");
  const tools = fc.uniqueArray(fc.tuple(names, arbitraryParameters), {
    selector: ([name]) => name,
    minLength: 1,
  });
  fc.assert(
    fc.property(fc.constantFrom(...FORMS), fc.nat(2), tools, fc.nat(), (form, kind, given, seed) => {
      const tokenizer = [bytes, bpe, pieces][kind]!;
      const options = settings(tokenizer, { form, tools: given.map(([name, schema]) => tool(name, schema)) });
      const ids = walk(toolCallConstraint({ ...options, maxTokens: 400 }), tokenizer, seed, 400, {
        padding: 8,
      });
      assert.equal(ids.at(-1), tokenizer.eosId);
      const text = textOf(tokenizer, ids);
      const { calls, content, thought, problem } = TOOL_CALL_FORMS[form].parse(text);
      assert.deepEqual([calls.length, content.trim(), thought, problem], [1, "", null, null], text);
      const schema = given.find(([name]) => name === calls[0]!.name)![1];
      assert.ok(fits({ ...schema, additionalProperties: false }, calls[0]!.arguments), text);
    }),
    { numRuns: 60, seed: 11 },
  );
});

Deno.test("a call that a free text opens is completed as it must be", () => {
  const opened: Readonly<Partial<Record<ToolCallFormName, string>>> = {
    hermes: "I roll.\n<tool_call>",
    mistral: "Ich würfle: [TOOL_CALLS]",
    "llama-json": ' {"name"',
    react: "Thought: roll\nAction:",
    harmony: "<|channel|>analysis<|message|>Hm.<|channel|>commentary to=",
  };
  for (const tokenizer of [bytes, bpe, pieces]) {
    for (const [at, form] of FORMS.entries()) {
      const compiled = compileToolCalls(settings(tokenizer, { form, mode: "auto" }));
      const ids = walk(compiled.begin({ maxTokens: 250 }), tokenizer, at, 250, { first: opened[form]! });
      const text = tokenizer.decode(ids.filter((id) => id !== tokenizer.eosId));
      const { calls, problem } = TOOL_CALL_FORMS[form].parse(text);
      assert.deepEqual([calls[0]?.name, problem], ["roll", null], text);
      assert.ok(
        fits({ ...roll.function.parameters, additionalProperties: false }, calls[0]!.arguments),
        text,
      );
    }
  }
});

const call = '{"name": "roll", "arguments": {"sides": 6}}';
const texts:
  readonly (readonly [mode: ToolCallMode, form: ToolCallFormName, text: string, wanted: boolean])[] = [
    ["required", "hermes", `<tool_call>\n${call}\n</tool_call>`, true],
    ["required", "hermes", `\n<tool_call>${call.replaceAll(" ", "")}</tool_call>`, true],
    ["required", "hermes", `<tool_call>\n${call}\n</tool_call>\n<tool_call>\n${call}\n</tool_call>`, false],
    ["required", "hermes", `<tool_call>\n${call}`, false],
    ["required", "hermes", `I roll. <tool_call>\n${call}\n</tool_call>`, false],
    ["required", "hermes", "", false],
    ["required", "mistral", `[TOOL_CALLS] [${call}]`, true],
    ["required", "mistral", `[TOOL_CALLS][${call.slice(0, -1)}, "id": "call00001"}]`, true],
    ["required", "mistral", `[TOOL_CALLS] [${call}, ${call}]`, false],
    ["required", "llama-json", call.replace("arguments", "parameters"), true],
    ["required", "llama-json", `<|python_tag|>${call.replace("arguments", "parameters")}`, true],
    ["required", "llama-json", call, false],
    ["required", "react", 'Action: roll\nAction Input: {"sides": 6}', true],
    ["required", "react", 'Action: rolls\nAction Input: {"sides": 6}', false],
    [
      "required",
      "harmony",
      '<|channel|>commentary to=functions.roll <|constrain|>json<|message|>{"sides": 6}',
      true,
    ],
    [
      "auto",
      "harmony",
      '<|channel|>commentary to=functions.roll <|constrain|>json<|message|>{"sides": 6} ',
      false,
    ],
    ["auto", "hermes", "", true],
    ["auto", "hermes", "I <tool> {}", true],
    ["auto", "hermes", `Two:\n<tool_call>\n${call}\n</tool_call> and\n<tool_call>${call}</tool_call>.`, true],
    ["auto", "hermes", `<tool_call>\n${call}\n</tool_call><tool_call>{}</tool_call>`, false],
    ["auto", "hermes", "<tool_call>roll</tool_call>", false],
    ["auto", "hermes", "<<tool_call>roll</tool_call>", false],
    ["auto", "hermes", "<tool_call>", false],
    ["auto", "hermes", '<tool_call>{"name": "throw", "arguments": {}}</tool_call>', false],
    ["auto", "hermes", "<think>Is it <tool_call>so</tool_call>?</think> No.", true],
    ["auto", "hermes", "<think>Hm.</think><tool_call>so</tool_call>", false],
    ["auto", "hermes", "So <think><tool_call>so</tool_call></think>", false],
    ["auto", "hermes", "<thin <tool_call>so</tool_call>", false],
    ["auto", "llama-json", '{"sides": 6}', true],
    ["auto", "llama-json", 'Say {"name": 1}', true],
    ["auto", "llama-json", '{"name": 1}', false],
    ["auto", "llama-json", '<think>Hm.</think>\n\n{"name": "roll", "parameters": {"sides": 6}}', true],
    ["auto", "llama-json", "Hm <|python_tag|>print(1)", false],
    ["auto", "react", "No Action: at all", true],
    ["auto", "react", "So:\nAction: at all", false],
  ];
for (const [mode, form, text, wanted] of texts) {
  Deno.test(`${mode} ${wanted ? "lets" : "refuses"} ${JSON.stringify(text)} in the form ${form}`, () => {
    for (const tokenizer of [bytes, bpe]) {
      assert.equal(lets(toolCallConstraint(settings(tokenizer, { mode, form })), tokenizer, text), wanted);
    }
  });
}

Deno.test("a prompt that ends inside a thought lets the thought end first", () => {
  const thought = "Is it <tool_call>so</tool_call>?</think>\n\n";
  const good = `<tool_call>\n${call}\n</tool_call>`;
  for (const mode of ["required", "auto"] as const) {
    const compiled = compileToolCalls(settings(bytes, { mode }));
    assert.equal(lets(compiled.begin({ thinking: true }), bytes, thought + good), true);
    assert.equal(lets(compiled.begin({ thinking: true }), bytes, `${thought}<tool_call>so`), false);
    assert.equal(lets(compiled.begin(), bytes, thought + good), false);
  }
  const required = compileToolCalls(settings(bytes));
  assert.equal(lets(required.begin({ thinking: true }), bytes, "Hm."), false);
});

Deno.test("free text rules no token out and gives the logits back as they are", () => {
  const logits = new Float32Array(bpe.vocabularySize + 8);
  const constraint = toolCallConstraint(settings(bpe, { mode: "auto" }));
  for (const id of bpe.encode("Some <words")) {
    assert.equal(constraint.restrict(logits), logits);
    constraint.accept(id);
  }
  constraint.accept(logits.length - 1); // of the model alone; stands for no text
  assert.equal(constraint.restrict(logits), logits);
});

Deno.test("restrict() leaves its argument as it is and rules out what the tokenizer lacks", () => {
  const logits = new Float32Array(bytes.vocabularySize + 8).fill(1);
  const kept = toolCallConstraint(settings(bytes)).restrict(logits);
  assert.ok(logits.every((logit) => logit === 1));
  const left = [...kept.keys()].filter((id) => kept[id]! > -Infinity);
  assert.deepEqual(left, [0x0a, 0x20, bytes.idOf("<tool_call>")]);
});

Deno.test("no added token comes inside a string, half a character is completed", () => {
  const constraint = toolCallConstraint(settings(bytes));
  for (const id of bytes.encode(`<tool_call>{"name":"roll","arguments":{"note":"`)) constraint.accept(id);
  const left = () => {
    const kept = constraint.restrict(new Float32Array(bytes.vocabularySize));
    return [...kept.keys()].filter((id) => kept[id]! > -Infinity);
  };
  const inside = left();
  assert.equal(inside.length, 96 - 1 + 1 + (0xf4 - 0xc2 + 1)); // ASCII, quote and backslash included; first bytes
  assert.ok(Math.max(...inside) === 0xf4);
  constraint.accept(0xe0);
  assert.deepEqual([left().at(0), left().at(-1), left().length], [0xa0, 0xbf, 32]);
});

Deno.test("a call ends within the tokens of its text, however few there are", () => {
  const compiled = compileToolCalls(settings(bytes));
  const shortest = '<tool_call>{"name":"roll","arguments":{"sides":2}}</tool_call>';
  const least = bytes.encode(shortest).length + 1;
  for (const most of [least, least + 1, least + 7, least + 40]) {
    for (let seed = 0; seed < 5; seed++) {
      const ids = walk(compiled.begin({ maxTokens: most }), bytes, seed, most);
      assert.equal(ids.at(-1), bytes.eosId);
      assert.equal(TOOL_CALL_FORMS.hermes.parse(textOf(bytes, ids)).calls.length, 1);
    }
  }
  const cut = walk(compiled.begin({ maxTokens: least - 1 }), bytes, 0, least - 1);
  assert.equal(cut.length, least - 1);
});

Deno.test("compileToolCalls() compiles what it knows only once, and long texts leave no trace in later ones", () => {
  const options = settings(bytes, {
    tools: [tool("note", { properties: { x: { type: "string", maxLength: 30_000 } } })],
  });
  const compiled = compileToolCalls(options);
  assert.equal(compileToolCalls({ ...options, tools: [...options.tools] }), compiled);
  assert.notEqual(compileToolCalls({ ...options, mode: "auto" }), compiled);
  const long = compiled.begin();
  const ids = [...bytes.encode('<tool_call>{"name":"note","arguments":{"x":"'), ...Array(15_000).fill(0x61)];
  for (const id of ids) long.accept(id);
  const text = '<tool_call>{"name":"note","arguments":{"x":"b"}}</tool_call>';
  assert.equal(lets(compiled.begin(), bytes, text), true);
  assert.equal(lets(long, bytes, text.slice(-'b"}}</tool_call>'.length)), true);
});

Deno.test("endsInThought() looks at the end of a prompt", () => {
  assert.equal(endsInThought("<|im_start|>assistant\n<think>\n"), true);
  assert.equal(endsInThought("<think>\n\n</think>\n\n"), false);
  assert.equal(endsInThought("<|im_start|>assistant\n"), false);
});

Deno.test("accept() refuses a token that may not come", () => {
  assert.throws(() => toolCallConstraint(settings(bytes)).accept(0x41), {
    name: "RangeError",
    message: "Cannot accept token: wanted one that may come next: received 65",
  });
});

const none: Json = false;
const refusals: readonly (readonly [what: string, options: Partial<ToolCallOptions>, message: string])[] = [
  [
    "a form of tags",
    { form: "qwen-xml" },
    'wanted calls in the form hermes, mistral, llama-json, react, harmony: received "qwen-xml"',
  ],
  [
    "an unknown form",
    { form: null },
    "wanted calls in the form hermes, mistral, llama-json, react, harmony: received null",
  ],
  ["no tools", { tools: [] }, "wanted at least one tool: received none"],
  [
    "parameters that nothing fits",
    { tools: [tool("x", { properties: { a: none }, required: ["a"] })] },
    'wanted parameters of tool "x" that an object can fit: received others',
  ],
  ["no stop token", { stopIds: [] }, "wanted an added token that ends a text: received none"],
  ["a stop token of plain text", { stopIds: [65] }, "wanted an added token that ends a text: received 65"],
  [
    "a tokenizer without quotes",
    { tokenizer: pieceTokenizer(["<0x22>", '"', "<0x0A>"]), stopIds: [2] },
    "wanted a tokenizer with a token for each byte of a call: received none for 10, 34",
  ],
];
for (const [what, options, message] of refusals) {
  Deno.test(`compileToolCalls() refuses ${what}`, () => {
    assert.throws(() => compileToolCalls(settings(bytes, options)), {
      code: "INVALID_OPTIONS",
      message: `Cannot constrain tool calls: ${message}`,
    });
  });
}

Deno.test("an untrained model that is held to a call writes one, and forced tokens are certain", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const size = { layers: 1, hiddenSize: 16, heads: 2, keyValueHeads: 1, intermediateSize: 16 };
    await initModel(folder, { seed: 4n, size });
    const { config, weights } = await openModelFolder(folder);
    await using generator = await Generator.create({ config, weights, buckets: [], lora: null }, {});
    const codec = createChatCodec({ tokenizer: bytes });
    const compiled = compileToolCalls(settings(bytes));
    const generate = async (seed: number, temperature: number) =>
      await generator.generate({
        promptIds: bytes.encode("Roll the die"),
        maxNewTokens: 120,
        sampling: { temperature },
        seed,
        stopIds: [bytes.eosId!],
        constraint: compiled.begin({ maxTokens: 120 }),
      });
    const all = await Promise.all([0, 1, 2, 3].map((seed) => generate(seed, seed === 3 ? 0 : 1)));
    for (const { ids, reason, drawnLogProbabilities } of all) {
      assert.equal(reason, "stop");
      const [made] = codec.parse(bytes.decode(ids)).tool_calls!;
      assert.equal(made!.function.name, "roll");
      assert.ok(fits(roll.function.parameters, made!.function.arguments), bytes.decode(ids));
      const forced = [...ids].findIndex((id) => id === "m".charCodeAt(0)); // of "name"
      assert.equal(drawnLogProbabilities[forced], 0);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
