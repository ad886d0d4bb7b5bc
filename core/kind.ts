/**
 * Kinds: the only extension mechanism. A kind is a value; calling it makes a contribution, and it is the key under
 * which a kernel finds contributions again.
 *
 * @module
 */
import { GymError } from "./errors.ts";
import { parseId } from "./id.ts";
import type { Kernel } from "./kernel.ts";
import type { Schema } from "./schema.ts";

/** What an author says of one contribution. `I` is what a caller may pass as options, `O` what they are once parsed. */
export interface Definition<T, I, O> {
  /** One sentence for lists and help. */
  readonly description: string;
  /** Schema of the options. Parsed before `create`; shown as JSON Schema in help. */
  readonly options: Schema<O, I>;
  /** Makes the thing. What it needs of other kinds it asks the kernel for. */
  readonly create: (options: O, kernel: Kernel) => T | Promise<T>;
}

/** One thing a plugin provides, as plain data and a factory. Matched by kind name, never by object identity. */
export interface Contribution<T, I = unknown> {
  /** Name of the kind, for example `env`. */
  readonly kind: string;
  /** Version of the kind's contract that this was written for. */
  readonly contract: number;
  /** Id, `namespace/name-vN`. */
  readonly id: string;
  /** One sentence for lists and help. */
  readonly description: string;
  /** Schema of the options. */
  readonly options: Schema<unknown, I>;
  /** Makes the thing from parsed options. Called by the kernel only. */
  readonly create: (options: never, kernel: Kernel) => T | Promise<T>;
}

/** A kind of contribution: its constructor, and the key to its shelf in a kernel. */
export interface Kind<T> {
  /** Makes a contribution of this kind. Throws at once on an id that does not follow the grammar. */
  <I, O>(id: string, definition: Definition<T, I, O>): Contribution<T, I>;
  /** Name, for example `env`. */
  readonly kindName: string;
  /** Version of the contract; rises when old contributions would no longer work. */
  readonly contract: number;
}

/**
 * Declares a kind. Third parties add kinds with the same call.
 *
 * @param name One lower-case word, unique among the kinds of a kernel.
 * @param contract Version of the contract, from 1.
 * @throws {GymError} `INVALID_ID` when the name is not one lower-case word.
 */
export function defineKind<T>(name: string, contract = 1): Kind<T> {
  if (!/^[a-z]+$/.test(name)) {
    throw new GymError("INVALID_ID", `Cannot define kind "${name}": wanted one lower-case word`, {
      id: name,
    });
  }
  const make = <I, O>(id: string, definition: Definition<T, I, O>): Contribution<T, I> => {
    parseId(id);
    return Object.freeze({ kind: name, contract, id, ...definition });
  };
  return Object.freeze(Object.assign(make, { kindName: name, contract }));
}
