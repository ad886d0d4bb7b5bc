/**
 * Waiting that an abort can end, even when the work itself ignores the signal.
 *
 * @module
 */
import type { Awaitable } from "./env.ts";

/**
 * `value`, unless `signal` aborts first: then a rejection with the signal's reason. What is left running is not
 * stopped by this, and a later failure of it is dropped. A value that is already there passes through.
 */
export function abortable<T>(value: Awaitable<T>, signal: AbortSignal | undefined): Awaitable<T> {
  if (signal === undefined || !(value instanceof Promise)) return value;
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    value.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
