/**
 * What the in-memory shell and its worker say to each other. A worker keeps nothing between commands: every request
 * carries the files, every reply returns them, so stopping a worker loses one command and no workspace.
 *
 * @module
 */

/** A file, folder or link. `mode` has the permission bits, `mtime` milliseconds since 1970. */
export type FileEntry =
  | {
    readonly kind: "file";
    readonly mode: number;
    readonly mtime: number;
    readonly contents: Uint8Array<ArrayBuffer>;
  }
  | { readonly kind: "directory"; readonly mode: number; readonly mtime: number }
  | { readonly kind: "symlink"; readonly target: string };

/** Everything under the kept folders by absolute path; the folders themselves are left out. */
export type FileMap = ReadonlyMap<string, FileEntry>;

/** Bounds of one command. */
export interface ShellLimits {
  /** Bytes of each output stream that are kept. */
  readonly maxOutputBytes: number;
  /** Commands, and turns of loops, that one command line may run. */
  readonly maxCommands: number;
  /** Bytes all files may have together. */
  readonly maxWorkspaceBytes: number;
}

/** Runs one command line. */
export interface ShellRequest {
  readonly command: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  readonly files: FileMap;
  /** Folders that outlive the command. */
  readonly kept: readonly string[];
  /** What the clock shows throughout the command, in milliseconds since 1970. */
  readonly clock: number;
  /** Seed of everything random in the command. */
  readonly seed: number;
  readonly limits: ShellLimits;
}

/** What a worker says: once that it is ready, then one reply a request. */
export type ShellReply =
  | { readonly kind: "ready" }
  | {
    readonly kind: "done";
    readonly stdout: string;
    readonly stderr: string;
    readonly exitCode: number;
    readonly truncated: boolean;
    readonly files: FileMap;
  };
