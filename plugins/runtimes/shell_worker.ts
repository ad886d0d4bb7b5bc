/**
 * One worker of the in-memory shell: started on first use, stopped hard on time-out or abort, started again when next
 * needed.
 *
 * @module
 */
import type { ShellReply, ShellRequest } from "./memory_bash_protocol.ts";

/** Why a command did not finish: `timeout` stopped it, `crash` took the worker with it, `unstarted` had no worker. */
export type ShellStop =
  | { readonly kind: "timeout" }
  | { readonly kind: "crash"; readonly message: string }
  | { readonly kind: "unstarted"; readonly message: string };

/** What came of a request. */
export type ShellOutcome = Extract<ShellReply, { kind: "done" }> | ShellStop;

/** What {@linkcode ShellWorker.run} takes beside the request. */
export interface ShellRunOptions {
  /** The worker is stopped after this. */
  readonly timeoutMs: number;
  /** Aborting stops the worker; `run` rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A worker that is there when needed. Runs one request at a time; the caller queues. */
export class ShellWorker implements Disposable {
  readonly #permissions: "inherit" | "none";
  #worker: Worker | null = null;
  #stop: ((stop: ShellStop) => void) | null = null;

  /** @param permissions `none` needs Deno's flag `--unstable-worker-options`. */
  constructor(permissions: "inherit" | "none") {
    this.#permissions = permissions;
  }

  /** Runs one request. */
  async run(request: ShellRequest, { timeoutMs, signal }: ShellRunOptions): Promise<ShellOutcome> {
    signal?.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const stopped = new Promise<ShellStop>((resolve) => this.#stop = resolve);
      const started = await Promise.race([this.#start(), aborted.promise, stopped]);
      if (!(started instanceof Worker)) {
        return this.#ended({ kind: "unstarted", message: messageOf(started) });
      }
      const done = next(started);
      started.postMessage(request);
      const timedOut = new Promise<ShellStop>((resolve) => {
        timer = setTimeout(() => resolve({ kind: "timeout" }), timeoutMs);
      });
      return this.#ended(await Promise.race([done, timedOut, aborted.promise, stopped]) as ShellOutcome);
    } catch (thrown) {
      this[Symbol.dispose]();
      throw thrown;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      this.#stop = null;
    }
  }

  #ended(outcome: ShellOutcome): ShellOutcome {
    if (outcome.kind !== "done") this[Symbol.dispose]();
    return outcome;
  }

  async #start(): Promise<Worker> {
    if (this.#worker !== null) return this.#worker;
    const options: WorkerOptions & { deno?: { permissions: "none" } } = { type: "module" };
    if (this.#permissions === "none") options.deno = { permissions: "none" };
    const worker = new Worker(new URL("./memory_bash_worker.ts", import.meta.url).href, options);
    this.#worker = worker;
    worker.onerror = (event) => {
      event.preventDefault(); // the crash is a result; unhandled it would end this process
      this.#stop?.({ kind: "crash", message: event.message });
    };
    await next(worker);
    return worker;
  }

  /** Stops the worker; a request that runs ends as a crash. */
  [Symbol.dispose](): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#stop?.({ kind: "crash", message: "the worker was stopped" });
  }
}

function messageOf(stop: ShellStop): string {
  return stop.kind === "timeout" ? "it took too long" : stop.message;
}

function next(worker: Worker): Promise<ShellReply> {
  return new Promise((resolve) => {
    worker.onmessage = (event: MessageEvent<ShellReply>) => resolve(event.data);
  });
}
