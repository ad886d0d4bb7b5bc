/** Reads the files of a tokenizer and checks what this library relies on. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { GymError, messageOf } from "../../core/errors.ts";
import { describeIssues, type Json } from "../../core/schema.ts";

const name = z.union([
  z.string(),
  z.looseObject({ content: z.string() }).transform(({ content }) => content),
]);
const optionalName = name.nullish().transform((value) => value ?? null);

const component: z.ZodType<ComponentShape | null> = z.lazy(() =>
  z.looseObject({
    type: z.string(),
    normalizers: z.array(component).optional(),
    pretokenizers: z.array(component).optional(),
  }).nullable()
) as z.ZodType<ComponentShape | null>; // sound: a loose object of JSON has JSON members

/** A component of a tokenizer file, as JSON. */
export type ComponentShape = { readonly type: string; readonly [key: string]: Json };

const tokenizerFile = z.looseObject({
  added_tokens: z.array(z.looseObject({
    id: z.number().int().nonnegative(),
    content: z.string().min(1),
    special: z.boolean().default(false),
    normalized: z.boolean().default(false),
    lstrip: z.boolean().default(false),
    rstrip: z.boolean().default(false),
  })).default([]),
  normalizer: component.default(null),
  pre_tokenizer: component.default(null),
  post_processor: component.default(null),
  decoder: component.default(null),
  model: z.looseObject({
    type: z.string().optional(),
    // Looked at entry by entry below: a schema would copy 150 000 of them.
    vocab: z.custom<Readonly<Record<string, number>> | readonly [string, number][]>(
      (value) => typeof value === "object" && value !== null,
      "expected an object",
    ),
    merges: z.array(z.unknown()).optional(),
  }),
});

const configFile = z.looseObject({
  bos_token: optionalName,
  eos_token: optionalName,
  pad_token: optionalName,
  unk_token: optionalName,
  clean_up_tokenization_spaces: z.boolean().nullish(),
  remove_space: z.literal(false).nullish(),
  do_lowercase_and_remove_accent: z.literal(false).nullish(),
  chat_template: z.union([
    z.string(),
    z.array(z.looseObject({ name: z.string(), template: z.string() })),
  ]).nullish(),
});

/** What `tokenizer.json` must hold. */
export type TokenizerFile = z.output<typeof tokenizerFile>;
/** What `tokenizer_config.json` may hold. */
export type TokenizerConfig = z.output<typeof configFile>;

/** Checks the content of a `tokenizer.json`. */
export function checkTokenizer(value: unknown, file: string): TokenizerFile {
  const checked = check(tokenizerFile, value, file);
  if (checked.model.type === "BPE" && checked.model.merges === undefined) {
    throw invalid(file, "model.merges: wanted an array: received nothing");
  }
  const { vocab } = checked.model;
  for (const [token, id] of Array.isArray(vocab) ? [] : Object.entries(vocab)) {
    if (!Number.isInteger(id) || id < 0) {
      throw invalid(file, `model.vocab.${token}: wanted an id from 0: received ${JSON.stringify(id)}`);
    }
  }
  return checked;
}

/** Checks the content of a `tokenizer_config.json`. */
export function checkConfig(value: unknown, file: string): TokenizerConfig {
  return check(configFile, value, file);
}

/** A JSON file of a folder; null when it is not there and not required. */
export async function readJson(folder: string, file: string, required: boolean): Promise<unknown> {
  const text = await readText(folder, file, required);
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(join(folder, file), `wanted JSON: received ${messageOf(error)}`);
  }
}

/** A text file of a folder; null when it is not there and not required. */
export async function readText(folder: string, file: string, required: boolean): Promise<string | null> {
  const path = join(folder, file);
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    // Sound: what node:fs throws carries a code.
    const missing = (error as { code?: string }).code === "ENOENT";
    if (missing && !required) return null;
    throw new GymError(
      "FILE_ACCESS",
      `Cannot read "${path}": wanted a file of the model's folder: received ${
        missing ? "none" : messageOf(error)
      }`,
      { file: path },
      { cause: error },
    );
  }
}

function check<O>(schema: z.ZodType<O>, value: unknown, file: string): O {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalid(file, describeIssues(result.error.issues, value)[0] ?? "wanted another shape");
}

function invalid(file: string, problem: string): GymError {
  return new GymError("INVALID_DATA", `Cannot read tokenizer "${file}": ${problem}`, { file });
}
