/**
 * Models from the Hugging Face hub, over its HTTP API: the files that a model needs and no others, resumed, checked.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { GymError } from "../../core/errors.ts";
import { onFile } from "../files/file_error.ts";
import { refuseContents } from "./_atomic_folder.ts";
import { type Fetch, HubClient, Transient, unreachable } from "./_hub_client.ts";
import { fetchFile, type HubFile, isWhole } from "./_hub_file.ts";

export type { Fetch } from "./_hub_client.ts";

/** How far a download is. */
export interface DownloadProgress {
  /** The file that is being fetched. */
  readonly file: string;
  /** Bytes of it that are there. */
  readonly received: number;
  /** Bytes of it; null when the hub does not say. */
  readonly bytes: number | null;
}

/** What {@linkcode downloadModel} takes. */
export interface DownloadOptions {
  /** Folder to make. */
  readonly folder: string;
  /** Branch, tag or commit. @default "main" */
  readonly revision?: string;
  /** Address of the hub. @default "https://huggingface.co" */
  readonly endpoint?: string;
  /** For models that are not public. Sent to the endpoint alone. */
  readonly token?: string;
  /** Which files of the repository are wanted. @default {@linkcode isModelFile} */
  readonly wants?: (path: string) => boolean;
  /** How requests are made. @default The global function */
  readonly fetch?: Fetch;
  /** Called as bytes come in. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Stops it; what was fetched stays for the next time. */
  readonly signal?: AbortSignal;
  /** Milliseconds without a byte after which a connection is given up. @default 60000 */
  readonly stallMs?: number;
  /** Waits between attempts. @default By the clock */
  readonly sleep?: (ms: number) => Promise<void>;
}

/** What was downloaded. */
export interface DownloadedModel {
  /** Name on the hub. */
  readonly id: string;
  /** The commit that the revision meant. */
  readonly commit: string;
  /** Absolute path. */
  readonly folder: string;
  /** Paths in the folder, with their sizes. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
}

/** Attempts without a byte of progress. Who asks for the list of files first may simply be offline. */
const ATTEMPTS = { list: 3, file: 5 };

const WANTED: readonly RegExp[] = [
  /^(generation_|adapter_)?config\.json$/,
  /^(tokenizer.*|special_tokens_map|added_tokens|vocab|chat_template)\.json$/,
  /^(tokenizer\.model|merges\.txt|chat_template\.jinja)$/,
  /^(model(-\d+-of-\d+)?|adapter_model)\.safetensors$/,
  /^model\.safetensors\.index\.json$/,
];

/** Whether a file of a repository is needed to train or run its model. */
export function isModelFile(path: string): boolean {
  return WANTED.some((pattern) => pattern.test(path));
}

/**
 * Downloads a model or adapter. The folder appears when all of it is there; until then `‹folder›.part` keeps what was
 * fetched, and calling again goes on from there.
 *
 * @param id Name on the hub: `Qwen/Qwen2.5-0.5B-Instruct`.
 * @throws {GymError} `FILE_ACCESS` when the hub cannot be reached, refuses, or the disk does; `INVALID_DATA` when what
 * came is not what the hub promised; `INVALID_OPTIONS` for an id that cannot be one.
 */
export async function downloadModel(id: string, options: DownloadOptions): Promise<DownloadedModel> {
  const { endpoint = "https://huggingface.co", wants = isModelFile, stallMs = 60_000 } = options;
  checkId(id);
  const folder = resolve(options.folder);
  await refuseContents(folder);
  const { fetch = globalThis.fetch, token, signal } = options;
  const client = new HubClient({ endpoint, token, signal, fetch });
  const waiting: Waiting = { sleep: options.sleep ?? sleeper(signal), signal };
  const { commit, files } = await listing(client, id, options.revision ?? "main", {
    endpoint,
    waiting,
    stallMs,
  });
  const wanted = files.filter(({ path }) => wants(path));
  checkWanted(id, wanted, files);
  const part = `${folder}.part`;
  for (const file of wanted) {
    const target = join(part, file.path);
    if (await isWhole(target, file)) continue;
    const url = `${id}/resolve/${commit}/${file.path.split("/").map(encodeURIComponent).join("/")}`;
    await persist(waiting, ATTEMPTS.file, endpoint, (progressed) => {
      const onBytes = (received: number): void => {
        progressed();
        options.onProgress?.({ file: file.path, received, bytes: file.bytes });
      };
      return fetchFile({ client, url, target, file, stallMs, onBytes });
    });
  }
  await removeOthers(part, wanted);
  await onFile("write", folder, () => Deno.rename(part, folder));
  return { id, commit, folder, files: await Promise.all(wanted.map(({ path }) => sized(folder, path))) };
}

function checkId(id: string): void {
  if (/^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/.test(id)) return;
  throw new GymError(
    "INVALID_OPTIONS",
    `Cannot download model "${id}": wanted owner/name as the hub shows it`,
    { id },
  );
}

interface Waiting {
  readonly sleep: (ms: number) => Promise<void>;
  readonly signal: AbortSignal | undefined;
}

async function listing(
  client: HubClient,
  id: string,
  revision: string,
  { endpoint, waiting, stallMs }: {
    readonly endpoint: string;
    readonly waiting: Waiting;
    readonly stallMs: number;
  },
): Promise<{ commit: string; files: HubFile[] }> {
  const path = `api/models/${id}/revision/${encodeURIComponent(revision)}`;
  const text = await persist(waiting, ATTEMPTS.list, endpoint, async () => {
    const { response } = await client.get(`${path}?blobs=true`, {}, AbortSignal.timeout(stallMs));
    return await response.text().catch((thrown) => {
      throw new Transient(String(thrown));
    });
  });
  let value: { sha?: unknown; siblings?: unknown };
  try {
    value = JSON.parse(text);
  } catch {
    value = {};
  }
  const { sha, siblings } = value ?? {};
  if (typeof sha !== "string" || !/^[\w.-]+$/.test(sha) || !Array.isArray(siblings)) {
    throw new GymError(
      "INVALID_DATA",
      `Cannot read what ${endpoint} says of "${id}": wanted JSON with sha and siblings`,
      { id, endpoint },
    );
  }
  return { commit: sha, files: siblings.map((sibling) => hubFile(id, sibling)) };
}

function hubFile(id: string, sibling: unknown): HubFile {
  const { rfilename: path, size, blobId, lfs } = (sibling ?? {}) as Record<string, unknown>;
  const sha256 = (lfs as { sha256?: unknown } | null | undefined)?.sha256;
  if (typeof path !== "string" || !isPlainPath(path)) {
    throw new GymError(
      "INVALID_DATA",
      `Cannot download model "${id}": wanted file names that stay in its folder: received ${
        JSON.stringify(path)
      }`,
      { id },
    );
  }
  const isHash = (value: unknown, digits: number): value is string =>
    typeof value === "string" && value.length === digits && /^[0-9a-f]+$/.test(value);
  return {
    path,
    bytes: Number.isSafeInteger(size) ? size as number : null,
    sha256: isHash(sha256, 64) ? sha256 : null,
    // Of a file kept outside git, git's hash is that of a pointer.
    gitHash: lfs === undefined || lfs === null ? (isHash(blobId, 40) ? blobId : null) : null,
  };
}

function isPlainPath(path: string): boolean {
  if (/[\\\0]|^[A-Za-z]:/.test(path)) return false;
  return path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

function checkWanted(id: string, wanted: readonly HubFile[], all: readonly HubFile[]): void {
  if (wanted.some(({ path }) => path.endsWith(".safetensors"))) return;
  const weights = all.map(({ path }) => path).filter((path) => /\.(bin|pt|pth|gguf|h5|msgpack)$/.test(path));
  throw new GymError(
    "INVALID_DATA",
    `Cannot download model "${id}": wanted weights in safetensors: received ${weights.join(", ") || "none"}`,
    { id },
  );
}

/** Repeats what may pass, until nothing new came so many times. */
async function persist<T>(
  { sleep, signal }: Waiting,
  attempts: number,
  endpoint: string,
  attempt: (progressed: () => void) => Promise<T>,
): Promise<T> {
  let failures = 0;
  for (;;) {
    try {
      return await attempt(() => void (failures = 0));
    } catch (thrown) {
      signal?.throwIfAborted();
      if (!(thrown instanceof Transient)) throw thrown;
      if (++failures >= attempts) throw unreachable(endpoint, thrown);
      await sleep(Math.min(thrown.afterMs ?? 1000 * 2 ** (failures - 1), 60_000));
      signal?.throwIfAborted();
    }
  }
}

/** Waits by the clock, and stops waiting when it is told to. */
function sleeper(signal: AbortSignal | undefined): (ms: number) => Promise<void> {
  return (ms) =>
    new Promise((wake) => {
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        wake();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done);
    });
}

/** What an earlier attempt fetched of another revision does not belong to this one. */
async function removeOthers(folder: string, wanted: readonly HubFile[]): Promise<void> {
  const roots = new Set(wanted.map(({ path }) => path.split("/")[0]));
  await onFile("write", folder, async () => {
    for await (const { name } of Deno.readDir(folder)) {
      if (!roots.has(name)) await Deno.remove(join(folder, name), { recursive: true });
    }
  });
}

async function sized(folder: string, path: string): Promise<{ path: string; bytes: number }> {
  const { size } = await onFile("read", path, () => Deno.stat(join(folder, path)));
  return { path, bytes: size };
}
