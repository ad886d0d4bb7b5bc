import assert from "node:assert/strict";
import { type Clock, Concurrency, type Slot } from "./_concurrency.ts";
import { remainingOf, retryAfter } from "./_limits.ts";

/** A clock that goes on when somebody sleeps. */
function clockAt(start = 0): Clock & { readonly slept: number[] } {
  let time = start;
  const slept: number[] = [];
  const sleep = (ms: number): Promise<void> => {
    slept.push(ms);
    time += ms;
    return Promise.resolve();
  };
  return { now: () => time, sleep, slept };
}

const plain = new Headers();

async function take(concurrency: Concurrency, count: number): Promise<Slot[]> {
  return await Promise.all(Array.from({ length: count }, () => concurrency.acquire()));
}

/** One full round: as many requests as may run, all of which end the same way. */
async function round(concurrency: Concurrency, end: (slot: Slot) => void): Promise<void> {
  const slots = await take(concurrency, concurrency.limit);
  slots.forEach(end);
  for (const slot of slots) slot.release();
}

Deno.test("Concurrency grows by one a round of successes and stops at its most", async () => {
  const concurrency = new Concurrency(10, clockAt());
  const limits = [concurrency.limit];
  for (let n = 0; n < 5; n++) {
    await round(concurrency, (slot) => slot.succeeded(plain));
    limits.push(concurrency.limit);
  }
  assert.deepEqual(limits, [8, 8, 9, 10, 10, 10]);
});

Deno.test("Concurrency does not grow while it is not used", async () => {
  const concurrency = new Concurrency(64, clockAt());
  for (let n = 0; n < 100; n++) {
    const [slot] = await take(concurrency, 1);
    slot!.succeeded(plain);
    slot!.release();
  }
  assert.equal(concurrency.limit, 8);
});

Deno.test("Concurrency halves once for all requests of one overload, and never below one", async () => {
  const concurrency = new Concurrency(8, clockAt());
  const limits: number[] = [];
  for (let n = 0; n < 5; n++) {
    await round(concurrency, (slot) => slot.overloaded(undefined));
    limits.push(concurrency.limit);
  }
  assert.deepEqual(limits, [4, 2, 1, 1, 1]);
});

Deno.test("Concurrency lets nobody in before the time that an overload named", async () => {
  const clock = clockAt();
  const concurrency = new Concurrency(8, clock);
  const [slot] = await take(concurrency, 1);
  slot!.overloaded(new Headers({ "retry-after": "3" }));
  slot!.release();
  await take(concurrency, 1);
  assert.deepEqual(clock.slept, [3000]);
});

Deno.test("Concurrency runs no more than what the headers say is left, and waits for the reset when that is nothing", async () => {
  const clock = clockAt();
  const concurrency = new Concurrency(8, clock);
  const [slot] = await take(concurrency, 1);
  slot!.succeeded(new Headers({ "x-ratelimit-remaining-requests": "2", "x-ratelimit-reset-requests": "1s" }));
  assert.equal(concurrency.limit, 2);
  slot!.succeeded(new Headers({ "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m2.5s" }));
  slot!.release();
  await take(concurrency, 1);
  assert.deepEqual(clock.slept, [62_500]);
});

Deno.test("Concurrency lets the next in when a place is free, in order, and forgets who gave up", async () => {
  const concurrency = new Concurrency(1, clockAt());
  const [first] = await take(concurrency, 1);
  const order: string[] = [];
  const controller = new AbortController();
  const quitter = concurrency.acquire(controller.signal).catch((thrown) => thrown);
  const second = concurrency.acquire().then((slot) => (order.push("second"), slot));
  const third = concurrency.acquire().then((slot) => (order.push("third"), slot));
  controller.abort(new Error("enough"));
  assert.equal((await quitter).message, "enough");
  first!.release();
  first!.release(); // gives back one place alone
  (await second).release();
  (await third).release();
  assert.deepEqual(order, ["second", "third"]);
});

Deno.test("remainingOf() reads both services' headers", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const cases: [Record<string, string>, object][] = [
    [{}, { requests: null, fullUntil: null }],
    [{ "x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "1s" }, {
      requests: 5,
      fullUntil: null,
    }],
    [{ "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s" }, {
      requests: 0,
      fullUntil: now + 360_000,
    }],
    [{ "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms" }, {
      requests: null,
      fullUntil: now + 20,
    }],
    [{ "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "2" }, {
      requests: null,
      fullUntil: now + 2000,
    }],
    [
      {
        "anthropic-ratelimit-requests-remaining": "3",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": "2026-01-01T00:00:05Z",
      },
      { requests: 3, fullUntil: now + 5000 },
    ],
    [{ "x-ratelimit-remaining-requests": "many" }, { requests: null, fullUntil: null }],
    [{ "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "soon" }, {
      requests: 0,
      fullUntil: null,
    }],
  ];
  for (const [headers, expected] of cases) assert.deepEqual(remainingOf(new Headers(headers), now), expected);
});

Deno.test("retryAfter() reads milliseconds, seconds and dates", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const cases: [Record<string, string>, number | null][] = [
    [{}, null],
    [{ "retry-after": "2" }, 2000],
    [{ "retry-after": "2", "retry-after-ms": "30" }, 30],
    [{ "retry-after": "Thu, 01 Jan 2026 00:00:04 GMT" }, 4000],
    [{ "retry-after": "Wed, 31 Dec 2025 00:00:00 GMT" }, 0],
    [{ "retry-after": "soon" }, null],
  ];
  for (const [headers, expected] of cases) assert.equal(retryAfter(new Headers(headers), now), expected);
  assert.equal(retryAfter(undefined, now), null);
});
