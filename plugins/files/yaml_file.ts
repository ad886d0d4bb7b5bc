/**
 * YAML that knows where things stand: every message names file, line, column and field.
 *
 * @module
 */
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { type ErrorCode, GymError } from "../../core/errors.ts";
import { describeIssues } from "../../core/schema.ts";

/** A path of keys and indexes. */
export type FieldPath = readonly PropertyKey[];

/** One YAML text, parsed, with the place of every field. */
export class YamlFile {
  /** Path for messages. */
  readonly file: string;
  /** The text as plain data. */
  readonly value: unknown;
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();

  /**
   * @param text The whole file.
   * @param file Path for messages.
   * @param what What the file is, for messages: `pipeline`.
   * @throws {GymError} `INVALID_DATA` when the text is not YAML.
   */
  constructor(text: string, file: string, what: string) {
    this.file = file;
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const [error] = this.#document.errors;
    if (error !== undefined) {
      const { line, col } = this.#lines.linePos(error.pos[0]);
      throw failure("INVALID_DATA", `Cannot read ${what}: ${file}:${line}:${col}: ${error.message}`, {
        file,
        line,
      });
    }
    try {
      this.value = this.#document.toJS();
    } catch (thrown) { // more aliases than a hand would write
      throw failure("INVALID_DATA", `Cannot read ${what}: ${file}: ${(thrown as Error).message}`, { file });
    }
  }

  /** `file:line:col` of a field, or of the nearest field around it that is there. */
  place(path: FieldPath): { readonly text: string; readonly line: number } {
    const { line, col } = this.#lines.linePos(this.#offset(path));
    return { text: `${this.file}:${line}:${col}`, line };
  }

  /** An error about one field. */
  error(code: ErrorCode, act: string, path: FieldPath, message: string): GymError {
    const place = this.place(path);
    const field = path.map(String).join(".");
    return failure(code, `Cannot ${act}: ${place.text}: ${field === "" ? "" : `${field}: `}${message}`, {
      file: this.file,
      line: place.line,
      field,
    });
  }

  /**
   * Parses the whole file.
   *
   * @throws {GymError} `INVALID_DATA` with the place of each issue.
   */
  parse<T>(schema: z.ZodType<T>, act: string): T {
    const result = schema.safeParse(this.value);
    if (result.success) return result.data;
    const lines = result.error.issues.flatMap((issue) =>
      single(issue).map(({ issue, path }) => {
        const place = this.place(path);
        return { line: place.line, text: `${place.text}: ${describeIssues([issue], this.value, schema)[0]}` };
      })
    );
    throw failure("INVALID_DATA", `Cannot ${act}: ${lines.map(({ text }) => text).join("; ")}`, {
      file: this.file,
      line: lines[0]?.line,
      issues: lines.map(({ text }) => text),
    });
  }

  #offset(path: FieldPath): number {
    for (let length = path.length; length >= 0; length--) {
      const offset = this.#offsetOf(path.slice(0, length));
      if (offset !== undefined) return offset;
    }
    return 0;
  }

  /** Where a field starts: at its key in a mapping, at itself in a list. */
  #offsetOf(path: FieldPath): number | undefined {
    if (path.length === 0) return this.#document.contents?.range[0];
    const parent = this.#document.getIn(path.slice(0, -1), true);
    const pair = isMap(parent)
      ? parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1))
      : undefined;
    const node = pair === undefined ? this.#document.getIn(path, true) : pair.key;
    return isNode(node) ? node.range?.[0] : undefined;
  }
}

/** Issues with one field each, with the field they are about. */
function single(issue: z.core.$ZodIssue): { issue: z.core.$ZodIssue; path: FieldPath }[] {
  if (issue.code !== "unrecognized_keys") return [{ issue, path: issue.path }];
  return issue.keys.map((key) => ({ issue: { ...issue, keys: [key] }, path: [...issue.path, key] }));
}

function failure(code: ErrorCode, message: string, data: Readonly<Record<string, unknown>>): GymError {
  return new GymError(code, message, data);
}
