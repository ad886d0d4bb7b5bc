/**
 * Lines and JSON out of byte streams, in bounded memory. Every complaint names the file and the line.
 *
 * @module
 */
import { GymError, messageOf } from "./errors.ts";

/** What the readers of this file take beside the stream. */
export interface LineOptions {
  /** Name of the file, for messages. */
  readonly file: string;
  /** Longest line that is read, in bytes. @default 64 MiB */
  readonly maxLineBytes?: number;
}

/** One line of text. */
export interface Line {
  /** Number of the line, from 1. */
  readonly line: number;
  /** The line without its end. */
  readonly text: string;
  /** Whether a line end follows. False for the last line of a file that was cut off, or never ended. */
  readonly ended: boolean;
}

/** One value of a file in JSON Lines. */
export interface JsonLine {
  /** Number of the line, from 1. */
  readonly line: number;
  /** The parsed line. */
  readonly value: unknown;
}

/** Longest line that is read unless told otherwise, in bytes. */
export const MAX_LINE_BYTES: number = 64 * 1024 * 1024;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Splits UTF-8 text at `\n` or `\r\n`. A byte order mark at the start is dropped. The stream is cancelled when the
 * caller stops early.
 *
 * @throws {GymError} `LIMIT_EXCEEDED` for a line over the limit; `INVALID_DATA` for bytes that are not UTF-8 text.
 */
export async function* readLines(
  stream: ReadableStream<Uint8Array>,
  { file, maxLineBytes = MAX_LINE_BYTES }: LineOptions,
): AsyncGenerator<Line> {
  const decode = lineDecoder(file);
  let rest: Uint8Array[] = []; // pieces of a line whose end has not come yet
  let restBytes = 0;
  let line = 1;
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      checkLength(restBytes + piece.length, file, line, maxLineBytes);
      yield { line, text: decode(restBytes === 0 ? piece : join([...rest, piece]), line), ended: true };
      if (restBytes > 0) rest = [];
      restBytes = 0;
      start = end + 1;
      line++;
    }
    if (start === chunk.length) continue;
    rest.push(start === 0 ? chunk : chunk.slice(start));
    restBytes += chunk.length - start;
    checkLength(restBytes, file, line, maxLineBytes);
  }
  if (restBytes > 0) yield { line, text: decode(join(rest), line), ended: false };
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

function checkLength(bytes: number, file: string, line: number, limit: number): void {
  if (bytes <= limit) return;
  throw new GymError(
    "LIMIT_EXCEEDED",
    `Cannot read ${file}:${line}: wanted a line of at most ${limit} bytes: received a longer one`,
    { file, line, limit },
  );
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function lineDecoder(file: string): (bytes: Uint8Array, line: number) => string {
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const binary = (line: number, what: string): GymError =>
    new GymError("INVALID_DATA", `Cannot read ${file}:${line}: wanted UTF-8 text: received ${what}`, {
      file,
      line,
    });
  return (bytes, line) => {
    if (line === 1 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) bytes = bytes.subarray(3);
    if (bytes.at(-1) === CARRIAGE_RETURN) bytes = bytes.subarray(0, -1);
    if (bytes.includes(0)) throw binary(line, "binary data (a zero byte)");
    try {
      return utf8.decode(bytes);
    } catch {
      throw binary(line, "bytes that are not UTF-8");
    }
  };
}
