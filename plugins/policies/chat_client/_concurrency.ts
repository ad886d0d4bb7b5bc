/**
 * How many requests one endpoint gets at once, found by trying: one more after each round of successes, half after an
 * overload (additive increase, multiplicative decrease), never more than the service says is left.
 *
 * Source: Chiu and Jain 1989, Analysis of the increase and decrease algorithms for congestion avoidance.
 *
 * @module
 */
import { remainingOf, retryAfter } from "./_limits.ts";

/** Time, as it can be held still. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** @throws The signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A place among the requests that run; gives itself back once. */
export interface Slot {
  /** The request came back whole. */
  succeeded(headers: Headers): void;
  /** The service said that it has too much to do. */
  overloaded(headers: Headers | undefined): void;
  /** Frees the place. */
  release(): void;
}

/** The limit of one endpoint and key. */
export class Concurrency {
  readonly #most: number;
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #limit: number;
  #running = 0;
  /** Requests started so far. */
  #started = 0;
  /** Requests started before this one know of no overload that was not counted yet. */
  #counted = 0;
  #closedUntil = 0;

  /** @param most Never more requests at once than these; at least 1. */
  constructor(most: number, clock: Clock) {
    this.#most = most;
    this.#clock = clock;
    this.#limit = Math.min(most, 8);
  }

  /** Requests that may run at once now. */
  get limit(): number {
    return Math.max(1, Math.floor(this.#limit));
  }

  /** Waits for a place. @throws The signal's reason. */
  async acquire(signal?: AbortSignal): Promise<Slot> {
    for (;;) {
      signal?.throwIfAborted();
      const closed = this.#closedUntil - this.#clock.now();
      if (closed > 0) await this.#clock.sleep(closed, signal);
      else if (this.#running < this.limit) break;
      else await this.#turn(signal);
    }
    return this.#slot();
  }

  #slot(): Slot {
    this.#running++;
    const order = this.#started++;
    let open = true;
    return {
      succeeded: (headers) => this.#grow(headers),
      overloaded: (headers) => this.#shrink(order, headers),
      release: () => {
        if (!open) return;
        open = false;
        this.#running--;
        this.#wake();
      },
    };
  }

  /** Resolves when a place may be free. */
  async #turn(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => reject(signal!.reason);
    signal?.addEventListener("abort", abort, { once: true });
    this.#waiting.push(resolve);
    try {
      await promise;
    } catch (thrown) {
      const place = this.#waiting.indexOf(resolve);
      if (place >= 0) this.#waiting.splice(place, 1);
      else this.#wake(); // it was called just now: the place is another's
      throw thrown;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #wake(): void {
    for (let free = this.limit - this.#running; free > 0 && this.#waiting.length > 0; free--) {
      this.#waiting.shift()!();
    }
  }

  #grow(headers: Headers): void {
    // Only a limit that was in use says that more would do.
    if (this.#running >= this.limit) this.#limit = Math.min(this.#most, this.#limit + 1 / this.#limit);
    const { requests, fullUntil } = remainingOf(headers, this.#clock.now());
    if (requests !== null) this.#limit = Math.min(this.#limit, Math.max(1, requests));
    if (fullUntil !== null) this.#close(fullUntil);
    this.#wake();
  }

  #shrink(order: number, headers: Headers | undefined): void {
    const now = this.#clock.now();
    const wait = retryAfter(headers, now);
    if (wait !== null) this.#close(now + wait);
    if (order < this.#counted) return; // sent before the limit was halved: the same overload
    this.#counted = this.#started;
    this.#limit = Math.max(1, this.#limit / 2);
  }

  #close(until: number): void {
    this.#closedUntil = Math.max(this.#closedUntil, until);
  }
}
