/**
 * Text to token ids and back, with the exact place of every token in the text.
 *
 * The tokenizer is the one of the model's folder (`tokenizer.json`). Byte-level and SentencePiece-style BPE are
 * supported; one whose tokens have no exact place in the text (WordPiece, lower-casing, …) is refused by name.
 *
 * @module
 */
import { join } from "node:path";
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { GymError, messageOf } from "../../core/errors.ts";
import { Alignment, type Component } from "./_alignment.ts";
import {
  checkConfig,
  checkTokenizer,
  readJson,
  type TokenizerConfig,
  type TokenizerFile,
} from "./_tokenizer_file.ts";

/** Ids of a text and where each token lies in it, in UTF-16 units. */
export interface EncodedText {
  /** One id a token. */
  readonly ids: Int32Array;
  /**
   * Where each token starts. Tokens follow each other without gaps; two overlap only when they share a character,
   * and then each has the whole character.
   */
  readonly starts: Uint32Array;
  /** Where each token ends. The last end is the length of the text. */
  readonly ends: Uint32Array;
}

/** The parsed files of a tokenizer. */
export interface TokenizerFiles {
  /** Content of `tokenizer.json`. */
  readonly tokenizer: unknown;
  /** Content of `tokenizer_config.json`; nothing for its defaults. */
  readonly config?: unknown;
  /** Name of the folder, for messages. */
  readonly name?: string;
}

/** What {@linkcode Tokenizer.encode} takes. */
export interface TokenizeOptions {
  /**
   * Let the file's post-processor add its tokens (bos, eos).
   *
   * @default false
   */
  readonly specialTokens?: boolean;
}

/** What {@linkcode Tokenizer.decode} takes. */
export interface DetokenizeOptions {
  /**
   * Leave out special tokens.
   *
   * @default false
   */
  readonly skipSpecial?: boolean;
}

/** A token that is found in a text before all others, such as `<|im_end|>`. */
export interface AddedText {
  readonly id: number;
  readonly content: string;
  /** Whether it is none of the text proper: {@linkcode Tokenizer.decode} can leave it out. */
  readonly special: boolean;
}

/** The tokenizer of a model. */
export class Tokenizer {
  /** Highest id + 1. A model's embedding may have more rows than that, never fewer. */
  readonly vocabularySize: number;
  /** Id of the token that ends a turn or a text; null when the files name none. */
  readonly eosId: number | null;
  /** Id of the token that fills a batch; null when the files name none. */
  readonly padId: number | null;
  /** Id of the token that starts a text; null when the files name none. */
  readonly bosId: number | null;
  /** Texts of the special tokens that templates use: `bos_token`, `eos_token`, `pad_token`, `unk_token`. */
  readonly specialTokens: Readonly<Record<string, string>>;
  /** Texts of all added tokens marked special, in order of id: what {@linkcode decode} can leave out. */
  readonly controlTokens: readonly string[];
  /** All added tokens, in order of id. */
  readonly addedTokens: readonly AddedText[];
  readonly #library: Library;
  readonly #alignment: Alignment;
  readonly #cleanUp: boolean;

  /** Takes parsed files. @throws {GymError} `INVALID_DATA`, naming file and field, when they do not fit. */
  constructor({ tokenizer, config = {}, name = "" }: TokenizerFiles) {
    const path = join(name, "tokenizer.json");
    const file = checkTokenizer(tokenizer, path);
    const settings = checkConfig(config ?? {}, join(name, "tokenizer_config.json"));
    // Sound: the schema lets nothing but JSON objects into these fields.
    const parts = file as unknown as Readonly<Record<string, Component | null>>;
    this.#alignment = new Alignment(parts, file.added_tokens, path);
    this.#library = open(file, settings, path);
    this.#cleanUp = settings.clean_up_tokenization_spaces ?? false;
    this.addedTokens = file.added_tokens.map(({ id, content, special }) => ({ id, content, special }))
      .toSorted((a, b) => a.id - b.id);
    this.controlTokens = this.addedTokens.filter(({ special }) => special).map(({ content }) => content);
    this.specialTokens = namesOf(settings);
    this.vocabularySize = sizeOf(file);
    this.bosId = this.idOf(this.specialTokens.bos_token ?? "");
    this.eosId = this.idOf(this.specialTokens.eos_token ?? "");
    this.padId = this.idOf(this.specialTokens.pad_token ?? "");
  }

  /** Reads `tokenizer.json` and, where it is there, `tokenizer_config.json` of a model's folder. */
  static async fromFolder(folder: string): Promise<Tokenizer> {
    const tokenizer = await readJson(folder, "tokenizer.json", true);
    const config = await readJson(folder, "tokenizer_config.json", false);
    return new Tokenizer({ tokenizer, config, name: folder });
  }

  /**
   * Ids of a text. Added tokens in it (`<|im_end|>`) become their id. What the vocabulary lacks is dropped or becomes
   * the unknown token, as the file says; {@linkcode encodeWithOffsets} refuses such text.
   */
  encode(text: string, options: TokenizeOptions = {}): Int32Array {
    const { specialTokens = false } = options;
    return Int32Array.from(this.#library.encode(text, { add_special_tokens: specialTokens }).ids);
  }

  /**
   * Ids of a text, without added bos or eos, and the exact place of each token.
   *
   * @throws {GymError} `INVALID_DATA` when the text has characters that the tokenizer cannot represent.
   */
  encodeWithOffsets(text: string): EncodedText {
    const { ids, tokens } = this.#library.encode(text, { add_special_tokens: false });
    return { ids: Int32Array.from(ids), ...this.#alignment.offsetsOf(text, tokens) };
  }

  /** Text of ids. Bytes that are no UTF-8 become U+FFFD. */
  decode(ids: Iterable<number>, options: DetokenizeOptions = {}): string {
    const { skipSpecial = false } = options;
    const list = [...ids];
    for (const id of list) {
      if (!Number.isInteger(id) || id < 0 || this.#library.id_to_token(id) === undefined) {
        throw new RangeError(
          `Cannot decode tokens: wanted ids from 0 to ${this.vocabularySize - 1}: received ${id}`,
        );
      }
    }
    return list.length === 0 ? "" : this.#library.decode(list, {
      skip_special_tokens: skipSpecial,
      clean_up_tokenization_spaces: this.#cleanUp,
    });
  }

  /**
   * Bytes that a token stands for in the middle of a text, which may be a part of a character; null when there is no such
   * token, or no text it stands for.
   */
  bytesOf(id: number): Uint8Array | null {
    const token = this.#library.id_to_token(id);
    return token === undefined ? null : this.#alignment.bytesOf(token);
  }

  /** Id of a token by its name in the vocabulary; null when there is none. */
  idOf(token: string): number | null {
    return this.#library.token_to_id(token) ?? null;
  }
}

function open(file: TokenizerFile, config: TokenizerConfig, path: string): Library {
  try {
    return new Library(file, config);
  } catch (error) {
    throw new GymError(
      "INVALID_DATA",
      `Cannot read tokenizer "${path}": wanted components that are known: received ${messageOf(error)}`,
      { file: path },
      { cause: error },
    );
  }
}

function namesOf(config: TokenizerConfig): Readonly<Record<string, string>> {
  const { bos_token, eos_token, pad_token, unk_token } = config;
  return Object.fromEntries(
    Object.entries({ bos_token, eos_token, pad_token, unk_token }).filter(([, value]) => value !== null),
  ) as Record<string, string>; // sound: null was filtered out
}

function sizeOf({ model: { vocab }, added_tokens }: TokenizerFile): number {
  let size = Array.isArray(vocab) ? vocab.length : 0;
  if (!Array.isArray(vocab)) { for (const id of Object.values(vocab)) size = Math.max(size, id + 1); }
  for (const { id } of added_tokens) size = Math.max(size, id + 1);
  return size;
}
