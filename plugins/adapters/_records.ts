/**
 * The records of a file that must be right: one a line, or one JSON document with a record or an array of them. What
 * is not JSON is an error, except for a last line that was cut off, which is reported.
 */
import type { LogSource, ReadOptions } from "../../core/adapter.ts";
import { GymError, type Place } from "../../core/errors.ts";
import { type JsonPlace, MAX_LINE_BYTES, parseJson, readLines } from "../../core/jsonl.ts";

/** A value and where it stands. */
export interface Placed {
  readonly value: unknown;
  readonly place: Place;
}

const DOCUMENT_CHARS = 4 * MAX_LINE_BYTES;

/** Streams the records of a file. @throws {GymError} `INVALID_DATA` or `LIMIT_EXCEEDED`, naming file and line. */
export async function* records(
  source: LogSource,
  { onIssue, signal }: ReadOptions = {},
): AsyncGenerator<Placed> {
  const file = source.name;
  const whole: string[] = []; // lines of a document that goes over several
  let chars = 0;
  let started = false;
  for await (const { line, text, ended } of readLines(source.open(), { file })) {
    signal?.throwIfAborted();
    const place = { file, line };
    if (whole.length > 0) {
      if (isRecord(text)) parseJson(whole.join("\n"), { file, line: line - whole.length }); // a bad line among good ones
      whole.push(text);
      chars += text.length;
      if (chars > DOCUMENT_CHARS) throw tooLong(place);
    } else if (text.trim() !== "") {
      const value = tryParse(text);
      if (value !== undefined) yield* spread(value, place);
      else if (started && ended) parseJson(text, place);
      else if (started) onIssue?.({ what: "torn line", detail: "the last line was cut off", file, line });
      else whole.push(...new Array<string>(line - 1).fill(""), text); // so that lines are counted right
      started = true;
    }
  }
  if (whole.length > 0) yield* spread(parseJson(whole.join("\n"), { file, line: 1 }), { file, line: 1 });
}

function* spread(value: unknown, place: Place): Generator<Placed> {
  if (!Array.isArray(value)) yield { value, place };
  else {for (const [index, one] of value.entries()) {
      yield { value: one, place: { ...place, field: `${index}` } };
    }}
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a line is a whole object, which a line inside a larger document hardly is: there a comma or bracket follows. */
function isRecord(text: string): boolean {
  const value = text.startsWith("{") ? tryParse(text) : undefined;
  return typeof value === "object" && value !== null;
}

function tooLong({ file, line }: JsonPlace): GymError {
  return new GymError(
    "LIMIT_EXCEEDED",
    `Cannot read ${file}:${line}: wanted a document of at most ${DOCUMENT_CHARS} characters: received a longer one`,
    { file, line, limit: DOCUMENT_CHARS },
  );
}
