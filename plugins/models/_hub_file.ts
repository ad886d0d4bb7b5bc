/**
 * One file from a hub to disk: into `‹file›.part`, resumed where it stopped, checked, renamed.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { dirname } from "node:path";
import { GymError } from "../../core/errors.ts";
import { onFile } from "../files/file_error.ts";
import { type HubClient, Transient } from "./_hub_client.ts";

/** A file that the hub lists. */
export interface HubFile {
  /** Path in the repository. */
  readonly path: string;
  /** Bytes; null when the hub does not say. */
  readonly bytes: number | null;
  /** SHA-256 in hexadecimal, of files kept outside git. */
  readonly sha256: string | null;
  /** Git's own hash, of the others. */
  readonly gitHash: string | null;
}

/** How one is fetched. */
export interface FetchFileOptions {
  readonly client: HubClient;
  /** Path below the endpoint, encoded. */
  readonly url: string;
  /** Where it goes. */
  readonly target: string;
  readonly file: HubFile;
  /** Milliseconds without a byte after which a connection is given up. */
  readonly stallMs: number;
  /** Called with the number of bytes that are there. */
  readonly onBytes: (received: number) => void;
}

/** Whether `path` holds the whole file already. Without a hash to compare it is taken for not there. */
export async function isWhole(path: string, file: HubFile): Promise<boolean> {
  const size = await sizeOf(path);
  if (size === null || (file.bytes !== null && size !== file.bytes)) return false;
  const check = checkOf(file, size);
  if (check === null) return false;
  await feed(path, check.hash);
  return check.hash.digest("hex") === check.wanted;
}

/**
 * One attempt. What it got stays in the part file for the next one.
 *
 * @throws {Transient} When it is worth repeating. @throws {GymError} Otherwise.
 */
export async function fetchFile(options: FetchFileOptions): Promise<void> {
  const { client, url, target, file, stallMs, onBytes } = options;
  const part = `${target}.part`;
  const known = file.sha256 !== null || file.gitHash !== null; // else nothing would tell a wrong beginning
  const start = known ? await sizeOf(part) ?? 0 : 0;
  const stall = new Stall(stallMs);
  try {
    const { response, sha256 } = await client.get(
      url,
      start > 0 ? { range: `bytes=${start}-` } : {},
      stall.signal,
    );
    const range = response.status === 206 ? rangeStart(response) : response.status === 416 ? null : 0;
    if (range !== null && range !== 0 && range !== start) throw new Transient(`received bytes from ${range}`);
    if (range === null) await response.body?.cancel();
    else await append(part, response, range, stall, onBytes);
    await accept({ ...file, sha256: file.sha256 ?? sha256 }, part, target, start > 0);
  } finally {
    stall.end();
  }
}

async function append(
  part: string,
  response: Response,
  start: number,
  stall: Stall,
  onBytes: (received: number) => void,
): Promise<void> {
  await onFile("write", part, () => Deno.mkdir(dirname(part), { recursive: true }));
  using out = await onFile("write", part, () => Deno.open(part, { write: true, create: true }));
  await onFile("write", part, async () => {
    await out.truncate(start);
    await out.seek(start, Deno.SeekMode.Start);
  });
  let received = start;
  const reader = (response.body ?? new Blob([]).stream()).getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read().catch((thrown) => {
        throw new Transient(`the connection broke after ${received} bytes`, null, { cause: thrown });
      });
      if (done) break;
      stall.beat();
      await onFile("write", part, async () => {
        for (let at = 0; at < value.length;) at += await out.write(value.subarray(at));
      });
      received += value.length;
      onBytes(received);
    }
  } finally {
    await reader.cancel().catch(() => {}); // it broke, or a write failed: nobody reads on
  }
  await onFile("write", part, () => out.sync());
}

/** Checks the part file and puts it in its place; a wrong one is removed. */
async function accept(file: HubFile, part: string, target: string, resumed: boolean): Promise<void> {
  const size = await sizeOf(part) ?? 0;
  if (file.bytes !== null && size < file.bytes) {
    throw new Transient(`received ${size} of ${file.bytes} bytes`);
  }
  const check = checkOf(file, size);
  if (check !== null) await feed(part, check.hash);
  const found = check?.hash.digest("hex");
  const wrong = file.bytes !== null && size > file.bytes
    ? `wanted ${file.bytes} bytes: received ${size}`
    : found !== check?.wanted
    ? `wanted ${check!.name} ${check!.wanted}: received ${found}`
    : null;
  if (wrong === null) return await onFile("write", target, () => Deno.rename(part, target));
  await onFile("write", part, () => Deno.remove(part));
  if (resumed) throw new Transient(wrong); // the beginning may be of another time: once more from the start
  throw new GymError("INVALID_DATA", `Cannot use download of "${file.path}": ${wrong}`, { path: file.path });
}

interface Check {
  readonly name: string;
  readonly hash: Hash;
  readonly wanted: string;
}

function checkOf({ sha256, gitHash }: HubFile, size: number): Check | null {
  if (sha256 !== null) return { name: "SHA-256", hash: createHash("sha256"), wanted: sha256 };
  if (gitHash === null) return null;
  return { name: "git hash", hash: createHash("sha1").update(`blob ${size}\0`), wanted: gitHash };
}

async function feed(path: string, hash: Hash): Promise<void> {
  await onFile("read", path, async () => {
    using file = await Deno.open(path);
    for await (const chunk of file.readable) hash.update(chunk);
  });
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await Deno.stat(path)).size;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return null;
    return await onFile("read", path, () => Promise.reject(thrown));
  }
}

function rangeStart(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1] ?? 0);
}

/** Aborts when nothing beats for a while. */
class Stall {
  readonly #controller = new AbortController();
  readonly #ms: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number) {
    this.#ms = ms;
    this.beat();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  beat(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.#controller.abort(new Transient(`nothing came for ${this.#ms} ms`)),
      this.#ms,
    );
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
