/**
 * What benchmarks beside other programs share: sides, each a process of its own that reads a job and writes a result, taking
 * turns so that noise meets all of them.
 *
 * @module
 */
import { cpus, totalmem } from "node:os";
import { join } from "node:path";

/** One of those that are compared. */
export interface Side {
  readonly name: string;
  /** Program and arguments; the paths of job and result follow them. */
  readonly command: readonly string[];
}

/** Path of a file beside this one. */
export const here = (name: string): string => new URL(name, import.meta.url).pathname;

/** The Python that bench/setup_train_peer.sh makes. */
export const python: string = here(".venv-train/bin/python");

/** Whether something is there. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** One of our own files as a side. */
export function ownSide(name: string, file: string, ...flags: readonly string[]): Side {
  return { name, command: [Deno.execPath(), "run", "-A", ...flags, here(file)] };
}

/** A Python file as a side. */
export function pythonSide(name: string, file: string): Side {
  return { name, command: [python, here(file)] };
}

/** Does a job once. @throws {Error} With the end of what the process said. */
export async function done<T>({ name, command }: Side, job: unknown, folder: string): Promise<T> {
  const [jobPath, resultPath] = [join(folder, "job.json"), join(folder, "result.json")];
  await Deno.writeTextFile(jobPath, JSON.stringify(job));
  const [program, ...args] = command;
  const { success, stderr } = await new Deno.Command(program!, {
    args: [...args, jobPath, resultPath],
    env: { HF_HUB_OFFLINE: "1", TOKENIZERS_PARALLELISM: "false" },
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return JSON.parse(await Deno.readTextFile(resultPath));
  const end = new TextDecoder().decode(stderr).trim().split("\n").slice(-3).join(" ");
  throw new Error(`Cannot do the job with ${name}: ${end}`);
}

/** All sides in turn, another one first in each round; a side that fails is told and left out. */
export async function inTurns<T>(
  sides: readonly Side[],
  rounds: number,
  work: (side: Side) => Promise<T>,
): Promise<Map<string, T[]>> {
  const results = new Map<string, T[]>(sides.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < sides.length; i++) {
      const side = sides[(round + i) % sides.length]!;
      const all = results.get(side.name);
      if (all === undefined) continue;
      try {
        all.push(await work(side));
      } catch (thrown) {
        console.log(`${side.name} left out: ${(thrown as Error).message}`);
        results.delete(side.name);
      }
    }
  }
  return results;
}

/** The machine, in a line. */
export function machineLine(): string {
  const gigabytes = (totalmem() / 1e9).toFixed(0);
  return `${
    cpus()[0]?.model ?? "unknown CPU"
  }, ${cpus().length} cores, ${gigabytes} GB; deno ${Deno.version.deno}`;
}

/** The most memory that this process has had. */
export function peakBytes(): number {
  if (Deno.build.os !== "linux") return Deno.memoryUsage().rss;
  return Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))![1]) * 1024;
}

/** The middle one of numbers. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A line of a table in Markdown. */
export function tableRow(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** The first two lines of a table. */
export function tableHead(cells: readonly string[]): string {
  return `${tableRow(cells)}\n|${" --- |".repeat(cells.length)}`;
}
