/** The real program as a process, as a person types it. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of this package. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url));

/** Arguments of Deno before those of the program. */
export const CLI: readonly string[] = [
  "run",
  "-A",
  "--config",
  join(root, "deno.json"),
  join(root, "cli.ts"),
];

/** What became of a process. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a process meets. */
export interface Typed {
  /** What comes on standard input, which is closed then; a function gets the pipe and a promise of the end. */
  readonly stdin?:
    | string
    | ((write: (text: string) => Promise<void>, ended: Promise<unknown>) => Promise<void>);
  /** Sees everything standard output said so far. */
  readonly onStdout?: (text: string, child: Deno.ChildProcess) => void;
  /** Sees everything standard error said so far. */
  readonly onStderr?: (text: string, child: Deno.ChildProcess) => void;
  /** Beside those of this process. */
  readonly env?: Record<string, string>;
}

/** Types a line: words, or a text whose words are separated by single spaces. */
export async function gym(cwd: string, line: string | readonly string[], typed: Typed = {}): Promise<Ended> {
  const words = typeof line === "string" ? line.split(" ") : line;
  return await ended(Deno.execPath(), [...CLI, ...words], cwd, typed);
}

/** Types a line into a shell that knows the program as `gym`. A pipe fails when any part of it does. */
export async function shell(cwd: string, line: string, typed: Typed = {}): Promise<Ended> {
  const words = [Deno.execPath(), ...CLI].map((word) => `"${word}"`).join(" ");
  return await ended("bash", ["-c", `gym() { ${words} "$@"; }; set -o pipefail; ${line}`], cwd, typed);
}

/** A test with a folder of its own, gone at the end. */
export function inFolder(name: string, test: (folder: string) => Promise<void>): void {
  Deno.test(name, () => withFolder(test));
}

/** A folder that is gone at the end. */
export async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "gym-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function ended(program: string, args: readonly string[], cwd: string, typed: Typed): Promise<Ended> {
  const { stdin = "", onStdout = () => {}, onStderr = () => {}, env = {} } = typed;
  const pipes = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  const child = new Deno.Command(program, { args: [...args], cwd, env: { NO_COLOR: "1", ...env }, ...pipes })
    .spawn();
  const read = async (from: ReadableStream<Uint8Array<ArrayBuffer>>, seen: typeof onStdout) => {
    let said = "";
    for await (const text of from.pipeThrough(new TextDecoderStream())) seen(said += text, child);
    return said;
  };
  const talking = talk(child, stdin);
  const [stdout, stderr] = await Promise.all([read(child.stdout, onStdout), read(child.stderr, onStderr)]);
  await talking;
  return { code: (await child.status).code, stdout, stderr };
}

/** Writes standard input; a program that has ended reads no more, which is no failure. */
async function talk(child: Deno.ChildProcess, stdin: NonNullable<Typed["stdin"]>): Promise<void> {
  const writer = child.stdin.getWriter();
  writer.closed.catch(() => {});
  const write = (text: string) => writer.write(new TextEncoder().encode(text));
  try {
    if (typeof stdin === "string") await write(stdin);
    else await stdin(write, child.status);
    await writer.close();
  } catch {
    // It had ended.
  }
}
