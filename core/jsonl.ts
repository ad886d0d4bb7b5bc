/**
 * Lines and JSON out of byte streams, in bounded memory. Every complaint names the file and the line.
 *
 * @module
 */
import { GymError, messageOf } from "./errors.ts";
import { type Line, type LineOptions, LineSplitter } from "./line_splitter.ts";

export { type Line, type LineOptions, MAX_LINE_BYTES } from "./line_splitter.ts";

/** One value of a file in JSON Lines. */
export interface JsonLine {
  /** Number of the line, from 1. */
  readonly line: number;
  /** The parsed line. */
  readonly value: unknown;
}

/**
 * Splits UTF-8 text at `\n` or `\r\n`. A byte order mark at the start is dropped. The stream is cancelled when the
 * caller stops early.
 *
 * @throws {GymError} `LIMIT_EXCEEDED` for a line over the limit; `INVALID_DATA` for bytes that are not UTF-8 text.
 */
export async function* readLines(
  stream: ReadableStream<Uint8Array>,
  options: LineOptions,
): AsyncGenerator<Line> {
  const lines = new LineSplitter(options);
  for await (const chunk of stream) {
    for (const line of lines.add(chunk)) yield line;
  }
  for (const line of lines.end()) yield line;
}

/**
 * Reads JSON Lines. Blank lines are skipped.
 *
 * @throws {GymError} As {@linkcode readLines}; `INVALID_DATA` for a line that is not JSON.
 */
export async function* readJsonl(
  stream: ReadableStream<Uint8Array>,
  options: LineOptions,
): AsyncGenerator<JsonLine> {
  for await (const { line, text } of readLines(stream, options)) {
    if (text.trim() !== "") yield { line, value: parseJson(text, { file: options.file, line }) };
  }
}

/** Where a text of JSON comes from. */
export interface JsonPlace {
  /** Name of the file. */
  readonly file: string;
  /** Line that the text starts on, from 1. */
  readonly line: number;
}

/** Parses JSON. @throws {GymError} `INVALID_DATA` naming the file, the line and what is wrong. */
export function parseJson(text: string, { file, line }: JsonPlace): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    const what = messageOf(thrown);
    const within = Number(/\(line (\d+) column/.exec(what)?.[1] ?? 1);
    const at = line + within - 1;
    throw new GymError(
      "INVALID_DATA",
      `Cannot read ${file}:${at}: wanted JSON: received ${JSON.stringify(shorten(text))}: ${what}`,
      { file, line: at },
    );
  }
}

function shorten(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 37)}...`;
}
