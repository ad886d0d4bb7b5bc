/**
 * Runtimes: where tools run. A runtime holds a workspace of files and runs commands in it, and nothing else.
 *
 * Paths are relative to the workspace or absolute inside it; a path that leads out of it is refused.
 *
 * @module
 */
import { defineKind, type Kind } from "./kind.ts";

/** What {@linkcode Runtime.exec} takes beside the command. */
export interface ExecOptions {
  /** Folder inside the workspace. @default the workspace */
  readonly cwd?: string;
  /** Variables of the environment, and no others. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the command reads. @default "" */
  readonly stdin?: string;
  /** The command is killed after this. */
  readonly timeoutMs?: number;
  /** Aborting kills the command; `exec` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a command did. */
export interface ExecResult {
  /** What it printed, decoded as UTF-8 with replacement. */
  readonly stdout: string;
  /** What it printed as errors. */
  readonly stderr: string;
  /** 0 to 255; 124 after the time was up. */
  readonly exitCode: number;
  /** Whether the time was up. */
  readonly timedOut: boolean;
  /** Whether output was cut at the runtime's limit. */
  readonly truncated: boolean;
  /** Wall time in milliseconds. */
  readonly durationMs: number;
}

/** A file or folder in the workspace. */
export interface WorkspaceEntry {
  /** Path relative to the workspace, with `/`. */
  readonly path: string;
  /** What it is. */
  readonly kind: "file" | "directory" | "symlink";
  /** Bytes; 0 for folders. */
  readonly size: number;
}

/** Contents of a workspace, taken at one moment. Opaque outside the runtime that made it, but plain data. */
export interface WorkspaceSnapshot {
  /** Id of the runtime that made it. */
  readonly runtime: string;
  /** Path to contents, base64. */
  readonly files: Readonly<Record<string, string>>;
  /** Further state of the runtime, as data. */
  readonly extra?: Readonly<Record<string, string>>;
}

/** One workspace. */
export interface Runtime extends AsyncDisposable {
  /** Id of the contribution. */
  readonly id: string;
  /** Absolute path of the workspace as commands see it. */
  readonly workspace: string;
  /** Runs a command line of the shell (`bash -c`). A command that fails is a result, not an exception. */
  exec(command: string, options?: ExecOptions): Promise<ExecResult>;
  /** Reads a file. @throws {GymError} `FILE_ACCESS` when there is no such file or the path leads out. */
  readFile(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Writes a file, making its folders. @throws {GymError} `FILE_ACCESS` when the path leads out. */
  writeFile(path: string, contents: Uint8Array | string): Promise<void>;
  /** Removes a file or a folder with all it holds; a missing one is no error. */
  remove(path: string): Promise<void>;
  /** What lies directly in a folder, sorted by path. */
  list(path: string): Promise<readonly WorkspaceEntry[]>;
  /** The workspace as it is now. */
  snapshot(): Promise<WorkspaceSnapshot>;
  /** Puts a snapshot of the same kind of runtime back. */
  restore(snapshot: WorkspaceSnapshot): Promise<void>;
  /** An independent workspace with the same contents. */
  fork(): Promise<Runtime>;
}

/** The kind of runtimes. */
export const runtime: Kind<Runtime> = defineKind<Runtime>("runtime");
