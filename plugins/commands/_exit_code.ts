/**
 * Errors → exit codes: 1 failure, 2 usage, 3 input or output.
 *
 * @module
 */
import type { ExitCode } from "../../core/command.ts";
import { type ErrorCode, isGymError } from "../../core/errors.ts";

const CODES: Readonly<Record<ErrorCode, ExitCode>> = {
  CLASHING_ID: 2,
  CONTRACT_VERSION: 2,
  DIVERGED: 1,
  ENGINE_FAILED: 1,
  ENV_STATE: 1,
  FILE_ACCESS: 3,
  INTERRUPTED: 1,
  INVALID_DATA: 3,
  INVALID_ID: 2,
  INVALID_OPTIONS: 2,
  INVALID_PLUGIN: 2,
  LIMIT_EXCEEDED: 3,
  PERMISSION: 3,
  PLUGIN_FAILED: 1,
  PLUGIN_LOAD: 2,
  SERVICE_FAILED: 3,
  SETUP_FAILED: 1,
  UNKNOWN_FORMAT: 3,
  UNKNOWN_ID: 2,
};

/** The exit code of something that was thrown. */
export function exitCodeOf(thrown: unknown): ExitCode {
  return isGymError(thrown) ? CODES[thrown.code] : 1;
}

/** Something that was thrown as one line for people, or as JSON. */
export function errorText(
  thrown: unknown,
  { json, debug }: { readonly json: boolean; readonly debug: boolean },
): string {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const stack = debug ? `\n${error.stack ?? ""}` : "";
  if (!json) return `error: ${error.message.replaceAll(/\s*\n\s*/g, " ")}${stack}`;
  const [code, data] = isGymError(error) ? [error.code, error.data] : ["UNEXPECTED", {}];
  return `${JSON.stringify({ error: { code, message: error.message, data } })}${stack}`;
}
