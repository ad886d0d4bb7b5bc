/** For tests: tokenizers of three kinds. */
import { readFileSync } from "node:fs";
import { Tokenizer } from "../../../chat/mod.ts";
import { tokenizerFiles } from "../../_tokenizer.ts";

const GOLDEN = new URL("../../../../tests/golden/models/tiny-qwen3/tokenizer.json", import.meta.url);

/** Tokens are bytes, marks of Hermes' form are tokens of their own. */
export function byteTokenizer(): Tokenizer {
  const files = tokenizerFiles(4096, "chatml");
  return new Tokenizer({
    tokenizer: JSON.parse(files["tokenizer.json"]!),
    config: JSON.parse(files["tokenizer_config.json"]!),
  });
}

/** Byte-level BPE, with further added tokens. */
export function bpeTokenizer(...added: readonly string[]): Tokenizer {
  const tokenizer = JSON.parse(readFileSync(GOLDEN, "utf8"));
  for (const [at, content] of added.entries()) {
    tokenizer.added_tokens.push({ id: 512 + at, content, special: true });
  }
  return new Tokenizer({ tokenizer, config: { eos_token: "<|im_end|>" } });
}

const bytes = Array.from({ length: 256 }, (_, at) => `<0x${at.toString(16).toUpperCase().padStart(2, "0")}>`);
const PIECES = [...'abcdehlnmrtu{}[]:,"▁', "▁a", "he", "ll", '"}', '{"', '":▁', '",', '▁"', "漢"];

/** SentencePiece's way: a mark for a space, characters as they are, bytes for the rest; pieces may be left out. */
export function pieceTokenizer(without: readonly string[] = []): Tokenizer {
  const names = ["<unk>", "<s>", "</s>", ...bytes, ...PIECES];
  const vocab = Object.fromEntries(
    names.map((name, id) => [name, id]).filter(([name]) => !without.includes(name as string)),
  );
  const decoders = [
    { type: "Replace", pattern: { String: "▁" }, content: " " },
    { type: "ByteFallback" },
    { type: "Fuse" },
    { type: "Strip", content: " ", start: 1, stop: 0 },
  ];
  return new Tokenizer({
    tokenizer: {
      added_tokens: names.slice(0, 3).map((content, id) => ({ id, content, special: true })),
      normalizer: {
        type: "Sequence",
        normalizers: [
          { type: "Prepend", prepend: "▁" },
          { type: "Replace", pattern: { String: " " }, content: "▁" },
        ],
      },
      decoder: { type: "Sequence", decoders },
      model: { type: "BPE", unk_token: "<unk>", byte_fallback: true, vocab, merges: [] },
    },
    config: { eos_token: "</s>" },
  });
}
