/**
 * The JSON documents in a log file, whatever its layout: one a line, one array, or one document over many lines.
 *
 * @module
 */
import type { LogIssue, LogSource } from "../../core/adapter.ts";
import { messageOf } from "../../core/errors.ts";
import { type Line, LineSplitter } from "../../core/line_splitter.ts";

/** A JSON document and the line it starts on. */
export interface Document {
  readonly value: unknown;
  /** Line in the file, or null inside an array. */
  readonly line: number | null;
}

/** How {@linkcode documents} reads. */
export interface DocumentOptions {
  readonly onIssue?: ((issue: LogIssue) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Leaves out of a line what is not needed. Should that not leave JSON, the whole line is parsed. */
  readonly trim?: (line: string) => string;
}

/** A whole episode may stand on one line. The longest text that V8 holds has 512 Mi characters. */
const MAX_LINE_BYTES = 500 * 2 ** 20;

const CHUNKS_AHEAD = 8;

/**
 * The documents of a file in order, as many at a time as were read together. A line that does not parse is told to
 * `onIssue` and left out. Lines are parsed as they are asked for.
 */
export async function* documents(
  source: LogSource,
  options: DocumentOptions = {},
): AsyncIterable<Iterable<Document>> {
  const parser = new DocumentParser(source.name, options);
  const lines = new LineSplitter({ file: source.name, maxLineBytes: MAX_LINE_BYTES });
  for await (const chunk of readAhead(source.open())) yield parser.add(lines.add(chunk));
  yield parser.add(lines.end());
  yield parser.end();
}

class DocumentParser {
  readonly #file: string;
  readonly #options: DocumentOptions;
  /** Lines of a document that goes over several, once one has begun. */
  #whole: string[] | null = null;
  #first = true;

  constructor(file: string, options: DocumentOptions) {
    this.#file = file;
    this.#options = options;
  }

  *add(lines: Iterable<Line>): Iterable<Document> {
    for (const { line, text } of lines) {
      this.#options.signal?.throwIfAborted();
      const document = this.#whole === null ? this.#addLine(text, line) : this.#hold(text);
      if (document !== null) yield document;
    }
  }

  *end(): Iterable<Document> {
    if (this.#whole !== null) yield* spread(this.#whole, this.#file, this.#options);
  }

  #hold(text: string): null {
    (this.#whole ??= []).push(text);
    return null;
  }

  #addLine(text: string, line: number): Document | null {
    const start = text.trim();
    if (start === "") return null;
    if (this.#first && isOpening(start)) return this.#hold(text);
    this.#first = false;
    const trimmed = this.#options.trim?.(text) ?? text;
    return (trimmed === text ? null : parse(trimmed, line, this.#file, {})) ??
      parse(text, line, this.#file, this.#options);
  }
}

/** Whether a first line opens a document that goes on below, or an array of documents. */
function isOpening(line: string): boolean {
  return line.startsWith("[") || (line.startsWith("{") && /(?:[{[,]|"\s*:)$/.test(line));
}

function* spread(lines: readonly string[], file: string, options: DocumentOptions): Iterable<Document> {
  const { onIssue, ...rest } = options;
  const document = parse(lines.join("\n"), 1, file, rest);
  if (document === null) {
    // A log of one document a line whose first one is cut off looks the same.
    for (const [index, line] of lines.entries()) {
      const found = line.trim() === "" ? null : parse(line, index + 1, file, { onIssue });
      if (found !== null) yield found;
    }
  } else if (Array.isArray(document.value)) {
    for (const value of document.value) yield { value, line: null };
  } else yield document;
}

function parse(text: string, line: number, file: string, { onIssue }: DocumentOptions): Document | null {
  try {
    return { value: JSON.parse(text), line };
  } catch (thrown) {
    onIssue?.({ what: "corrupt line", detail: messageOf(thrown), file, line });
    return null;
  }
}

/** The same bytes, the next ones being read while those at hand are parsed. */
function readAhead(stream: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader();
  return new ReadableStream({
    async pull(controller): Promise<void> {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: CHUNKS_AHEAD });
}
