import assert from "node:assert/strict";
import fc from "fast-check";
import { Template } from "@huggingface/jinja";
import { join } from "node:path";
import { Tokenizer } from "../chat/tokenizer.ts";
import { readTensor } from "../onnx/safetensors.ts";
import { assertFails, inFolder, namesIn } from "./_testing_test.ts";
import type { ModelFamily } from "./config.ts";
import { checkTokenizerFits } from "./folder.ts";
import { initModel, type ModelSizeName } from "./init.ts";

const FAMILIES: readonly ModelFamily[] = ["llama", "mistral", "qwen2", "qwen3"];

const messages = [
  { "role": "system", "content": "Be brief." },
  { "role": "user", "content": 'hi é "q"' },
  {
    "role": "assistant",
    "content": "",
    "reasoning_content": "think",
    "tool_calls": [{
      "type": "function",
      "id": "1",
      "function": { "name": "f", "arguments": { "a": "é<b>", "n": 1.5, "l": [1, 2] } },
    }, { "type": "function", "id": "2", "function": { "name": "g", "arguments": "broken" } }],
  },
  { "role": "tool", "name": "f", "tool_call_id": "1", "content": "out" },
  { "role": "tool", "name": "g", "tool_call_id": "2", "content": "out2" },
  { "role": "assistant", "content": "done" },
];
const tools = [{
  "type": "function",
  "function": { "name": "f", "description": "d", "parameters": { "type": "object", "properties": {} } },
}];

/** What transformers 5.23.0 renders for `messages`. */
const RENDERED = [
  "<|im_start|>system",
  "Be brief.<|im_end|>",
  "<|im_start|>user",
  'hi é "q"<|im_end|>',
  "<|im_start|>assistant",
  "<think>",
  "think",
  "</think>",
  "",
  "<tool_call>",
  '{"name": "f", "arguments": {"a": "é<b>", "n": 1.5, "l": [1, 2]}}',
  "</tool_call>",
  "<tool_call>",
  '{"name": "g", "arguments": broken}',
  "</tool_call><|im_end|>",
  "<|im_start|>tool",
  "out<|im_end|>",
  "<|im_start|>tool",
  "out2<|im_end|>",
  "<|im_start|>assistant",
  "done<|im_end|>",
  "",
].join("\n");

/** The same with `tools`. */
const RENDERED_WITH_TOOLS = [
  "<|im_start|>system",
  "Be brief.",
  "",
  "# Tools",
  "<tools>",
  '{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}}',
  "</tools>",
  "To call one:",
  "<tool_call>",
  '{"name": NAME, "arguments": OBJECT}',
  "</tool_call><|im_end|>",
  "<|im_start|>user",
  'hi é "q"<|im_end|>',
  "<|im_start|>assistant",
  "<think>",
  "think",
  "</think>",
  "",
  "<tool_call>",
  '{"name": "f", "arguments": {"a": "é<b>", "n": 1.5, "l": [1, 2]}}',
  "</tool_call>",
  "<tool_call>",
  '{"name": "g", "arguments": broken}',
  "</tool_call><|im_end|>",
  "<|im_start|>tool",
  "out<|im_end|>",
  "<|im_start|>tool",
  "out2<|im_end|>",
  "<|im_start|>assistant",
  "done<|im_end|>",
  "",
].join("\n");

async function templateOf(folder: string): Promise<Template> {
  return new Template(
    JSON.parse(await Deno.readTextFile(join(folder, "tokenizer_config.json"))).chat_template,
  );
}

Deno.test("initModel() makes the same bytes from the same seed, others from another", () =>
  inFolder(async (folder) => {
    const bytes = async (name: string, seed: bigint) => {
      const path = join(folder, name);
      await initModel(path, { seed });
      return await Promise.all(namesIn(path).map((file) => Deno.readFile(join(path, file))));
    };
    const first = await bytes("a", 7n);
    assert.equal(first.length, 5);
    assert.deepEqual(await bytes("b", 7n), first);
    assert.notDeepEqual(await bytes("c", 8n), first);
  }));

Deno.test("initModel() begins as transformers does: normal weights, norms 1, biases 0, the padding row 0", () =>
  inFolder(async (folder) => {
    for (const family of FAMILIES) {
      const { config, weights } = await initModel(join(folder, family), { family, seed: 1n });
      assert.equal(config.family, family);
      for (const [name, entry] of weights.tensors) {
        const { data } = await readTensor(entry);
        const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
        const deviation = Math.sqrt(data.reduce((sum, x) => sum + (x - mean) ** 2, 0) / data.length);
        const wanted = name.endsWith("norm.weight") ? [1, 0] : name.endsWith("bias") ? [0, 0] : [0, 0.02];
        // The seed is fixed; five standard errors of 2 048 values or more.
        assert.ok(Math.abs(mean - wanted[0]!) < 0.0023, `${name} mean ${mean}`);
        assert.ok(Math.abs(deviation - wanted[1]!) < 0.0016, `${name} deviation ${deviation}`);
      }
      const embedding = await readTensor(weights.tensors.get("model.embed_tokens.weight")!);
      const row = (id: number) => embedding.data.subarray(id * 64, (id + 1) * 64);
      assert.ok(row(config.padId!).every((x) => x === 0));
      assert.ok(row(0).every((x) => x !== 0));
    }
  }));

Deno.test("initModel() makes the named sizes and given dimensions", () =>
  inFolder(async (folder) => {
    const shapes: readonly (readonly [ModelSizeName, number, number])[] = [
      ["nano", 2, 64],
      ["tiny", 2, 128],
      [
        "small",
        4,
        256,
      ],
    ];
    for (const [size, layers, hiddenSize] of shapes) {
      const { config } = await initModel(join(folder, size), { size, seed: 0n });
      assert.deepEqual([config.layers, config.hiddenSize, config.vocabularySize], [layers, hiddenSize, 264]);
      assert.equal(config.tiedHead, false);
    }
    const size = { layers: 1, hiddenSize: 24, heads: 3, keyValueHeads: 1, intermediateSize: 40 };
    const { config } = await initModel(join(folder, "own"), {
      size,
      seed: 0n,
      contextLength: 99,
      tiedHead: true,
    });
    assert.deepEqual(
      [config.layers, config.headDimension, config.keyValueHeads, config.contextLength, config.tiedHead],
      [1, 8, 1, 99, true],
    );
  }));

Deno.test("initModel() refuses what does not exist or does not fit", () =>
  inFolder(async (folder) => {
    const path = join(folder, "m");
    await assertFails(
      // Sound: this is what a caller without types does.
      () => initModel(path, { family: "lama" as ModelFamily, seed: 0n }),
      "UNKNOWN_ID",
      'Cannot make model of family "lama": no such family: did you mean "llama"?',
    );
    const size = { layers: 1, hiddenSize: 32, heads: 3, keyValueHeads: 1, intermediateSize: 40 };
    await assert.rejects(initModel(path, { size, seed: 0n }), { code: "INVALID_DATA" });
    await initModel(path, { seed: 0n });
    await assertFails(
      () => initModel(path, { seed: 0n }),
      "FILE_ACCESS",
      `Cannot write "${path}": wanted a new or empty folder: received one that holds "${
        [...Deno.readDirSync(path)][0]!.name
      }"`,
    );
  }));

Deno.test("the tokenizer of initModel() has a token for every byte and gives back every text", () =>
  inFolder(async (folder) => {
    const path = join(folder, "m");
    const { config } = await initModel(path, { seed: 0n });
    const tokenizer = await Tokenizer.fromFolder(path);
    checkTokenizerFits(config, tokenizer.vocabularySize, "tokenizer.json");
    assert.deepEqual([tokenizer.vocabularySize, tokenizer.eosId, tokenizer.padId], [264, 258, 259]);
    // As tokenizers 0.23.3 encodes it.
    const text = "héllo 你 <|im_end|>\n<tool_call> 1  x";
    const ids = [104, 195, 169, 108, 108, 111, 32, 228, 189, 160, 32, 258, 10, 260, 32, 49, 32, 32, 120];
    assert.deepEqual([...tokenizer.encode(text)], ids);
    assert.equal(tokenizer.decode(ids), text);
    assert.equal(tokenizer.decode(ids, { skipSpecial: true }), text.replace("<|im_end|>", ""));
    fc.assert(fc.property(fc.string({ unit: "binary" }), (any) => {
      assert.deepEqual([...tokenizer.encode(any)], [...new TextEncoder().encode(any)]);
      assert.equal(tokenizer.decode(tokenizer.encode(any)), any);
    }));
  }));

Deno.test("the template of initModel() renders as in Python, tools and thoughts too", () =>
  inFolder(async (folder) => {
    await initModel(join(folder, "m"), { seed: 0n });
    const template = await templateOf(join(folder, "m"));
    assert.equal(template.render({ messages }), RENDERED);
    assert.equal(template.render({ messages, tools }), RENDERED_WITH_TOOLS);
  }));

Deno.test("the template of initModel() only appends", () =>
  inFolder(async (folder) => {
    await initModel(join(folder, "m"), { seed: 0n });
    const template = await templateOf(join(folder, "m"));
    for (const given of [undefined, tools]) {
      for (let count = 1; count <= messages.length; count++) {
        const some = template.render({ messages: messages.slice(0, count), tools: given });
        assert.ok(template.render({ messages, tools: given }).startsWith(some), some);
        const asked = template.render({
          messages: messages.slice(0, count),
          tools: given,
          add_generation_prompt: true,
        });
        assert.equal(asked, `${some}<|im_start|>assistant\n`);
      }
    }
  }));
