/**
 * An OpenAI-compatible endpoint on a local model, as a function from requests to responses.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { abortable } from "../../../core/abortable.ts";
import { messageOf } from "../../../core/errors.ts";
import type { Prng } from "../../../core/prng.ts";
import type { ChatModel } from "../../models/generation/acting_model.ts";
import { complete, type Completion } from "./completion.ts";
import { Failure } from "./failure.ts";
import { type ChatRequest, parseRequest } from "./request.ts";
import type { Visible } from "./visible.ts";

/** What {@linkcode createHandler} takes. */
export interface HandlerOptions {
  readonly model: ChatModel;
  /** Name of the model for clients. */
  readonly name: string;
  /** Names of its adapters for clients; each is one of the generator's. @default none */
  readonly adapters?: readonly string[];
  /** What clients must show; null for nothing. */
  readonly token: string | null;
  /** Names that requests may be addressed to, against pages that point a name of their own here; null for any. */
  readonly hosts: ReadonlySet<string> | null;
  /** Largest body in bytes. */
  readonly maxBody: number;
  /** Milliseconds in which a body must have come, so that slow clients hold no places. */
  readonly bodyMs: number;
  /** Most answers at once; further requests are told to come again. */
  readonly maxConcurrent: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Draws seeds for requests without one. */
  readonly prng: Prng;
  /** Aborted when no more requests are taken. */
  readonly stopping: AbortSignal;
  /** Aborted when answers that are being written must end. */
  readonly ended: AbortSignal;
}

/** Answers a request. It never throws. */
export type Handler = (request: Request) => Promise<Response>;

/** Makes the endpoint. */
export function createHandler(options: HandlerOptions): Handler {
  const endpoint = new Endpoint(options);
  return async (request) => {
    try {
      return await endpoint.answer(request);
    } catch (thrown) {
      return failureOf(thrown).response();
    }
  };
}

function failureOf(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  return new Failure(500, messageOf(thrown), { type: "server_error" });
}

class Endpoint {
  readonly #options: HandlerOptions;
  readonly #created: number;
  #running = 0;
  #served = 0;

  constructor(options: HandlerOptions) {
    this.#options = options;
    this.#created = Math.floor(options.now() / 1000);
  }

  async answer(request: Request): Promise<Response> {
    const { pathname, hostname } = new URL(request.url);
    const { hosts } = this.#options;
    if (hosts !== null && !hosts.has(hostname)) {
      throw new Failure(403, `Cannot serve host "${hostname}": wanted one of ${[...hosts].join(", ")}`);
    }
    const routes = ROUTES[pathname];
    if (routes === undefined) throw new Failure(404, `Cannot find ${pathname}`, { code: "not_found" });
    const [method, open, run] = routes;
    if (request.method !== method) {
      throw new Failure(405, `Cannot ${request.method} ${pathname}: wanted ${method}`, {
        headers: { allow: method },
      });
    }
    if (!open) this.#authorize(request);
    return await run(this, request);
  }

  health(): Response {
    return Response.json({
      status: this.#options.stopping.aborted ? "stopping" : "ok",
      running: this.#running,
    });
  }

  models(): Response {
    const data = this.#names.map((id) => ({
      id,
      object: "model",
      created: this.#created,
      owned_by: "local",
    }));
    return Response.json({ object: "list", data });
  }

  /** What a request may ask for: the model, or one of its adapters. */
  get #names(): readonly string[] {
    return [this.#options.name, ...this.#options.adapters ?? []];
  }

  async chat(request: Request): Promise<Response> {
    // A page of another origin may send forms and plain text unasked, but not JSON.
    if (!/^application\/json\b/i.test(request.headers.get("content-type") ?? "")) {
      throw new Failure(415, "Cannot read request: wanted content-type application/json");
    }
    const { maxConcurrent, stopping } = this.#options;
    if (stopping.aborted) throw busy(503, "the server is stopping", 10);
    if (this.#running >= maxConcurrent) throw busy(429, `${maxConcurrent} answers are being written`, 1);
    this.#running++;
    let left = false;
    const leave = (): void => {
      if (!left) this.#running--;
      left = true;
    };
    try {
      const asked = parseRequest(await bodyOf(request, this.#options));
      if (!this.#names.includes(asked.model)) {
        const known = this.#names.map((name) => `"${name}"`).join(", ");
        throw new Failure(404, `Cannot find model "${asked.model}": there is ${known}`, {
          code: "model_not_found",
          param: "model",
        });
      }
      return await this.#complete(request, asked, leave);
    } catch (thrown) {
      leave();
      throw thrown;
    }
  }

  #authorize(request: Request): void {
    const { token } = this.#options;
    if (token === null) return;
    const shown = /^Bearer (.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
    const digest = (text: string): Uint8Array => createHash("sha256").update(text).digest();
    if (timingSafeEqual(digest(shown), digest(token))) return; // digests, so that lengths are equal and tell nothing
    throw new Failure(401, "Cannot let this request in: wanted the token as Authorization: Bearer", {
      code: "invalid_api_key",
      headers: { "www-authenticate": "Bearer" },
    });
  }

  async #complete(request: Request, asked: ChatRequest, leave: () => void): Promise<Response> {
    const { name, prng, ended, now } = this.#options;
    const { model: asks } = asked;
    const model = asks === name ? this.#options.model : { ...this.#options.model, adapter: asks };
    const id = `chatcmpl-${(this.#served++).toString(36)}${Math.floor(prng() * 2 ** 32).toString(36)}`;
    const head = { id, created: Math.floor(now() / 1000), model: asks };
    const gone = new AbortController();
    const signal = AbortSignal.any([gone.signal, ended]);
    const seed = asked.seed ?? Math.floor(prng() * 2 ** 32);
    if (!asked.stream) {
      // Listened to only until the answer is there: Deno aborts the signal of a request that was answered as well.
      const leaveEarly = (): void => gone.abort();
      request.signal.addEventListener("abort", leaveEarly);
      if (request.signal.aborted) leaveEarly();
      const done = await complete(model, asked, { seed, signal }).finally(() => {
        request.signal.removeEventListener("abort", leaveEarly);
        leave();
      });
      if (ended.aborted) throw busy(503, "the server is stopping", 10);
      return Response.json(whole(head, done));
    }
    let show: ((seen: Visible) => void) | null = null;
    const completion = complete(model, asked, { seed, signal, onVisible: (seen) => show?.(seen) }).finally(
      leave,
    );
    completion.catch(() => {}); // said in the stream
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const events = new Events(controller, head, asked);
        show = (seen) => events.show(seen);
        completion.then((done) =>
          ended.aborted ? events.fail(busy(503, "the server is stopping", 10)) : events.end(done)
        )
          .catch((thrown) => events.fail(failureOf(thrown)));
      },
      cancel: () => gone.abort(),
    });
    return new Response(body, {
      headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
    });
  }
}

/** Of each path its method, whether it is open to all, and what answers. */
const ROUTES: Readonly<
  Record<
    string,
    readonly ["GET" | "POST", boolean, (endpoint: Endpoint, request: Request) => Response | Promise<Response>]
  >
> = {
  "/health": ["GET", true, (endpoint) => endpoint.health()],
  "/v1/models": ["GET", false, (endpoint) => endpoint.models()],
  "/v1/chat/completions": ["POST", false, (endpoint, request) => endpoint.chat(request)],
};

interface Head {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

function whole(head: Head, { message, finish, logProbs, usage }: Completion): object {
  const choice = { index: 0, message, logprobs: logProbs, finish_reason: finish };
  return { ...head, object: "chat.completion", choices: [choice], usage };
}

/** An answer as events. */
class Events {
  readonly #controller: ReadableStreamDefaultController<Uint8Array>;
  readonly #head: Head;
  readonly #asked: ChatRequest;
  #seen: Visible = { reasoning: "", content: "" };
  #open = true;

  constructor(controller: ReadableStreamDefaultController<Uint8Array>, head: Head, asked: ChatRequest) {
    this.#controller = controller;
    this.#head = head;
    this.#asked = asked;
    this.#delta({ role: "assistant", content: "" });
  }

  show(seen: Visible): void {
    const reasoning = seen.reasoning.slice(this.#seen.reasoning.length);
    const content = seen.content.slice(this.#seen.content.length);
    this.#seen = seen;
    if (reasoning !== "") this.#delta({ reasoning_content: reasoning });
    if (content !== "") this.#delta({ content });
  }

  end({ message, finish, logProbs, usage }: Completion): void {
    const reasoning = message.reasoning_content ?? "";
    const content = message.content ?? "";
    this.show({
      reasoning: reasoning.startsWith(this.#seen.reasoning) ? reasoning : this.#seen.reasoning,
      content: content.startsWith(this.#seen.content) ? content : this.#seen.content,
    });
    const calls = (message.tool_calls ?? []).map((call, index) => ({ index, ...call }));
    if (calls.length > 0) this.#delta({ tool_calls: calls });
    this.#send({ choices: [{ index: 0, delta: {}, logprobs: logProbs, finish_reason: finish }] });
    if (this.#asked.usage) this.#send({ choices: [], usage });
    this.#write("[DONE]");
    this.#close();
  }

  fail(failure: Failure): void {
    this.#write(JSON.stringify(failure.body));
    this.#close();
  }

  #delta(delta: object): void {
    this.#send({ choices: [{ index: 0, delta, finish_reason: null }] });
  }

  #send(fields: object): void {
    this.#write(JSON.stringify({ ...this.#head, object: "chat.completion.chunk", ...fields }));
  }

  #write(data: string): void {
    if (!this.#open) return;
    try {
      this.#controller.enqueue(new TextEncoder().encode(`data: ${data}\n\n`));
    } catch {
      this.#open = false; // the client has gone; the generation is being aborted
    }
  }

  #close(): void {
    if (this.#open) this.#controller.close();
    this.#open = false;
  }
}

function busy(status: 429 | 503, why: string, seconds: number): Failure {
  return new Failure(status, `Cannot answer now: ${why}: try again in ${seconds} s`, {
    type: status === 429 ? "rate_limit_error" : "server_error",
    code: status === 429 ? "rate_limit_exceeded" : "service_unavailable",
    headers: { "retry-after": String(seconds) },
  });
}

/** A body as text, no more of it read and no longer waited for than allowed. */
async function bodyOf(request: Request, { maxBody, bodyMs }: HandlerOptions): Promise<string> {
  const tooLarge = (): Failure =>
    new Failure(413, `Cannot read request: wanted at most ${maxBody} bytes`, { code: "request_too_large" });
  if (Number(request.headers.get("content-length") ?? 0) > maxBody) throw tooLarge();
  const reader = (request.body ?? new Blob([]).stream()).getReader();
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new Failure(408, `Cannot read request: wanted the whole body in ${bodyMs} ms`)),
    bodyMs,
  );
  const decoder = new TextDecoder();
  let [text, size] = ["", 0];
  try {
    for (;;) {
      const { done, value } = await abortable(reader.read(), late.signal);
      if (done) return text + decoder.decode();
      size += value.length;
      if (size > maxBody) throw tooLarge();
      text += decoder.decode(value, { stream: true });
    }
  } catch (thrown) {
    await reader.cancel().catch(() => {}); // the client hears why; what it still sends is dropped
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}
