/**
 * Fields of an untrusted JSON object, read one at a time: every refusal names file and field, what was wanted and
 * what came.
 *
 * @module
 */
import { GymError, messageOf } from "../../core/errors.ts";
import { fileError } from "../files/mod.ts";

/** Reads a file of JSON. @throws {GymError} `FILE_ACCESS` or `INVALID_DATA`. */
export async function readJson(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (thrown) {
    throw fileError("read", file, thrown);
  }
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new GymError("INVALID_DATA", `Cannot read ${file}: wanted JSON: ${messageOf(thrown)}`, { file });
  }
}

/** The fields of one object. Null counts as missing. */
export class Fields {
  /** The object itself. */
  readonly object: Readonly<Record<string, unknown>>;
  readonly #act: string;
  readonly #file: string;
  readonly #prefix: string;

  /**
   * @param act What is being done, for messages: `use model config`.
   * @param prefix Path of the object in the file, empty or ending in a dot.
   */
  constructor(value: unknown, act: string, file: string, prefix = "") {
    this.#act = act;
    this.#file = file;
    this.#prefix = prefix;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.refusal("", "an object", value);
    }
    this.object = value as Record<string, unknown>;
  }

  /** The error for a field. @param wanted What was wanted of it. */
  refusal(field: string, wanted: string, received: unknown = this.object[field]): GymError {
    const path = `${this.#prefix}${field}`.replace(/\.$/, "");
    const came = received === undefined ? "nothing" : shorten(JSON.stringify(received));
    return new GymError(
      "INVALID_DATA",
      `Cannot ${this.#act} ${this.#file}: ${
        path === "" ? "" : `${path}: `
      }wanted ${wanted}: received ${came}`,
      { file: this.#file, field: path },
    );
  }

  /** Whether the field holds something. */
  has(field: string): boolean {
    return this.object[field] !== undefined && this.object[field] !== null;
  }

  /** An object in a field. */
  inner(field: string): Fields {
    return new Fields(this.object[field], this.#act, this.#file, `${this.#prefix}${field}.`);
  }

  /** A whole number of at least 1. */
  count(field: string, missing?: number): number {
    if (!this.has(field) && missing !== undefined) return missing;
    const value = this.object[field];
    if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
    throw this.refusal(field, "a whole number above 0");
  }

  /** A finite number above 0. */
  positive(field: string, missing?: number): number {
    if (!this.has(field) && missing !== undefined) return missing;
    const value = this.object[field];
    if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
    throw this.refusal(field, "a number above 0");
  }

  /** True or false. */
  flag(field: string, missing: boolean): boolean {
    if (!this.has(field)) return missing;
    const value = this.object[field];
    if (typeof value === "boolean") return value;
    throw this.refusal(field, "true or false");
  }

  /** A text. */
  text(field: string, missing: string): string {
    if (!this.has(field)) return missing;
    const value = this.object[field];
    if (typeof value === "string") return value;
    throw this.refusal(field, "a text");
  }

  /** A token id, or null. */
  id(field: string): number | null {
    return this.has(field) ? this.#checkedId(field, this.object[field]) : null;
  }

  /** Token ids: one, several or none. */
  ids(field: string): readonly number[] {
    if (!this.has(field)) return [];
    const value = this.object[field];
    return (Array.isArray(value) ? value : [value]).map((one) => this.#checkedId(field, one));
  }

  #checkedId(field: string, value: unknown): number {
    if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
    throw this.refusal(field, "token ids, whole numbers from 0");
  }
}

function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
