/**
 * Requests to a model hub: redirects followed by hand, so that the token goes to the hub alone, and what may pass by
 * itself told apart from what will not.
 *
 * @module
 */
import { GymError, messageOf } from "../../core/errors.ts";

/** Fetches like the global function. */
export type Fetch = (url: URL, init: RequestInit) => Promise<Response>;

/** A failure that may pass: the request is worth repeating. */
export class Transient extends Error {
  /** Milliseconds that the server asks to wait; null when it does not say. */
  readonly afterMs: number | null;
  constructor(message: string, afterMs: number | null = null, options?: ErrorOptions) {
    super(message, options);
    this.afterMs = afterMs;
  }
}

/** What a request brought. */
export interface HubAnswer {
  readonly response: Response;
  /** SHA-256 of the file in hexadecimal, when the hub told. */
  readonly sha256: string | null;
}

/** Who is asked, and as whom. */
export interface HubClientOptions {
  readonly endpoint: string;
  readonly token?: string | undefined;
  readonly fetch: Fetch;
  readonly signal?: AbortSignal | undefined;
}

const MAX_REDIRECTS = 5;

/** Asks one hub. */
export class HubClient {
  readonly #endpoint: URL;
  readonly #options: HubClientOptions;

  constructor(options: HubClientOptions) {
    this.#endpoint = new URL(`${options.endpoint.replace(/\/+$/, "")}/`);
    this.#options = options;
  }

  /**
   * One GET.
   *
   * @param path Below the endpoint, encoded.
   * @throws {Transient} When it is worth repeating. @throws {GymError} `FILE_ACCESS` or `PERMISSION` when it is not.
   */
  async get(path: string, headers: Record<string, string> = {}, signal?: AbortSignal): Promise<HubAnswer> {
    let url = new URL(path, this.#endpoint);
    let sha256: string | null = null;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const response = await this.#request(url, headers, signal);
      sha256 ??= linkedHash(response);
      const target = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || target === null) {
        await refuseFailure(response, url);
        return { response, sha256 };
      }
      await response.body?.cancel();
      const next = new URL(target, url);
      if (next.protocol !== "https:" && next.protocol !== this.#endpoint.protocol) {
        throw failure(`Cannot download ${url}: wanted a redirect to https: received ${next.protocol}`, url);
      }
      url = next;
    }
    throw failure(`Cannot download ${url}: wanted at most ${MAX_REDIRECTS} redirects`, url);
  }

  async #request(url: URL, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> {
    const { token, fetch } = this.#options;
    const own = url.origin === this.#endpoint.origin;
    const signals = [this.#options.signal, signal].filter((one) => one !== undefined);
    try {
      return await fetch(url, {
        redirect: "manual",
        signal: AbortSignal.any(signals),
        headers: {
          "accept-encoding": "identity", // ranges count the bytes of the file
          ...headers,
          ...(own && token !== undefined && { authorization: `Bearer ${token}` }),
        },
      });
    } catch (thrown) {
      this.#options.signal?.throwIfAborted();
      if (thrown instanceof Deno.errors.NotCapable) {
        const flag = `--allow-net=${url.host}`;
        throw new GymError("PERMISSION", `Cannot reach ${url.origin}: wanted permission ${flag}`, { flag });
      }
      throw new Transient(reasonOf(thrown));
    }
  }
}

/** A failed fetch says why in its cause. */
function reasonOf(thrown: unknown): string {
  return thrown instanceof Error && thrown.cause instanceof Error
    ? messageOf(thrown.cause)
    : messageOf(thrown);
}

/** The error for a hub that cannot be reached. */
export function unreachable(endpoint: string, thrown: Error): GymError {
  return new GymError(
    "FILE_ACCESS",
    `Cannot reach ${endpoint}: ${thrown.message}: put the model's folder there by hand`,
    { endpoint },
    { cause: thrown },
  );
}

/** `x-linked-etag` of the hub's first answer is the SHA-256 of a file that is kept outside git. */
function linkedHash(response: Response): string | null {
  return /^(?:W\/)?"?([0-9a-f]{64})"?$/.exec(response.headers.get("x-linked-etag") ?? "")?.[1] ?? null;
}

/** What a status means that repeating will not change. */
const REASONS: Readonly<Record<number, string>> = {
  401: "it does not exist, or it needs a token that may read it (HF_TOKEN)",
  403: "the token may not read it; the model's page tells whom to ask",
  404: "there is no such model, revision or file",
};

async function refuseFailure(response: Response, url: URL): Promise<void> {
  const { status } = response;
  if (response.ok || status === 416) return;
  await response.body?.cancel();
  if (status === 408 || status === 429 || status >= 500) {
    const seconds = Number(response.headers.get("retry-after") ?? NaN);
    throw new Transient(`received status ${status}`, Number.isFinite(seconds) ? seconds * 1000 : null);
  }
  const reason = REASONS[status];
  const link = `${url.origin}${url.pathname}`; // a signed query is a secret
  throw failure(
    `Cannot download ${link}: received status ${status}${reason ? `: ${reason}` : ""}`,
    url,
    status,
  );
}

function failure(message: string, url: URL, status?: number): GymError {
  return new GymError("FILE_ACCESS", message, {
    url: `${url.origin}${url.pathname}`,
    ...(status !== undefined && { status }),
  });
}
