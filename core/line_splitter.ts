/**
 * Lines out of chunks of bytes, without a wait for each line.
 *
 * @module
 */
import { GymError } from "./errors.ts";

/** What the readers of lines take beside the stream. */
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

/** Longest line that is read unless told otherwise, in bytes. */
export const MAX_LINE_BYTES: number = 64 * 1024 * 1024;

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = 0xfeff;

/** Splits chunks of bytes into lines, which come one by one as they are asked for. */
export class LineSplitter {
  readonly #file: string;
  readonly #maxLineBytes: number;
  readonly #decode: (bytes: Uint8Array, line: number) => string;
  /** Pieces of a line whose end has not come yet. */
  #rest: Uint8Array[] = [];
  #restBytes = 0;
  #line = 1;

  constructor({ file, maxLineBytes = MAX_LINE_BYTES }: LineOptions) {
    this.#file = file;
    this.#maxLineBytes = maxLineBytes;
    this.#decode = lineDecoder(file);
  }

  /** The lines that end in the next chunk. All must be taken before the next call. */
  *add(chunk: Uint8Array): Generator<Line> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#hold(chunk.subarray(start, end));
      yield this.#take(true);
      start = end + 1;
    }
    if (start < chunk.length) this.#hold(start === 0 ? chunk : chunk.slice(start));
  }

  /** The last line, when no line end follows it. */
  *end(): Generator<Line> {
    if (this.#restBytes > 0) yield this.#take(false);
  }

  #hold(piece: Uint8Array): void {
    this.#rest.push(piece);
    this.#restBytes += piece.length;
    checkLength(this.#restBytes, this.#file, this.#line, this.#maxLineBytes);
  }

  #take(ended: boolean): Line {
    const line = this.#line++;
    const bytes = join(this.#rest);
    this.#rest = [];
    this.#restBytes = 0;
    return { line, text: this.#decode(bytes, line), ended };
  }
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

/** Decodes the bytes of one line, its end left out, or says what is wrong with them. */
function lineDecoder(file: string): (bytes: Uint8Array, line: number) => string {
  // Decoding that checks takes several times as long, so only what looks wrong is checked.
  const loose = new TextDecoder("utf-8", { ignoreBOM: true });
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const wrong = (line: number, what: string): GymError =>
    new GymError("INVALID_DATA", `Cannot read ${file}:${line}: wanted UTF-8 text: received ${what}`, {
      file,
      line,
    });
  return (bytes, line) => {
    const text = loose.decode(bytes);
    if (text.includes("\0")) throw wrong(line, "binary data (a zero byte)");
    if (text.includes("\uFFFD")) {
      try {
        strict.decode(bytes);
      } catch {
        throw wrong(line, "bytes that are not UTF-8");
      }
    }
    const start = line === 1 && text.charCodeAt(0) === BYTE_ORDER_MARK ? 1 : 0;
    return text.slice(start, text.endsWith("\r") ? -1 : undefined);
  };
}
