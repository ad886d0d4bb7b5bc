/**
 * Units → lines of a file, in order, so that it can be stopped at any moment and gone on with.
 *
 * @module
 */
import { GymError } from "../../../core/errors.ts";
import { readJsonl } from "../../../core/jsonl.ts";
import type { Kernel } from "../../../core/kernel.ts";
import { policy } from "../../../core/policy.ts";
import type { Trajectory } from "../../../core/trajectory.ts";
import { JsonlAppender } from "../../files/mod.ts";
import { lockFile } from "../../files/lock.ts";
import { inOrder } from "./ordered.ts";
import { checkSetup, playUnit } from "./play.ts";
import { planUnits, type Schedule, type Setup, type Unit, unitKey } from "./plan.ts";

/** What {@linkcode collectEpisodes} takes. */
export interface CollectJob {
  readonly kernel: Kernel;
  readonly setup: Setup;
  readonly schedule: Schedule;
  /** File to append to, absolute. */
  readonly file: string;
  /** Episodes at once. Does not change the result. */
  readonly concurrency: number;
  readonly timestamps: boolean;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** The file as the user wrote it, for messages. */
  readonly shown: string;
  /** What to type to go on after an interruption. */
  readonly again: string;
  /** Told now and then how far it is. */
  readonly progress: (line: string) => void;
}

/** What became of the episodes of one call. */
export interface CollectReport {
  /** Episodes asked for. */
  readonly planned: number;
  /** Episodes that the file already had. */
  readonly skipped: number;
  /** Episodes played now. */
  readonly played: number;
  readonly steps: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Episodes that an error ended. */
  readonly errors: number;
}

/**
 * Plays what the file does not hold yet and appends it. The file is locked meanwhile.
 *
 * @throws {GymError} `INTERRUPTED` when the signal came; the file then holds every episode up to there.
 */
export async function collectEpisodes(job: CollectJob): Promise<CollectReport> {
  const setup = await checkSetup(job.kernel, job.setup);
  const units = planUnits(setup, job.schedule);
  await using _lock = await lockFile(`${job.file}.lock`, job.shown);
  await using out = await JsonlAppender.open(job.file);
  const finished = await finishedUnits(job.file);
  const open = units.filter(({ key }) => !finished.has(key));
  await using _held = open.length === 0 ? null : await heldPolicy(job.kernel, setup);
  const report = { played: 0, steps: 0, succeeded: 0, failed: 0, errors: 0 };
  const play = (unit: Unit): Promise<Trajectory | null> => playUnit(unit, { ...job, setup });
  const shown = Math.max(1, Math.ceil(open.length / 20)); // at most twenty lines of progress
  for await (const played of inOrder(open, job.concurrency, play)) {
    if (played === null) break;
    await out.append(played);
    count(report, played);
    if (report.played % shown === 0 || report.played === open.length) {
      job.progress(`${report.played}/${open.length} ${line(played)}`);
    }
  }
  if (job.signal.aborted && report.played < open.length) {
    throw new GymError(
      "INTERRUPTED",
      `Cannot finish collecting: interrupted after ${report.played} of ${open.length} episodes, which are kept in ${job.shown}: type ${job.again} to go on`,
      { file: job.file, played: report.played, open: open.length },
    );
  }
  return { planned: units.length, skipped: units.length - open.length, ...report };
}

/**
 * A policy that plays nothing: what the policies of all episodes share, such as the session of a local model, stays open
 * from one episode to the next.
 */
async function heldPolicy(kernel: Kernel, { policy: { id, options } }: Setup): Promise<AsyncDisposable> {
  const held = await kernel.make(policy, id, options);
  return { [Symbol.asyncDispose]: async () => await held[Symbol.asyncDispose]?.() };
}

/** Keys of the units that a file holds. */
async function finishedUnits(file: string): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  const { readable } = await Deno.open(file);
  for await (const { value } of readJsonl(readable, { file })) {
    const unit = (value as Partial<Trajectory> | null)?.metadata?.["unit"];
    if (unit !== undefined) keys.add(unitKey(unit));
  }
  return keys;
}

function count(
  report: { -readonly [K in keyof Omit<CollectReport, "planned" | "skipped">]: number },
  played: Trajectory,
): void {
  report.played++;
  report.steps += played.steps.length;
  if (played.outcome.success === true) report.succeeded++;
  if (played.outcome.success === false) report.failed++;
  if (played.outcome.error !== null) report.errors++;
}

function line(played: Trajectory): string {
  const { success, error } = played.outcome;
  const end = error !== null
    ? `error: ${error}`
    : success === null
    ? "outcome unknown"
    : success
    ? "success"
    : "failure";
  return `${played.agent} on ${played.task.id || "(unnamed task)"}: ${played.steps.length} steps, ${end}`;
}
