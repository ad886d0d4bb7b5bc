import assert from "node:assert/strict";
import fc from "fast-check";
import { fileURLToPath } from "node:url";
import { Tokenizer } from "../../chat/mod.ts";
import { tokenizerFiles } from "../_tokenizer.ts";
import { TextStream } from "./text_stream.ts";

/** Bytes as tokens, and the tokenizers of models, whose tokens are pieces of words. */
async function tokenizers(): Promise<[name: string, Tokenizer][]> {
  const bytes = await Deno.makeTempDir();
  for (const [name, text] of Object.entries(tokenizerFiles(64, "chatml"))) {
    await Deno.writeTextFile(`${bytes}/${name}`, text);
  }
  const models = fileURLToPath(new URL("../../../tests/golden/models/", import.meta.url));
  const folders = { bytes, llama: `${models}tiny-llama`, qwen: `${models}tiny-qwen2` };
  try {
    return await Promise.all(
      Object.entries(folders).map(async ([name, path]) => [name, await Tokenizer.fromFolder(path)] as never),
    );
  } finally {
    await Deno.remove(bytes, { recursive: true });
  }
}

/** Pieces of all ids, the end included. */
function pieces(tokenizer: Tokenizer, ids: Iterable<number>): string[] {
  const stream = new TextStream(tokenizer);
  return [...Array.from(ids, (id) => stream.push(id)), stream.end()];
}

for (const [name, tokenizer] of await tokenizers()) {
  Deno.test(`pieces of a text make up the text, with the tokenizer of ${name}`, () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 30 }), (text) => {
        const ids = tokenizer.encode(text);
        const parts = pieces(tokenizer, ids);
        assert.equal(parts.join(""), tokenizer.decode(ids, { skipSpecial: true }));
        assert.ok(parts.every((part) => !part.endsWith("\ufffd") || text.includes("\ufffd")));
      }),
      { seed: 1, numRuns: 200 },
    );
  });
}

Deno.test("a character of several tokens comes whole, with the last of them", async () => {
  const [[, bytes]] = await tokenizers() as [[string, Tokenizer]];
  assert.deepEqual(pieces(bytes, bytes.encode("aé🎲")), ["a", "", "é", "", "", "", "🎲", ""]);
});

Deno.test("bytes that never become a character are not held back for ever", async () => {
  const [[, bytes]] = await tokenizers() as [[string, Tokenizer]];
  const parts = pieces(bytes, new Array(20).fill(0xff));
  assert.equal(parts.join(""), "\ufffd".repeat(20));
  assert.deepEqual(parts.map(({ length }) => length).filter((length) => length > 0), [8, 8, 4]);
});

Deno.test("special tokens are no text", async () => {
  const [[, bytes]] = await tokenizers() as [[string, Tokenizer]];
  const ids = [bytes.idOf("<|im_start|>")!, 65, bytes.idOf("<|im_end|>")!];
  assert.equal(pieces(bytes, ids).join(""), "A");
});
