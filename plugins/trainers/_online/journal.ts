/**
 * The journal of an online run: which stage of which iteration is finished, and what it came to.
 *
 * A stage that wrote its file is not done again when the run goes on after a kill: what the policy did stays what it was.
 * Entries hold no times, so that the same run leaves the same journal.
 *
 * @module
 */
import { join } from "node:path";
import { readJsonl } from "../../../core/jsonl.ts";
import type { Json } from "../../../core/schema.ts";
import type { Trajectory } from "../../../core/trajectory.ts";
import { JsonlAppender, writeAtomic, writeJsonl } from "../../files/mod.ts";
import { refuseOther } from "../_config_hash.ts";

/** What a stage came to. */
export type Facts = Readonly<Record<string, Json>>;

/** A line of the journal. */
export interface JournalEntry {
  /** From 1; 0 is before any training. */
  readonly iteration: number;
  readonly stage: string;
  readonly event: "started" | "finished";
  readonly facts?: Facts;
}

/** What {@linkcode Journal.open} takes. */
export interface JournalOptions {
  /** Hash of the settings that must not change. */
  readonly config: string;
  /** Whether to go on with what is there; otherwise it is removed. */
  readonly resume: boolean;
}

const FILE = "journal.jsonl";
const FOLDERS = ["iterations", "evaluations"] as const;
const SCHEMA = "gym.online/1";

/** Stages of one run, in its folder. */
export class Journal implements AsyncDisposable {
  readonly #folder: string;
  readonly #appender: JsonlAppender;
  readonly #entries: JournalEntry[];

  private constructor(folder: string, appender: JsonlAppender, entries: JournalEntry[]) {
    this.#folder = folder;
    this.#appender = appender;
    this.#entries = entries;
  }

  /** Opens the journal. @throws {GymError} `INVALID_DATA` for that of a run with other settings; `FILE_ACCESS`. */
  static async open(folder: string, { config, resume }: JournalOptions): Promise<Journal> {
    const file = join(folder, FILE);
    if (!resume) {
      for (const name of [FILE, ...FOLDERS]) {
        await Deno.remove(join(folder, name), { recursive: true }).catch(() => {}); // there may be none
      }
    }
    for (const name of FOLDERS) await removeLeftovers(join(folder, name));
    const appender = await JsonlAppender.open(file);
    const lines: unknown[] = [];
    for await (const { value } of readJsonl((await Deno.open(file)).readable, { file })) lines.push(value);
    const [header, ...entries] = lines as [{ config: string } | undefined, ...JournalEntry[]]; // our own file
    try {
      if (header === undefined) await appender.append({ schema: SCHEMA, config });
      else refuseOther(folder, "options", header.config, config);
      return new Journal(folder, appender, entries);
    } catch (thrown) {
      await appender.close();
      throw thrown;
    }
  }

  /** The newest entry of each finished stage, in the order of iterations. */
  get finished(): readonly JournalEntry[] {
    const newest = new Map<string, JournalEntry>();
    for (const entry of this.#entries) {
      if (entry.event === "finished") newest.set(`${entry.iteration} ${entry.stage}`, entry);
    }
    return [...newest.values()].sort((a, b) => a.iteration - b.iteration);
  }

  /** Path of a file of the run. */
  file(...names: readonly string[]): string {
    return join(this.#folder, ...names);
  }

  /** Path of a file of an iteration. */
  iterationFile(iteration: number, name: string): string {
    return this.file("iterations", padded(iteration), name);
  }

  /** Path of the held-out episodes that were played after an iteration. */
  evaluationFile(iteration: number): string {
    return this.file("evaluations", `${padded(iteration)}.jsonl`);
  }

  /** A stage that makes episodes: plays them, or reads those that it made before. */
  async episodes(
    iteration: number,
    stage: string,
    file: string,
    work: () => Promise<readonly Trajectory[]>,
    factsOf: (episodes: readonly Trajectory[]) => Facts,
  ): Promise<readonly Trajectory[]> {
    if (this.#isFinished(iteration, stage)) {
      const kept = await readEpisodes(file);
      if (kept !== null) return kept;
    }
    await this.append({ iteration, stage, event: "started" });
    const episodes = await work();
    await Deno.mkdir(join(file, ".."), { recursive: true });
    await writeJsonl(file, episodes);
    await this.append({ iteration, stage, event: "finished", facts: factsOf(episodes) });
    return episodes;
  }

  /** A stage that makes data: makes them, or reads what it made before. */
  async data<T extends Json>(iteration: number, stage: string, work: () => Promise<T>): Promise<T> {
    const file = this.iterationFile(iteration, `${stage}.json`);
    if (this.#isFinished(iteration, stage)) {
      const kept = await Deno.readTextFile(file).catch(() => null);
      if (kept !== null) return JSON.parse(kept) as T; // our own file
    }
    await this.append({ iteration, stage, event: "started" });
    const made = await work();
    await Deno.mkdir(join(file, ".."), { recursive: true });
    await writeAtomic(file, `${JSON.stringify(made)}\n`);
    await this.append({ iteration, stage, event: "finished" });
    return made;
  }

  /** Notes what a stage came to; a note that is there already is not made again. */
  async note(iteration: number, stage: string, facts: Facts): Promise<void> {
    const before = this.#last(iteration, stage);
    if (before !== undefined && JSON.stringify(before.facts) === JSON.stringify(facts)) return;
    await this.append({ iteration, stage, event: "finished", facts });
  }

  /** Adds a line. */
  async append(entry: JournalEntry): Promise<void> {
    this.#entries.push(entry);
    await this.#appender.append(entry);
  }

  /** Closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#appender.close();
  }

  #isFinished(iteration: number, stage: string): boolean {
    return this.#last(iteration, stage)?.event === "finished";
  }

  #last(iteration: number, stage: string): JournalEntry | undefined {
    return this.#entries.findLast((entry) => entry.iteration === iteration && entry.stage === stage);
  }
}

/** Episodes that a stage wrote; null when the file is gone. */
export async function readEpisodes(file: string): Promise<Trajectory[] | null> {
  const opened = await Deno.open(file).catch(() => null);
  if (opened === null) return null;
  const episodes: Trajectory[] = [];
  for await (const { value } of readJsonl(opened.readable, { file })) episodes.push(value as Trajectory); // our own
  return episodes;
}

/** Removes what a killed process was about to write. */
async function removeLeftovers(folder: string): Promise<void> {
  const entries = await Array.fromAsync(Deno.readDir(folder)).catch(() => []); // there may be no such folder
  for (const { name, isDirectory } of entries) {
    if (isDirectory) await removeLeftovers(join(folder, name));
    else if (/^\..*\.tmp$/.test(name)) await Deno.remove(join(folder, name));
  }
}

function padded(iteration: number): string {
  return String(iteration).padStart(6, "0");
}
