/** A value inside a row together with the way to it, so that every complaint names file, line and field. */
import { GymError, placeText } from "../../../../core/errors.ts";
import type { Json } from "../../../../core/schema.ts";

/** Where a row stands. */
export interface RowPlace {
  /** Name of the file. */
  readonly file: string;
  /** Line in it, from 1. */
  readonly line: number;
}

/** A value and the way to it. What is null counts as absent: columnar files fill up with nulls. */
export class Field {
  /** Wraps a value. @param path Dotted way to it, empty for the row itself. */
  constructor(
    readonly value: unknown,
    readonly place: RowPlace,
    readonly path: string = "",
  ) {}

  /** Whether there is nothing, or null. */
  get absent(): boolean {
    return this.value === undefined || this.value === null;
  }

  /** A member of an object; absent when the object has none of that name. */
  at(key: string): Field {
    const object = this.value as { readonly [key: string]: unknown } | null | undefined;
    const held = typeof object === "object" && object !== null && Object.hasOwn(object, key);
    return new Field(
      held ? object[key] : undefined,
      this.place,
      this.path === "" ? key : `${this.path}.${key}`,
    );
  }

  /** The first of several members that is there, or the first of all. */
  first(...keys: readonly [string, ...string[]]): Field {
    return keys.map((key) => this.at(key)).find((field) => !field.absent) ?? this.at(keys[0]);
  }

  /** Whether a member is there. */
  has(key: string): boolean {
    return !this.at(key).absent;
  }

  /** A text. @throws {GymError} `INVALID_DATA` */
  text(): string {
    return typeof this.value === "string" ? this.value : this.refuse("text");
  }

  /** A text; empty when absent. @throws {GymError} `INVALID_DATA` */
  textOrEmpty(): string {
    return this.absent ? "" : this.text();
  }

  /** A finite number. @throws {GymError} `INVALID_DATA` */
  number(): number {
    return typeof this.value === "number" && Number.isFinite(this.value)
      ? this.value
      : this.refuse("a finite number");
  }

  /** A finite number, or null when absent. @throws {GymError} `INVALID_DATA` */
  numberOrNull(): number | null {
    return this.absent ? null : this.number();
  }

  /** True or false. @throws {GymError} `INVALID_DATA` */
  boolean(): boolean {
    return typeof this.value === "boolean" ? this.value : this.refuse("true or false");
  }

  /** Elements of a list. @throws {GymError} `INVALID_DATA` */
  items(): Field[] {
    if (!Array.isArray(this.value)) return this.refuse("a list");
    return this.value.map((item, at) => new Field(item, this.place, `${this.path}.${at}`));
  }

  /** Elements of a list with at least one. @throws {GymError} `INVALID_DATA` */
  someItems(): Field[] {
    const items = this.items();
    return items.length > 0 ? items : this.refuse("at least one element");
  }

  /** An object. @throws {GymError} `INVALID_DATA` */
  object(): { readonly [key: string]: Json } {
    const { value } = this;
    return typeof value === "object" && value !== null && !Array.isArray(value)
      // Sound: rows come from JSON, and an object that is no list has named fields.
      ? value as { readonly [key: string]: Json }
      : this.refuse("an object");
  }

  /** The same place with what its JSON text says; refuses what is not JSON. @throws {GymError} `INVALID_DATA` */
  parsed(wanted: string): Field {
    if (typeof this.value !== "string") return this;
    try {
      return new Field(JSON.parse(this.value), this.place, this.path);
    } catch {
      return this.refuse(wanted);
    }
  }

  /** Says what was wanted here. @throws {GymError} `INVALID_DATA` */
  refuse(wanted: string): never {
    const place = { ...this.place, ...(this.path !== "" && { field: this.path }) };
    throw new GymError(
      "INVALID_DATA",
      `Cannot read ${placeText(place)}: wanted ${wanted}: received ${shown(this.value)}`,
      place,
    );
  }
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = typeof value === "number" ? String(value) : JSON.stringify(value) ?? String(value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
