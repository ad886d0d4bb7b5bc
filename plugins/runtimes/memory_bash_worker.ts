/**
 * The worker behind the in-memory shell: builds a file system from the request, runs the command in it, and sends the
 * files back. Clock and randomness come with the request, so the same commands print the same bytes.
 *
 * @module
 */
import process from "node:process";
import type { BashOptions, InMemoryFs } from "just-bash";
import { seeded } from "../../core/prng.ts";
import type { FileEntry, FileMap, ShellLimits, ShellReply, ShellRequest } from "./memory_bash_protocol.ts";

// The shell reads the environment in places, which a worker without permissions must not do.
Object.defineProperty(process, "env", { value: {} });
const shell = import("just-bash");
await shell;
// A worker that inherits permissions keeps no door to them.
Reflect.deleteProperty(globalThis, "Deno");

const port = globalThis as unknown as {
  onmessage: (event: MessageEvent<ShellRequest>) => void;
  postMessage(reply: ShellReply): void;
};
port.onmessage = async (event) => port.postMessage(await run(event.data));
port.postMessage({ kind: "ready" });

async function run(request: ShellRequest): Promise<ShellReply> {
  setClock(request.clock);
  Math.random = seeded(request.seed);
  const { Bash, InMemoryFs } = await shell;
  const fs = new InMemoryFs({}, { maxTotalBytes: request.limits.maxWorkspaceBytes });
  await load(fs, request);
  const bash = new Bash({
    fs,
    cwd: request.cwd,
    env: { HOME: request.kept[0]!, USER: "user", ...request.env },
    defenseInDepth: false, // it patches globals; the worker is the wall
    executionLimits: limitsOf(request.limits),
  });
  const result = await bash.exec(request.command, { stdin: request.stdin, rawScript: true })
    .catch((thrown: unknown) => ({ stdout: "", stderr: `bash: ${messageOf(thrown)}\n`, exitCode: 126 }));
  const stdout = cut(result.stdout, request.limits.maxOutputBytes);
  const stderr = cut(result.stderr, request.limits.maxOutputBytes);
  return {
    kind: "done",
    stdout: stdout.text,
    stderr: stderr.text,
    exitCode: result.exitCode,
    truncated: stdout.cut || stderr.cut,
    files: await save(fs, request.kept),
  };
}

async function load(fs: InMemoryFs, { files, kept }: ShellRequest): Promise<void> {
  for (const folder of kept) fs.mkdirSync(folder, { recursive: true });
  for (const [path, entry] of files) {
    if (entry.kind === "directory") {
      fs.mkdirSync(path, { recursive: true });
      await fs.chmod(path, entry.mode);
    } else if (entry.kind === "symlink") await fs.symlink(entry.target, path);
    else {fs.writeFileSync(path, entry.contents, undefined, {
        mode: entry.mode,
        mtime: new Date(entry.mtime),
      });}
  }
}

async function save(fs: InMemoryFs, kept: readonly string[]): Promise<FileMap> {
  const files = new Map<string, FileEntry>();
  for (const path of fs.getAllPaths().sort()) {
    if (kept.some((folder) => path.startsWith(`${folder}/`))) files.set(path, await entryOf(fs, path));
  }
  return files;
}

async function entryOf(fs: InMemoryFs, path: string): Promise<FileEntry> {
  const stat = await fs.lstat(path);
  const mode = stat.mode & 0o7777;
  const mtime = stat.mtime.getTime();
  if (stat.isSymbolicLink) return { kind: "symlink", target: await fs.readlink(path) };
  if (stat.isDirectory) return { kind: "directory", mode, mtime };
  return { kind: "file", mode, mtime, contents: new Uint8Array(await fs.readFileBuffer(path)) };
}

function limitsOf(
  { maxCommands, maxWorkspaceBytes }: ShellLimits,
): NonNullable<BashOptions["executionLimits"]> {
  return {
    maxCommandCount: maxCommands,
    maxLoopIterations: maxCommands,
    maxAwkIterations: maxCommands,
    maxSedIterations: maxCommands,
    maxJqIterations: maxCommands,
    maxCallDepth: 100,
    maxStringLength: 16 * 1024 * 1024,
    maxOutputSize: 16 * 1024 * 1024,
    maxLiveBytes: 2 * maxWorkspaceBytes,
    maxArchiveBytes: maxWorkspaceBytes,
    maxArchiveEntryBytes: maxWorkspaceBytes,
  };
}

function cut(text: string, maxBytes: number): { text: string; cut: boolean } {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= maxBytes) return { text, cut: false };
  let end = maxBytes;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--; // never inside a character
  return { text: new TextDecoder().decode(bytes.subarray(0, end)), cut: true };
}

const RealDate = Date;

function setClock(now: number): void {
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, parts) => Reflect.construct(target, parts.length === 0 ? [now] : parts),
    get: (target, key) => key === "now" ? () => now : Reflect.get(target, key),
  });
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
