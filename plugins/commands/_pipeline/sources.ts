/**
 * Sources of a pipeline → one file of trajectories. Every source has a part of its own until all are there, so that
 * an interrupted run goes on in the middle of a source.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { LogIssue, LogSource } from "../../../core/adapter.ts";
import { GymError } from "../../../core/errors.ts";
import type { Kernel } from "../../../core/kernel.ts";
import { readLogs } from "../../../core/logs.ts";
import type { Task, Trajectory } from "../../../core/trajectory.ts";
import { openSources, writeAtomic, writeJsonl } from "../../files/mod.ts";
import { collectEpisodes } from "../_episodes/collect.ts";
import { shortHash } from "../_episodes/plan.ts";
import { limitedSetup } from "../_setup.ts";
import { readEvaluationReport } from "../_evaluation_report.ts";
import { readTasks } from "../_tasks.ts";
import type { RunFolder } from "./folder.ts";
import { countIssue, type IssueCount } from "./issues.ts";
import { rowsOf } from "./rows.ts";
import type { PipelineSource } from "./schema.ts";

/** What the sources need of the world around them. */
export interface SourceWorld {
  readonly kernel: Kernel;
  /** Folder that paths in the pipeline start from. */
  readonly base: string;
  readonly folder: RunFolder;
  readonly seed: number;
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  /** The line to type to go on after an interruption. */
  readonly again: string;
}

/** A source with its inputs read far enough to know what its result depends on. */
export interface PreparedSource {
  readonly name: string;
  readonly source: PipelineSource;
  readonly tasks: readonly Task[];
  /** Digest of configuration and input files. */
  readonly inputs: string;
}

/**
 * Reads task files and takes digests of logs.
 *
 * @throws {GymError} For what is missing or cannot be read, before any work is done.
 */
export async function prepareSource(source: PipelineSource, world: SourceWorld): Promise<PreparedSource> {
  const { name = "" } = source;
  const where = { cwd: world.base, stdin: noStdin };
  if (source.collect !== undefined) {
    const { concurrency: _, ...collect } = source.collect; // does not change the result
    const tasks = await readTasks(collect.tasks, where);
    return { name, source, tasks, inputs: shortHash([name, collect, tasks, world.seed]) };
  }
  const digests: string[] = [];
  for await (const log of openSources(source.logs ?? [], where)) {
    for (const file of log.files ?? [log]) digests.push(file.name, await digest(file));
  }
  const report = source.report === undefined
    ? null
    : [...await readEvaluationReport(source.report, world.base)];
  return { name, source, tasks: [], inputs: shortHash([name, source.format ?? null, digests, report]) };
}

/** Writes `trajectories.jsonl` of all sources in order. Returns how many, and what was wrong in logs. */
export async function gather(
  sources: readonly PreparedSource[],
  world: SourceWorld,
): Promise<{ readonly trajectories: number; readonly issues: readonly IssueCount[] }> {
  await Deno.mkdir(world.folder.file("parts"), { recursive: true });
  const issues: IssueCount[] = [];
  for (const prepared of sources) {
    world.progress(`source ${prepared.name}`);
    if (prepared.source.collect !== undefined) await play(prepared, world);
    else issues.push(...await readPart(prepared, world));
  }
  const trajectories = await writeJsonl(world.folder.file("trajectories.jsonl"), joined(sources, world));
  await Deno.remove(world.folder.file("parts"), { recursive: true });
  return { trajectories, issues };
}

/** Name of the file that holds a source's trajectories while others are still missing. */
function partOf({ name, inputs }: PreparedSource, world: SourceWorld): string {
  return world.folder.file("parts", `${name}-${inputs}.jsonl`);
}

async function play(prepared: PreparedSource, world: SourceWorld): Promise<void> {
  const collect = prepared.source.collect!;
  const file = partOf(prepared, world);
  await collectEpisodes({
    ...world,
    setup: limitedSetup(collect),
    // the same seeds in every source: two policies meet the same episodes
    schedule: { tasks: prepared.tasks, episodes: collect.episodes, seed: world.seed },
    file,
    shown: file,
    concurrency: collect.concurrency,
    timestamps: collect.timestamps,
  });
}

/** Reads the logs of a source, unless an earlier run has done so. */
async function readPart(prepared: PreparedSource, world: SourceWorld): Promise<readonly IssueCount[]> {
  const part = partOf(prepared, world);
  const issuesFile = part.replace(/\.jsonl$/, ".issues.json");
  const done = await Deno.stat(part).then(() => true, () => false);
  if (done) return JSON.parse(await Deno.readTextFile(issuesFile)) as IssueCount[];
  const counts = new Map<string, IssueCount>();
  const onIssue = (issue: LogIssue): void => countIssue(counts, prepared.name, issue);
  await writeJsonl(part, logsThenIssues());
  return [...counts.values()];

  async function* logsThenIssues(): AsyncGenerator<Trajectory> {
    yield* logTrajectories(prepared.source, world, onIssue);
    // before the part gets its name: a part that is there has its issues beside it
    await writeAtomic(issuesFile, JSON.stringify([...counts.values()]));
  }
}

async function* logTrajectories(
  source: PipelineSource,
  world: SourceWorld,
  onIssue: (issue: LogIssue) => void,
): AsyncGenerator<Trajectory> {
  const { kernel, base, signal, again } = world;
  const report = source.report === undefined
    ? {}
    : { report: await readEvaluationReport(source.report, base) };
  const format = source.format === undefined ? {} : { format: source.format };
  const logs = openSources(source.logs ?? [], { cwd: base, stdin: noStdin });
  for await (const read of readLogs(kernel, logs, { onIssue, signal, ...report, ...format })) {
    throwIfInterrupted(signal, again);
    yield read;
  }
  throwIfInterrupted(signal, again);
}

async function* joined(sources: readonly PreparedSource[], world: SourceWorld): AsyncGenerator<Trajectory> {
  for (const prepared of sources) {
    for await (const read of rowsOf(partOf(prepared, world))) {
      throwIfInterrupted(world.signal, world.again);
      yield { ...read, metadata: { ...read.metadata, run: { source: prepared.name } } };
    }
  }
}

/** @throws {GymError} `INTERRUPTED`, with the line to type to go on. */
export function throwIfInterrupted(signal: AbortSignal, again: string): void {
  if (!signal.aborted) return;
  throw new GymError(
    "INTERRUPTED",
    `Cannot finish the run: interrupted: what was finished is kept: type ${again} to go on`,
    { again },
  );
}

async function digest(file: LogSource): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of file.open()) hash.update(chunk);
  return hash.digest("hex");
}

/** A run reads files: it could not go on with what came through standard input. */
export function noStdin(): never {
  throw new GymError(
    "INVALID_DATA",
    'Cannot use pipeline: wanted files as input: received "-", standard input',
  );
}
