/**
 * The folder of one run: its files, and a journal of which stage finished with which inputs.
 *
 * @module
 */
import { join } from "node:path";
import { readJsonl } from "../../../core/jsonl.ts";
import type { Json } from "../../../core/schema.ts";
import { fileError, JsonlAppender, writeAtomic } from "../../files/mod.ts";
import { lockFile } from "../../files/lock.ts";

/** What a stage tells for the summary. */
export type StageFacts = Readonly<Record<string, Json>>;

/** One line of the journal. */
interface Entry {
  readonly at: string;
  readonly stage: string;
  /** Digest of everything that the stage's result depends on. */
  readonly inputs: string;
  readonly event: "started" | "finished";
  readonly facts?: StageFacts;
}

/** A locked run folder. */
export class RunFolder implements AsyncDisposable {
  /** Absolute path. */
  readonly path: string;
  readonly #journal: JsonlAppender;
  readonly #lock: AsyncDisposable;
  readonly #now: () => number;
  readonly #last: Map<string, Entry>;

  private constructor(
    path: string,
    journal: JsonlAppender,
    lock: AsyncDisposable,
    now: () => number,
    last: Map<string, Entry>,
  ) {
    this.path = path;
    this.#journal = journal;
    this.#lock = lock;
    this.#now = now;
    this.#last = last;
  }

  /**
   * Makes the folder, or goes on with the one that is there.
   *
   * @param shown Path for messages.
   * @throws {GymError} `FILE_ACCESS` when it cannot be written or another process is at work in it.
   */
  static async open(path: string, shown: string, now: () => number): Promise<RunFolder> {
    const lock = await lockFile(join(path, ".lock"), shown);
    try {
      const file = join(path, "journal.jsonl");
      const journal = await JsonlAppender.open(file);
      const last = new Map<string, Entry>();
      for await (const { value } of readJsonl((await Deno.open(file)).readable, { file })) {
        last.set((value as Entry).stage, value as Entry); // our own file: nobody else writes it
      }
      return new RunFolder(path, journal, lock, now, last);
    } catch (thrown) {
      await lock[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** Path of a file in the folder. */
  file(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  /** Writes a small file whole. */
  async write(name: string, contents: string): Promise<void> {
    await writeAtomic(this.file(name), contents);
  }

  /**
   * Runs a stage that writes `output`, or takes its facts from the journal when it finished with the same inputs
   * and the output is there.
   *
   * @param work Is told whether the stage was begun with the same inputs before, and not finished.
   */
  async stage(
    name: string,
    inputs: string,
    output: string,
    work: (begun: boolean) => Promise<StageFacts>,
  ): Promise<{ readonly facts: StageFacts; readonly skipped: boolean }> {
    const last = this.#last.get(name);
    if (last?.event === "finished" && last.inputs === inputs && await exists(this.file(output))) {
      return { facts: last.facts ?? {}, skipped: true };
    }
    const begun = last?.event === "started" && last.inputs === inputs;
    await this.#record({ stage: name, inputs, event: "started" });
    const facts = await work(begun);
    await this.#record({ stage: name, inputs, event: "finished", facts });
    return { facts, skipped: false };
  }

  async #record(entry: Omit<Entry, "at">): Promise<void> {
    const whole: Entry = { at: new Date(this.#now()).toISOString(), ...entry };
    this.#last.set(entry.stage, whole);
    await this.#journal.append(whole);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#journal.close();
    await this.#lock[Symbol.asyncDispose]();
  }
}

/** Makes the link `latest` beside a run folder lead to it. On systems without links, nothing happens. */
export async function linkLatest(runs: string, name: string): Promise<void> {
  const [link, fresh] = [join(runs, "latest"), join(runs, `.latest-${name}`)];
  try {
    await Deno.remove(fresh).catch(() => {});
    await Deno.symlink(name, fresh, { type: "dir" });
    await Deno.rename(fresh, link);
  } catch (thrown) {
    await Deno.remove(fresh).catch(() => {});
    if (Deno.build.os !== "windows") throw fileError("write", link, thrown);
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
