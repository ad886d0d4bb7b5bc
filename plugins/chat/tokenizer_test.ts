import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { GymError } from "../../core/errors.ts";
import { Tokenizer } from "./tokenizer.ts";

const GOLDEN = new URL("../../tests/golden/models/", import.meta.url).pathname;
const MODELS = ["tiny-llama", "tiny-qwen2", "tiny-qwen3"];

/** SentencePiece-style BPE with byte fallback, as in Llama 2 and Mistral. */
const PIECES = {
  added_tokens: [
    { id: 0, content: "<unk>", special: true },
    { id: 1, content: "<s>", special: true },
    { id: 2, content: "</s>", special: true },
  ],
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "Prepend", prepend: "▁" },
      { type: "Replace", pattern: { String: " " }, content: "▁" },
    ],
  },
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  model: {
    type: "BPE",
    unk_token: "<unk>",
    byte_fallback: true,
    vocab: Object.fromEntries(
      [
        "<unk>",
        "<s>",
        "</s>",
        ...Array.from(
          { length: 256 },
          (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
        ),
        ..."▁abcdehlo",
        "▁a",
        "he",
        "ll",
      ].map((token, id) => [token, id]),
    ),
    merges: ["▁ a", "h e", "l l"],
  },
};

const texts = fc.array(
  fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: "binary" }),
    fc.constantFrom("<|im_end|>", "<|im_start|>", "</s>", " ", "\n", "▁", "<0x41>"),
    fc.constantFrom("e\u0301", "한글", "\u1112\u1161\u11ab", "👩‍💻", "漢字", "A\u030a\u0323", "\ud800", "ﬁ"),
  ),
  { maxLength: 12 },
).map((parts) => parts.join(""));

Deno.test("encode() and decode() give what the reference gives", async () => {
  for (const model of MODELS) {
    const tokenizer = await Tokenizer.fromFolder(join(GOLDEN, model));
    const golden = JSON.parse(await readFile(join(GOLDEN, `${model}-tokenizer.json`), "utf8"));
    assert.ok(golden.encode.length > 10);
    for (const { text, ids, decoded, decoded_skip_special } of golden.encode) {
      assert.deepEqual([...tokenizer.encode(text)], ids);
      assert.deepEqual([...tokenizer.encodeWithOffsets(text).ids], ids);
      assert.equal(tokenizer.decode(ids), decoded);
      assert.equal(tokenizer.decode(ids, { skipSpecial: true }), decoded_skip_special);
    }
  }
});

Deno.test("Tokenizer names sizes and special tokens of the files", async () => {
  const tokenizer = await Tokenizer.fromFolder(join(GOLDEN, "tiny-qwen3"));
  assert.equal(tokenizer.vocabularySize, 512);
  assert.deepEqual([tokenizer.bosId, tokenizer.eosId, tokenizer.padId], [null, 510, 511]);
  assert.deepEqual(tokenizer.specialTokens, { eos_token: "<|im_end|>", pad_token: "<|pad|>" });
  assert.deepEqual(tokenizer.controlTokens, ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"]);
  assert.equal(tokenizer.idOf("no such token"), null);
});

Deno.test("bytesOf() gives the bytes of text that tokens stand for", async () => {
  const tokenizers = await Promise.all(MODELS.map((model) => Tokenizer.fromFolder(join(GOLDEN, model))));
  fc.assert(
    fc.property(texts, fc.nat(2), (text, which) => {
      const tokenizer = tokenizers[which]!;
      const bytes = [...tokenizer.encode(text)].flatMap((id) => [...tokenizer.bytesOf(id)!]);
      const wanted = MODELS[which] === "tiny-llama" ? text : text.normalize("NFC");
      assert.equal(new TextDecoder().decode(Uint8Array.from(bytes)), wanted.toWellFormed());
    }),
    { numRuns: 200 },
  );
});

Deno.test("bytesOf() knows the spaces and the bytes of SentencePiece", () => {
  const metaspace = { normalizer: null, pre_tokenizer: { type: "Metaspace", replacement: "▁" } };
  for (const files of [PIECES, { ...PIECES, ...metaspace }]) {
    const tokenizer = new Tokenizer({ tokenizer: files });
    const bytes = ["▁a", "ll", "<0xC3>", "</s>"].map((token) => tokenizer.bytesOf(tokenizer.idOf(token)!)!);
    assert.deepEqual(bytes.map((each) => new TextDecoder().decode(each)), [" a", "ll", "\ufffd", "</s>"]);
    assert.deepEqual([...bytes[2]!], [0xc3]);
    assert.equal(tokenizer.bytesOf(4096), null);
    assert.deepEqual(tokenizer.addedTokens.map(({ id, content }) => [id, content]), [
      [0, "<unk>"],
      [1, "<s>"],
      [2, "</s>"],
    ]);
  }
});

Deno.test("encodeWithOffsets() covers any text without gaps, character by character", async () => {
  const files = { ...PIECES, added_tokens: PIECES.added_tokens };
  const tokenizers = [
    ...await Promise.all(MODELS.map((model) => Tokenizer.fromFolder(join(GOLDEN, model)))),
    new Tokenizer({ tokenizer: files }),
  ];
  fc.assert(
    fc.property(texts, fc.nat(3), (text, which) => {
      const { ids, starts, ends } = tokenizers[which]!.encodeWithOffsets(text);
      let done = 0;
      for (const index of ids.keys()) {
        const [start, end] = [starts[index]!, ends[index]!];
        assert.ok(start <= done && end >= done, `gap before token ${index}`);
        if (start < done) {
          // Tokens overlap only in one character, or one that was composed of several.
          assert.equal(
            text.slice(start, done).normalize("NFC").match(/[^][\p{M}\u1160-\u11ff]*/gu)?.length,
            1,
          );
        }
        done = end;
      }
      assert.equal(done, text.length);
    }),
    { numRuns: 600 },
  );
});

Deno.test("encodeWithOffsets() gives the tokens of a word their places", async () => {
  const tokenizer = await Tokenizer.fromFolder(join(GOLDEN, "tiny-qwen3"));
  const { ids, starts, ends } = tokenizer.encodeWithOffsets("né<|im_end|>\u00e9e\u0301");
  const places = [...ids].map((id, at) => [tokenizer.decode([id]), starts[at], ends[at]]);
  assert.deepEqual(places, [["n", 0, 1], ["é", 1, 2], ["<|im_end|>", 2, 12], ["é", 12, 13], ["é", 13, 15]]);
});

Deno.test("encodeWithOffsets() follows the prefix, the spaces and the bytes of SentencePiece", () => {
  const tokenizer = new Tokenizer({ tokenizer: PIECES });
  const { ids, starts, ends } = tokenizer.encodeWithOffsets("hell a</s>é");
  const vocabulary = Object.entries(PIECES.model.vocab);
  const places = [...ids].map((id, at) => [vocabulary[id]?.[0], starts[at], ends[at]]);
  assert.deepEqual(places, [
    ["▁", 0, 0],
    ["he", 0, 2],
    ["ll", 2, 4],
    ["▁a", 4, 6],
    ["</s>", 6, 10],
    ["▁", 10, 10],
    ["<0xC3>", 10, 11],
    ["<0xA9>", 10, 11],
  ]);
});

Deno.test("encodeWithOffsets() gives whitespace that an added token swallows to that token", () => {
  const added_tokens = PIECES.added_tokens.map((token) => ({ ...token, lstrip: true, rstrip: true }));
  const tokenizer = new Tokenizer({ tokenizer: { ...PIECES, normalizer: null, added_tokens } });
  const { starts, ends } = tokenizer.encodeWithOffsets("a  </s>\n a </s> </s>");
  assert.deepEqual([...starts], [0, 1, 9, 10, 16]);
  assert.deepEqual([...ends], [1, 9, 10, 16, 20]);
});

Deno.test("encodeWithOffsets() takes time in proportion to the text", async () => {
  const tokenizer = await Tokenizer.fromFolder(join(GOLDEN, "tiny-qwen3"));
  const time = (text: string) => {
    const from = performance.now();
    tokenizer.encodeWithOffsets(text);
    return performance.now() - from;
  };
  const text = "The wörld <|im_end|>\n".repeat(1_000);
  time(text);
  const small = Math.min(time(text), time(text), time(text));
  assert.ok(time(text.repeat(16)) < 16 * 12 * small + 50);
});

const ids = (value: number) => new Tokenizer({ tokenizer: PIECES }).decode([value]);

Deno.test("decode() refuses an id that is not in the vocabulary", () => {
  assert.throws(() => ids(4096), {
    name: "RangeError",
    message: "Cannot decode tokens: wanted ids from 0 to 270: received 4096",
  });
  assert.equal(new Tokenizer({ tokenizer: PIECES }).decode([]), "");
});

const refusals: [string, Record<string, unknown>, string][] = [
  [
    "a tokenizer without places",
    { normalizer: { type: "Lowercase" } },
    'Cannot use tokenizer "m/tokenizer.json: normalizer: type": wanted a setting whose tokens have exact places in the text: received "Lowercase"',
  ],
  [
    "WordPiece",
    { model: { type: "WordPiece", vocab: { a: 0 } } },
    'Cannot use tokenizer "m/tokenizer.json: model.type": wanted a setting whose tokens have exact places in the text: received "WordPiece"',
  ],
  [
    "BPE without merges",
    { model: { type: "BPE", vocab: { a: 0 } } },
    'Cannot read tokenizer "m/tokenizer.json": model.merges: wanted an array: received nothing',
  ],
  [
    "an id that is no number",
    { model: { type: "BPE", vocab: { a: "x" }, merges: [] } },
    'Cannot read tokenizer "m/tokenizer.json": model.vocab.a: wanted an id from 0: received "x"',
  ],
  [
    "an unknown component",
    { decoder: { type: "Nonsense" } },
    'Cannot read tokenizer "m/tokenizer.json": wanted components that are known: received Unknown Decoder type: Nonsense',
  ],
  [
    "a missing model",
    { model: undefined },
    'Cannot read tokenizer "m/tokenizer.json": model: expected object: received nothing',
  ],
];
for (const [what, change, message] of refusals) {
  Deno.test(`Tokenizer refuses ${what}`, () => {
    assert.throws(
      () => new Tokenizer({ tokenizer: { ...PIECES, ...change }, name: "m" }),
      (error: unknown) => {
        assert.ok(error instanceof GymError);
        assert.deepEqual([error.code, error.message], ["INVALID_DATA", message]);
        return true;
      },
    );
  });
}

Deno.test("encodeWithOffsets() refuses text that the vocabulary lacks", () => {
  const model = { ...PIECES.model, byte_fallback: false };
  const tokenizer = new Tokenizer({ tokenizer: { ...PIECES, model } });
  assert.throws(() => tokenizer.encodeWithOffsets("a q"), {
    code: "INVALID_DATA",
    message: 'Cannot find tokens in text "q" at 2: wanted a token of it: received "<unk>"',
  });
});

Deno.test("fromFolder() names the file that is missing or broken", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tokenizer-"));
  const path = join(folder, "tokenizer.json");
  try {
    await assert.rejects(Tokenizer.fromFolder(folder), {
      code: "FILE_ACCESS",
      message: `Cannot read "${path}": wanted a file of the model's folder: received none`,
    });
    await writeFile(path, "{");
    await assert.rejects(
      Tokenizer.fromFolder(folder),
      (error: GymError) =>
        error.code === "INVALID_DATA" &&
        error.message.startsWith(`Cannot read tokenizer "${path}": wanted JSON: received `),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
