/**
 * What services say about their limits, in headers.
 *
 * @module
 */

/** What is left, as far as it is told. */
export interface Remaining {
  /** Requests that are left until the reset. */
  readonly requests: number | null;
  /** When there will be room again, in milliseconds since 1970; null while there is room. */
  readonly fullUntil: number | null;
}

/** Of each limit the headers with what is left and when it is reset. */
const LIMITS: readonly {
  readonly what: "requests" | "tokens";
  readonly left: string;
  readonly reset: string;
}[] = [
  ...(["requests", "tokens"] as const).map((what) => ({
    what,
    left: `x-ratelimit-remaining-${what}`,
    reset: `x-ratelimit-reset-${what}`,
  })),
  ...(["requests", "tokens", "input-tokens", "output-tokens"] as const).map((name) => ({
    what: name === "requests" ? name : "tokens" as const,
    left: `anthropic-ratelimit-${name}-remaining`,
    reset: `anthropic-ratelimit-${name}-reset`,
  })),
];

/** What the headers say is left. */
export function remainingOf(headers: Headers, now: number): Remaining {
  let requests: number | null = null;
  let fullUntil: number | null = null;
  for (const { what, left, reset } of LIMITS) {
    const text = headers.get(left);
    const value = Number(text);
    if (text === null || text.trim() === "" || !Number.isFinite(value)) continue;
    if (what === "requests") requests = Math.min(requests ?? Infinity, value);
    const until = value > 0 ? null : resetTime(headers.get(reset), now);
    if (until !== null) fullUntil = Math.max(fullUntil ?? 0, until);
  }
  return { requests, fullUntil };
}

/** How long to wait before the next attempt, in milliseconds; null when the service does not say. */
export function retryAfter(headers: Headers | undefined, now: number): number | null {
  const precise = Number(headers?.get("retry-after-ms") ?? NaN);
  if (precise >= 0) return precise;
  const text = headers?.get("retry-after") ?? null;
  if (text === null || text.trim() === "") return null;
  const seconds = Number(text);
  if (seconds >= 0) return seconds * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(date - now, 0);
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `6m0s`, `20ms`, seconds, or a time in RFC 3339. */
function resetTime(text: string | null, now: number): number | null {
  if (text === null) return null;
  if (/^([\d.]+(ms|s|m|h|d))+$/.test(text)) {
    const parts = text.matchAll(/([\d.]+)(ms|s|m|h|d)/g);
    return now + parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!, 0);
  }
  if (/^[\d.]+$/.test(text)) return now + Number(text) * 1000;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : time;
}
