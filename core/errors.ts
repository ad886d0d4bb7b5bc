/**
 * Errors that callers can handle: one class with a stable code, and one that names the plugin at fault.
 *
 * Wrong arguments are ordinary `TypeError`, `RangeError` or `SyntaxError`. Everything a caller may want to tell
 * apart at run time is a {@linkcode GymError}; test `error.code`, never `instanceof`, because a plugin may have
 * been built against another copy of this library.
 *
 * @module
 */

/** Every code a {@linkcode GymError} can carry, with its meaning. Sorted; a test raises each of them. */
export const ERROR_CODES = {
  CLASHING_ID: "Two plugins provide the same kind and id",
  CONTRACT_VERSION: "A contribution was written for another version of its kind's contract",
  DIVERGED: "Training met numbers that are not finite, again and again",
  ENGINE_FAILED: "ONNX Runtime refused a graph or failed while running it",
  ENV_STATE: "An environment was used out of order, for example stepped before its reset",
  FILE_ACCESS: "A file or folder cannot be read or written",
  INTERRUPTED: "The work was stopped by a signal; what was finished is kept",
  INVALID_DATA: "A record does not have the shape it must have",
  INVALID_ID: "An id does not follow the grammar namespace/name-vN",
  INVALID_OPTIONS: "Options do not fit the schema of the thing they are for",
  INVALID_PLUGIN: "A module was loaded but does not export a plugin",
  LIMIT_EXCEEDED: "Input is larger than the limit it must stay under",
  PERMISSION: "The process lacks a permission it needs; the message says which",
  PLUGIN_FAILED: "Code of a plugin threw",
  PLUGIN_LOAD: "A plugin's module cannot be loaded",
  SERVICE_FAILED: "A service on the network cannot be reached, refuses or fails",
  SETUP_FAILED: "A task could not be set up in its workspace",
  UNKNOWN_FORMAT: "No adapter recognises a log",
  UNKNOWN_ID: "No plugin provides the id",
} as const;

/** A code of {@linkcode ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Where in a file something is wrong. Lines and columns count from 1. */
export interface Place {
  /** Path or name of the file. */
  readonly file?: string;
  /** Line in the file, from 1. */
  readonly line?: number;
  /** Dotted path of the field, for example `steps.3.action.tool`. */
  readonly field?: string;
}

/** A condition that callers handle. The message is for people, `code` and `data` are for programs. */
export class GymError extends Error {
  /** `GymError`. */
  override name = "GymError";
  /** What happened, as a stable code. */
  readonly code: ErrorCode;
  /** What the message says, as data: places, ids, limits. */
  readonly data: Readonly<Record<string, unknown>>;

  /** Makes an error. @param data Facts behind the message. They must survive `JSON.stringify` and hold no secret. */
  constructor(
    code: ErrorCode,
    message: string,
    data: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.data = data;
  }
}

/** Which code of which plugin threw. */
export interface PluginFault {
  /** Name of the plugin, for example `acme/triage`. */
  readonly plugin: string;
  /** Kind of the contribution, for example `env`. */
  readonly kind: string;
  /** Id of the contribution. */
  readonly id: string;
  /** Method that threw, for example `create` or `step`. */
  readonly method: string;
}

/** Something a plugin threw, attributed to it; the original error is the `cause`. */
export class PluginError extends GymError {
  /** `PluginError`. */
  override name = "PluginError";
  /** Which code threw. */
  readonly fault: PluginFault;

  /** Attributes what was thrown. @param cause What was thrown, of any type. */
  constructor(fault: PluginFault, cause: unknown) {
    super(
      "PLUGIN_FAILED",
      `Cannot ${fault.method} ${fault.kind} "${fault.id}" of plugin "${fault.plugin}": ${messageOf(cause)}`,
      { ...fault },
      { cause },
    );
    this.fault = fault;
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Whether something thrown carries `code`, whichever copy of the library threw it. */
export function hasCode(thrown: unknown, code: ErrorCode): boolean {
  return typeof thrown === "object" && thrown !== null && "code" in thrown && thrown.code === code;
}

/** Whether something thrown is a {@linkcode GymError}, of this copy of the library or another. */
export function isGymError(thrown: unknown): thrown is GymError {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" &&
    Object.hasOwn(ERROR_CODES, thrown.code);
}

/** A place as text: `runs/a.jsonl:3: steps.0.action`, with the parts that are known. */
export function placeText(place: Place): string {
  const file = place.file === undefined
    ? ""
    : place.line === undefined
    ? place.file
    : `${place.file}:${place.line}`;
  return [file, place.field ?? ""].filter((part) => part !== "").join(": ");
}
