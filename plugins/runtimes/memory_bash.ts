/**
 * A shell in memory: bash with the usual text tools (awk, sed, grep, jq, tar, diff …) on files that exist nowhere else.
 * No host file, program or network can be reached, because none is behind it; it runs in a worker so that it can be
 * stopped hard.
 *
 * Time stands still during a command and moves on by one second with the next; randomness is seeded. So the same
 * commands print the same bytes.
 *
 * @module
 */
import { z } from "zod";
import { GymError } from "../../core/errors.ts";
import type { Contribution } from "../../core/kind.ts";
import {
  type ExecOptions,
  type ExecResult,
  type Runtime,
  runtime,
  type WorkspaceEntry,
  type WorkspaceSnapshot,
} from "../../core/runtime.ts";
import type { FileEntry, FileMap } from "./memory_bash_protocol.ts";
import { packFiles, unpackFiles } from "./memory_bash_snapshot.ts";
import { ShellWorker } from "./shell_worker.ts";
import { fileAccess, workspacePath } from "./workspace_path.ts";

const ID = "knowlyr/memory-bash-v1";
const WORKSPACE = "/work";
const KEPT = [WORKSPACE, "/tmp"];
const EPOCH = Date.UTC(2000, 0, 1);

/** Options of {@linkcode memoryBash}. */
export interface MemoryBashOptions {
  /** Time one command has, in milliseconds. @default 30000 */
  readonly timeoutMs?: number | undefined;
  /** Bytes of each output stream that are kept. @default 65536 */
  readonly maxOutputBytes?: number | undefined;
  /** Commands, and turns of loops, that one command line may run. @default 100000 */
  readonly maxCommands?: number | undefined;
  /** Bytes of the largest file, in total 4 times that. @default 16777216 */
  readonly maxFileBytes?: number | undefined;
  /** Seed of `$RANDOM`, `shuf` and the like. @default 0 */
  readonly seed?: number | undefined;
  /**
   * Permissions of the worker. `none` is a second wall behind the first (the shell has no code that reaches the host)
   * and needs `--unstable-worker-options`, or `"unstable": ["worker-options"]` in the deno.json of the program. Deno
   * ends the process when that is missing and cannot be asked beforehand, so it is not the default.
   *
   * @default "inherit"
   */
  readonly workerPermissions?: "inherit" | "none" | undefined;
}

const options: z.ZodType<
  Required<{ [K in keyof MemoryBashOptions]: NonNullable<MemoryBashOptions[K]> }>,
  MemoryBashOptions
> = z
  .strictObject({
    timeoutMs: z.int().min(1).default(30_000).describe("Time one command has, in milliseconds"),
    maxOutputBytes: z.int().min(1).default(65_536).describe("Bytes of each output stream that are kept"),
    maxCommands: z.int().min(1).default(100_000).describe("Commands one command line may run"),
    maxFileBytes: z.int().min(1).default(16_777_216).describe("Bytes of the largest file"),
    seed: z.int().default(0).describe("Seed of everything random"),
    workerPermissions: z.enum(["inherit", "none"]).default("inherit").describe("Permissions of the worker"),
  });

type Settings = z.output<typeof options>;

/** The in-memory shell. Its files are lost when it is disposed; `/tmp` is kept as long as the workspace. */
export const memoryBash: Contribution<Runtime, MemoryBashOptions> = runtime(ID, {
  description: "Bash with text tools on files in memory; no host file, program or network",
  options,
  create: (settings) => new MemoryBash(settings, new Map(), 0),
});

class MemoryBash implements Runtime {
  readonly id = ID;
  readonly workspace = WORKSPACE;
  readonly #settings: Settings;
  readonly #shell: ShellWorker;
  #files: Map<string, FileEntry>;
  #ticks: number;
  #disposed = false;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(settings: Settings, files: FileMap, ticks: number) {
    this.#settings = settings;
    this.#shell = new ShellWorker(settings.workerPermissions);
    this.#files = new Map(files);
    this.#ticks = ticks;
  }

  exec(command: string, options: ExecOptions = {}): Promise<ExecResult> {
    const result = this.#queue.then(() => this.#exec(command, options));
    this.#queue = result.catch(() => {});
    return result;
  }

  async #exec(command: string, { cwd, env, stdin, timeoutMs, signal }: ExecOptions): Promise<ExecResult> {
    this.#use();
    const started = performance.now();
    const folder = this.#locate(cwd ?? ".", "run in");
    if (folder !== WORKSPACE && this.#files.get(folder)?.kind !== "directory") {
      throw fileAccess("run in", cwd ?? ".", "no such folder");
    }
    const limit = Math.min(timeoutMs ?? Infinity, this.#settings.timeoutMs);
    const outcome = await this.#shell.run({
      command,
      cwd: folder,
      env: env ?? {},
      stdin: stdin ?? "",
      files: this.#files,
      kept: KEPT,
      clock: this.#tick(),
      seed: this.#settings.seed + this.#ticks,
      limits: {
        maxOutputBytes: this.#settings.maxOutputBytes,
        maxCommands: this.#settings.maxCommands,
        maxWorkspaceBytes: 4 * this.#settings.maxFileBytes,
      },
    }, { timeoutMs: limit, signal });
    const durationMs = performance.now() - started;
    if (outcome.kind === "timeout") {
      return stopped(
        124,
        `bash: stopped after ${limit} ms; the workspace is as before the command`,
        durationMs,
      );
    }
    if (outcome.kind !== "done") this.#use(); // disposed meanwhile
    if (outcome.kind === "unstarted") {
      throw new Error(`Cannot start the worker of runtime "${ID}": ${outcome.message}`);
    }
    if (outcome.kind === "crash") {
      return stopped(137, `bash: ${outcome.message}; the workspace is as before the command`, durationMs);
    }
    const large = largest(outcome.files, this.#settings.maxFileBytes);
    if (large !== undefined) {
      const why = `bash: ${large}: larger than ${this.#settings.maxFileBytes} bytes`;
      return stopped(153, `${why}; the workspace is as before the command`, durationMs);
    }
    this.#files = new Map(outcome.files);
    const { stdout, stderr, exitCode, truncated } = outcome;
    return { stdout, stderr, exitCode, timedOut: false, truncated, durationMs };
  }

  // deno-lint-ignore require-await -- a failure is a rejection, not an exception
  async readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
    this.#use();
    const entry = this.#files.get(this.#locate(path, "read"));
    if (entry?.kind !== "file") {
      throw fileAccess("read", path, entry === undefined ? "no such file" : "it is a folder");
    }
    return entry.contents.slice();
  }

  // deno-lint-ignore require-await -- a failure is a rejection, not an exception
  async writeFile(path: string, contents: Uint8Array | string): Promise<void> {
    this.#use();
    const bytes = typeof contents === "string"
      ? new TextEncoder().encode(contents)
      : new Uint8Array(contents);
    const limit = this.#settings.maxFileBytes;
    if (bytes.length > limit) {
      throw fileAccess("write", path, `wanted at most ${limit} bytes: received ${bytes.length}`);
    }
    const place = this.#locate(path, "write");
    const old = this.#files.get(place);
    if (place === WORKSPACE || old?.kind === "directory") throw fileAccess("write", path, "it is a folder");
    const mtime = this.#tick();
    for (const folder of parents(place)) {
      const there = this.#files.get(folder);
      if (there === undefined) this.#files.set(folder, { kind: "directory", mode: 0o755, mtime });
      else if (there.kind !== "directory") throw fileAccess("write", path, `${folder} is not a folder`);
    }
    const mode = old?.kind === "file" ? old.mode : 0o644;
    this.#files.set(place, { kind: "file", mode, mtime, contents: bytes });
  }

  // deno-lint-ignore require-await -- a failure is a rejection, not an exception
  async remove(path: string): Promise<void> {
    this.#use();
    const place = this.#locate(path, "remove", false);
    for (const known of [...this.#files.keys()]) {
      if (known === place && place !== WORKSPACE || known.startsWith(`${place}/`)) this.#files.delete(known);
    }
  }

  // deno-lint-ignore require-await -- a failure is a rejection, not an exception
  async list(path: string): Promise<readonly WorkspaceEntry[]> {
    this.#use();
    const folder = this.#locate(path, "list");
    if (folder !== WORKSPACE && this.#files.get(folder)?.kind !== "directory") {
      throw fileAccess("list", path, "no such folder");
    }
    const entries: WorkspaceEntry[] = [];
    for (const [known, entry] of this.#files) {
      if (!known.startsWith(`${folder}/`) || known.indexOf("/", folder.length + 1) !== -1) continue;
      const size = entry.kind === "file" ? entry.contents.length : 0;
      entries.push({ path: known.slice(WORKSPACE.length + 1), kind: entry.kind, size });
    }
    return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  // deno-lint-ignore require-await -- a failure is a rejection, not an exception
  async snapshot(): Promise<WorkspaceSnapshot> {
    this.#use();
    return packFiles(ID, WORKSPACE, this.#files, this.#ticks);
  }

  // deno-lint-ignore require-await -- a failure is a rejection, not an exception
  async restore(snapshot: WorkspaceSnapshot): Promise<void> {
    this.#use();
    if (snapshot.runtime !== ID) {
      throw new GymError(
        "INVALID_DATA",
        `Cannot restore workspace: wanted a snapshot of "${ID}": received one of "${snapshot.runtime}"`,
        { wanted: ID, received: snapshot.runtime },
      );
    }
    const { files, ticks } = unpackFiles(WORKSPACE, snapshot);
    this.#files = files;
    this.#ticks = ticks;
  }

  // deno-lint-ignore require-await -- a failure is a rejection, not an exception
  async fork(): Promise<Runtime> {
    this.#use();
    return new MemoryBash(this.#settings, this.#files, this.#ticks); // entries are never changed in place
  }

  // deno-lint-ignore require-await -- the contract is asynchronous
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#shell[Symbol.dispose]();
    this.#files.clear();
  }

  /** Follows links, as a program in the workspace would, and refuses what ends outside. */
  #locate(path: string, act: string, followLast = true): string {
    let rest = workspacePath(WORKSPACE, path, act).slice(WORKSPACE.length + 1).split("/").filter(Boolean);
    let place = WORKSPACE;
    for (let links = 0; rest.length > 0;) {
      const next = `${place}/${rest[0]}`;
      rest = rest.slice(1);
      const entry = this.#files.get(next);
      if (entry?.kind !== "symlink" || (rest.length === 0 && !followLast)) {
        place = next;
        continue;
      }
      if (++links > 40) throw fileAccess(act, path, "too many links");
      const target = entry.target.startsWith("/") ? entry.target : `${place}/${entry.target}`;
      const led = [target, ...rest].join("/");
      rest = workspacePath(WORKSPACE, led, act, path).slice(WORKSPACE.length + 1).split("/").filter(Boolean);
      place = WORKSPACE;
    }
    return place;
  }

  #tick(): number {
    return EPOCH + 1000 * this.#ticks++;
  }

  #use(): void {
    if (this.#disposed) {
      throw new GymError("ENV_STATE", `Cannot use runtime "${ID}": it was disposed`, { id: ID });
    }
  }
}

function stopped(exitCode: number, why: string, durationMs: number): ExecResult {
  return {
    stdout: "",
    stderr: `${why}\n`,
    exitCode,
    timedOut: exitCode === 124,
    truncated: false,
    durationMs,
  };
}

function largest(files: FileMap, limit: number): string | undefined {
  for (const [path, entry] of files) if (entry.kind === "file" && entry.contents.length > limit) return path;
  return undefined;
}

function parents(path: string): string[] {
  const parts = path.slice(WORKSPACE.length + 1).split("/").slice(0, -1);
  return parts.map((_, index) => `${WORKSPACE}/${parts.slice(0, index + 1).join("/")}`);
}
