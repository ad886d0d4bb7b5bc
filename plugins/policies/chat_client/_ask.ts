/**
 * Asks a service until there is a whole answer: from the cache, or within the budget, at a place among the requests that
 * run, again after faults that may pass.
 *
 * @module
 */
import { abortable } from "../../../core/abortable.ts";
import { GymError } from "../../../core/errors.ts";
import type { Prng } from "../../../core/prng.ts";
import type { Json } from "../../../core/schema.ts";
import type { Budget, Spent } from "./_budget.ts";
import type { Clock, Concurrency } from "./_concurrency.ts";
import { retryAfter } from "./_limits.ts";
import { cacheFile, keepReply, readReply } from "./_reply_cache.ts";
import { type Answer, type ChatService, faultOf, type Reply, type ServiceFault } from "./_service.ts";

/** What the policies of one account share. */
export interface Account {
  readonly service: ChatService;
  readonly concurrency: Concurrency;
  readonly budget: Budget;
  readonly clock: Clock;
  /** Takes the key out of a text. */
  readonly redact: (text: string) => string;
}

/** How to ask. */
export interface AskOptions {
  readonly timeoutMs: number;
  readonly retries: number;
  readonly maxWaitMs: number;
  readonly maxNewTokens: number;
  readonly cache?: string | undefined;
  /** What beside the request tells one reply from another, for the cache: address and seed. */
  readonly identity: { readonly [key: string]: Json };
  /** Spreads the waits of many. */
  readonly prng: Prng;
  readonly signal?: AbortSignal | undefined;
}

/** A reply and how it came. */
export interface Asked {
  readonly reply: Reply;
  /** 0 when it came from the cache. */
  readonly attempts: number;
}

/** @throws {GymError} `LIMIT_EXCEEDED` or `SERVICE_FAILED`. @throws The signal's reason. */
export async function ask(
  account: Account,
  request: { readonly [key: string]: Json },
  options: AskOptions,
): Promise<Asked> {
  const { cache } = options;
  if (cache === undefined) return await paid(account, request, options);
  const asked = { ...options.identity, request };
  const file = cacheFile(cache, asked);
  for (;;) {
    const kept = await readReply(cache, asked);
    if (kept !== null) return { reply: kept, attempts: 0 };
    const same = asking.get(file);
    if (same === undefined) break;
    await abortable(same, options.signal); // and look again: it may have failed
  }
  const answered = paid(account, request, options).then(async (came) => {
    await keepReply(cache, asked, came.reply);
    return came;
  });
  asking.set(file, answered.then(() => {}, () => {}).finally(() => asking.delete(file)));
  return await answered;
}

/** What is being asked for a cache, by the file that will hold the reply. */
const asking = new Map<string, Promise<void>>();

/** Asks within the budget. */
async function paid(
  account: Account,
  request: { readonly [key: string]: Json },
  options: AskOptions,
): Promise<Asked> {
  const { signal, maxNewTokens } = options;
  const most = { promptTokens: estimate(request), completionTokens: maxNewTokens };
  const settle = await account.budget.reserve(most);
  let spent: Spent | null = null;
  try {
    signal?.throwIfAborted();
    const { reply, attempts } = await persist(account, request, options);
    spent = {
      promptTokens: reply.promptTokens ?? most.promptTokens,
      completionTokens: reply.completionTokens ?? estimate(reply),
    };
    return { reply, attempts };
  } finally {
    settle(spent);
  }
}

/** Tokens of a text, roughly: four characters each. */
function estimate(value: Json): number {
  return Math.ceil(JSON.stringify(value).length / 4);
}

async function persist(
  account: Account,
  request: { readonly [key: string]: Json },
  options: AskOptions,
): Promise<Asked> {
  const { clock, service } = account;
  for (let attempts = 1;; attempts++) {
    const came = await attempt(account, request, options);
    if ("reply" in came) return { reply: came.reply, attempts };
    const wait = retryAfter(came.facts.headers, clock.now()) ?? backoff(attempts, options.prng);
    if (!came.facts.again || attempts > options.retries || wait > options.maxWaitMs) {
      const { status } = came.facts;
      throw new GymError(
        "SERVICE_FAILED",
        `Cannot ask ${service.name} for "${request["model"]}": ${account.redact(came.message)}${
          wait > options.maxWaitMs && came.facts.again ? `, to be asked again in ${wait} ms` : ""
        }${attempts > 1 ? ` (attempt ${attempts})` : ""}`,
        { service: service.name, status: status ?? null, attempts },
      );
    }
    await clock.sleep(wait, options.signal);
  }
}

/** Half a second, doubled each time up to half a minute, of which chance takes up to half. */
function backoff(attempts: number, prng: Prng): number {
  return Math.min(500 * 2 ** (attempts - 1), 30_000) * (1 - prng() / 2);
}

async function attempt(
  { service, concurrency }: Account,
  request: { readonly [key: string]: Json },
  { timeoutMs, signal }: AskOptions,
): Promise<Answer | ServiceFault> {
  const slot = await concurrency.acquire(signal);
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), timeoutMs);
  const either = signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, signal]);
  try {
    const answer = await service.send(request, either);
    slot.succeeded(answer.headers);
    return answer;
  } catch (thrown) {
    signal?.throwIfAborted();
    const fault = faultOf(
      deadline.signal.aborted ? { message: `wanted a whole answer in ${timeoutMs} ms` } : thrown,
    );
    if (fault.overloaded) slot.overloaded(fault.facts.headers);
    return fault;
  } finally {
    clearTimeout(timer);
    slot.release();
  }
}
